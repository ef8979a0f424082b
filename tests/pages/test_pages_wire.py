"""The page's own client against the real service, and against servers that misbehave."""

from contextlib import asynccontextmanager, suppress
from functools import partial

import pytest
import trio
from javascript import scenario
from running import QUICK, running
from trio_websocket import serve_websocket

from sts_actors.gateway import Server, serve

READY = {"stream_id": "s", "session_id": "t", "max_inflight": 3, "target_languages": ["pt"]}


async def test_a_dub_in_two_languages_comes_whole_and_in_order():
    async with running(**QUICK) as service:
        out = await scenario("dub", service.url, pieces=5, request={"target_languages": ["pt", "es-MX"]})
    assert out["ended"] is None
    assert out["sent"] == [16_000] * 5
    assert [track["language"] for track in out["tracks"]] == ["pt", "es-mx"]
    for track in out["tracks"]:
        assert track["lengths"][:5] == [16_000] * 5
        assert track["complete"]
        assert any(track["loud"])
        assert track["said"]
        assert track["language"].split("-")[0] in track["spoken"]


async def test_a_token_is_shown_as_workers_show_theirs():
    async with running(**QUICK, auth_token="open sesame") as service:
        right = await scenario("dub", service.url, pieces=1, token="open sesame")
        wrong = await scenario("dub", service.url, pieces=1, token="wrong")
        none = await scenario("connect", service.url)
    assert right["ended"] is None
    assert (wrong["ended"]["name"], wrong["ended"]["code"]) == ("Refused", "AUTH_FAILED")
    assert "token" in wrong["ended"]["plain"]
    assert none["code"] == "AUTH_FAILED"


@pytest.mark.parametrize(
    ("request_", "code", "word"),
    [
        ({"voices": {"pt": "nobody"}}, "INVALID_VOICE_PROFILE", "nobody"),
        ({"source_language": "!"}, "UNSUPPORTED_LANGUAGE", "source_language"),
        ({"target_languages": []}, "INVALID_CONFIG", "target_languages"),
    ],
)
async def test_a_refused_stream_is_told_in_words_and_with_what_the_service_says(request_, code, word):
    async with running(**QUICK) as service:
        out = await scenario("dub", service.url, pieces=1, request=request_)
    assert (out["ended"]["name"], out["ended"]["code"]) == ("ServiceError", code)
    assert word in out["ended"]["plain"]
    assert out["sent"] == []


async def test_nobody_there_is_told_as_a_lost_connection():
    out = await scenario("connect", "http://127.0.0.1:1")
    assert (out["name"], out["reason"]) == ("Lost", "transport error")
    assert "connection" in out["plain"]


async def test_a_stopped_dub_keeps_what_was_sent():
    async with running(**QUICK) as service:
        out = await scenario("stop", service.url)
    assert out["ended"] is None
    assert 0 < len(out["sent"]) < 9
    assert out["tracks"][0]["complete"]


async def test_one_who_leaves_is_not_told_of_a_loss():
    async with running(**QUICK) as service:
        out = await scenario("leave", service.url)
    assert out["ended"] is None
    assert len(out["sent"]) < 9


async def test_pieces_wait_while_the_service_says_pause_and_none_is_refused():
    crowded = {"backpressure_low": 1, "backpressure_medium": 2, "backpressure_high": 3, "max_inflight": 10}
    slow = {**QUICK, "fake_asr_latency_s": 0.15}
    async with running(**slow, **crowded) as service:
        out = await scenario("frames", service.url, pieces=10, request={"live": True})
    assert out["ended"] is None
    assert out["tracks"][0]["failures"] == []
    paused, slow_since, paces = False, None, set()
    for frame in out["frames"]:
        got, said = frame.get("got", ""), frame.get("said", "")
        if "backpressure" in got:
            paces.add("pause" if '"pause"' in got else "slow_down" if '"slow_down"' in got else "none")
            paused = (paused or '"pause"' in got) and '"none"' not in got
            slow_since = frame["at"] if '"slow_down"' in got else None
        if "fragment:data" in said:
            assert not paused
            # What was being sent when the word came was on its way already; then half a second passes.
            if slow_since is not None:
                assert frame["at"] - slow_since >= 400
    assert paces >= {"pause", "none"}


async def test_a_hurried_source_sends_its_first_piece_alone_and_then_as_many_as_the_service_takes():
    async with running(**{**QUICK, "fake_asr_latency_s": 0.1}) as service:
        out = await scenario("frames", service.url, pieces=5)
    told = [
        "sent" if "fragment:data" in frame.get("said", "") else "answered"
        for frame in out["frames"]
        if "fragment:data" in frame.get("said", "") or "fragment:processed" in frame.get("got", "")
    ]
    assert told[:4] == ["sent", "answered", "sent", "sent"]
    assert out["ended"] is None


async def test_pings_are_answered_for_as_long_as_the_page_is_open():
    async with running(**QUICK, ping_interval_s=0.1, ping_timeout_s=1.0) as service:
        out = await scenario("pings", service.url, pings=3)
    assert out == {"still": None, "pongs": 3, "gone": "io client disconnect"}


async def test_an_error_about_no_piece_is_told_and_the_stream_goes_on():
    async with running(**QUICK) as service:
        out = await scenario("ended_twice", service.url)
    assert out["told"] == ["STREAM_NOT_FOUND"]
    assert out["complete"]["total_fragments"] == 1


@asynccontextmanager
async def scripted():
    """A Socket.IO server that opens streams; the rest is the test's. `server.url` is where."""
    server = Server()

    async def init(sid, _):
        await server.emit("stream:ready", READY, to=sid)

    server.on("stream:init", init)
    async with trio.open_nursery() as nursery:
        (address, *_) = await nursery.start(partial(serve, server, "127.0.0.1", 0))
        server.url = f"http://127.0.0.1:{address[1]}"
        yield server
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def breakable(url):
    """An address that leads to `url`, and what cuts all that came over it."""
    streams = []

    async def pump(source, sink):
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            async for data in source:
                await sink.send_all(data)

    async def lead(client):
        upstream = await trio.open_tcp_stream("127.0.0.1", int(url.rpartition(":")[2]))
        streams.extend([client, upstream])
        async with trio.open_nursery() as nursery:
            nursery.start_soon(pump, client, upstream)
            nursery.start_soon(pump, upstream, client)

    async def snap():
        for stream in streams:
            await trio.aclose_forcefully(stream)

    async with trio.open_nursery() as nursery:
        (listener,) = await nursery.start(partial(trio.serve_tcp, lead, 0, host="127.0.0.1"))
        yield f"http://127.0.0.1:{listener.socket.getsockname()[1]}", snap
        nursery.cancel_scope.cancel()


def processed(fragment):
    return {
        "fragment_id": fragment["fragment_id"],
        "sequence_number": fragment["sequence_number"],
        "target_language": "pt",
        "status": "success",
        "dubbed_audio": fragment["audio"],
        "transcript": "said",
        "translated_text": "spoken",
    }


async def test_what_was_dubbed_before_the_connection_went_is_kept():
    async with scripted() as server:

        async def fragment(sid, payload):
            if payload["sequence_number"] == 0:
                await server.emit("fragment:processed", processed(payload), to=sid)
            else:
                await server.disconnect(sid)

        server.on("fragment:data", fragment)
        out = await scenario("dub", server.url, pieces=9)
    assert (out["ended"]["name"], out["ended"]["reason"]) == ("Lost", "io server disconnect")
    assert out["tracks"][0]["lengths"] == [16_000]
    assert out["tracks"][0]["spoken"] == "spoken"


async def test_a_connection_that_breaks_off_is_told():
    async with scripted() as server, breakable(server.url) as (url, snap):

        async def fragment(sid, payload):
            if payload["sequence_number"] == 0:
                await server.emit("fragment:processed", processed(payload), to=sid)
            else:
                await snap()

        server.on("fragment:data", fragment)
        out = await scenario("dub", url, pieces=9)
    assert (out["ended"]["name"], out["ended"]["reason"]) == ("Lost", "transport close")
    assert out["tracks"][0]["lengths"] == [16_000]


async def test_a_service_that_is_about_to_stop_is_told_as_such_and_what_was_dubbed_is_kept():
    async with scripted() as server:

        async def fragment(sid, payload):
            await server.emit("fragment:processed", processed(payload), to=sid)
            if payload["sequence_number"] == 1:
                told = {
                    "code": "SERVER_DRAINING",
                    "message": "no more",
                    "retryable": True,
                    "severity": "error",
                }
                await server.emit("error", told, to=sid)
                await server.emit("stream:complete", {"stream_id": "s", "total_fragments": 2}, to=sid)

        server.on("fragment:data", fragment)
        out = await scenario("dub", server.url, pieces=9)
    assert out["noted"] == ["SERVER_DRAINING"]
    assert out["ended"]["code"] == "SERVER_DRAINING"
    assert "about to stop" in out["ended"]["plain"]
    assert out["tracks"][0]["lengths"][:2] == [16_000, 16_000]


async def test_a_refused_piece_is_told_once_and_leaves_silence():
    async with scripted() as server:

        async def fragment(sid, payload):
            fault = {"code": "INVALID_AUDIO_FORMAT", "message": "no", "fragment_id": payload["fragment_id"]}
            answer = {**processed(payload), "status": "failed", "error": fault, "dubbed_audio": None}
            await server.emit("error", fault, to=sid)
            await server.emit("fragment:processed", answer, to=sid)

        async def end(sid, *_):
            await server.emit("stream:complete", {"stream_id": "s", "total_fragments": 2}, to=sid)

        server.on("fragment:data", fragment)
        server.on("stream:end", end)
        out = await scenario("dub", server.url, pieces=2)
    assert "noted" not in out
    assert out["ended"] is None
    (track,) = out["tracks"]
    assert (track["failures"], track["loud"]) == (["INVALID_AUDIO_FORMAT"] * 2, [False, False])
    assert track["lengths"] == [16_000] * 2


async def test_a_stream_that_ends_before_all_was_sent_has_ended_early():
    async with scripted() as server:

        async def fragment(sid, payload):
            await server.emit("fragment:processed", processed(payload), to=sid)
            await server.emit("stream:complete", {"stream_id": "s", "total_fragments": 1}, to=sid)

        server.on("fragment:data", fragment)
        out = await scenario("dub", server.url, pieces=9)
    assert out["ended"]["code"] == "ENDED_EARLY"


async def test_a_stream_that_is_complete_without_an_answer_has_ended_early():
    async with scripted() as server:

        async def end(sid, *_):
            await server.emit("stream:complete", {"stream_id": "s", "total_fragments": 0}, to=sid)

        server.on("stream:end", end)
        out = await scenario("dub", server.url, pieces=1)
    assert out["ended"]["code"] == "ENDED_EARLY"


async def test_a_server_can_be_asked_and_events_come_with_what_they_say():
    async with scripted() as server:
        server.on("echo", lambda sid, *args: args)

        async def ask(sid):
            return await server.call("question", {"x": 1}, to=sid)

        async def never(sid):
            await trio.sleep_forever()

        server.on("ask", ask)
        server.on("never", never)
        out = await scenario("acknowledgements", server.url)
    assert out["echo"] == ["é", {"n": [1, None]}]
    assert out["heard"] == [["question", {"x": 1}]]
    assert out["left"]["reason"] == out["after"]["reason"] == "io client disconnect"


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        (['0{"sid":"a","pingInterval":50,"pingTimeout":50}', "40{}"], "ping timeout"),
        (['0{"sid":"a","pingInterval":9000,"pingTimeout":9000}', "40{}", b"\0"], "parse error"),
        (['0{"sid":"a","pingInterval":9000,"pingTimeout":9000}', "40{}", "42{nonsense"], "parse error"),
        (['0{"sid":"a","pingInterval":9000,"pingTimeout":9000}', "40{}", "42{}"], "parse error"),
        (['0{"sid":"a","pingInterval":9000,"pingTimeout":9000}', "40{}", '451-["x",{}]'], "parse error"),
        (['0{"sid":"a","pingInterval":9000,"pingTimeout":9000}', "40{}", "9"], "parse error"),
        (['0{"sid":"a","pingInterval":9000,"pingTimeout":9000}', "40{}", "1"], "transport close"),
        (['0{"sid":"a","pingInterval":9000,"pingTimeout":9000}', "40{}", "41"], "io server disconnect"),
        (["0nonsense"], "parse error"),
        (['0{"sid":"a"}'], "parse error"),
    ],
)
async def test_a_server_that_falls_silent_or_talks_nonsense_is_left(frames, reason):
    async def talk(request):
        connection = await request.accept()
        for frame in frames:
            await connection.send_message(frame)
        await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        server = await nursery.start(partial(serve_websocket, talk, "127.0.0.1", 0, ssl_context=None))
        out = await scenario("connect", f"http://127.0.0.1:{server.port}")
        nursery.cancel_scope.cancel()
    assert (out.get("gone") or out["reason"]) == reason
