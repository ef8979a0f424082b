"""What the console shows of a running service: its streams as they were, its sound, to those who may look."""

import json
from contextlib import asynccontextmanager

import pytest
import trio
from running import QUICK, RATE_HZ, dub, dubbing, marked, running, who_speaks

from sts_actors import __version__
from sts_actors.audio.wav import read_wav
from sts_actors.client import Complete, Processed
from sts_actors.console import overview
from sts_actors.engines.fake import FakeTranslator
from sts_actors.errors import EngineError, ErrorCode
from sts_actors.journal.streams import FRAGMENTS
from supervision import LoopStatistics

SECRET = "a long secret of this test"
API = ("/console/overview", "/console/streams/x", "/console/streams/x/fragments/0/source.wav")


async def get(service, path, *, method="GET", **headers):
    """Status, headers and body of a plain HTTP request."""
    host, port = service.url.removeprefix("http://").split(":")
    named = {"Host": host, "Connection": "close", **{key.replace("_", "-"): headers[key] for key in headers}}
    lines = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    async with await trio.open_tcp_stream(host, int(port)) as connection:
        await connection.send_all(f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode())
        data = b"".join([piece async for piece in connection])
    head, _, body = data.partition(b"\r\n\r\n")
    status, *fields = head.decode().split("\r\n")
    told = {name.lower(): value for name, _, value in (field.partition(": ") for field in fields)}
    return int(status.split()[1]), told, body


async def shown(service, path, status=200, **headers):
    """What a route of the console says."""
    found, told, body = await get(service, path, **headers)
    assert found == status
    assert told["content-type"] == "application/json"
    assert told["cache-control"] == "no-store"
    assert told["x-content-type-options"] == "nosniff"
    return json.loads(body)


@asynccontextmanager
async def dubbed(fragments=3, *, number=1, settings=QUICK, **init):
    """A service with a stream that has been dubbed and is over; its answers and its session's id."""
    async with running(**settings) as service, dubbing(service, **init) as stream:
        answers = await dub(stream, number, fragments)
        async with until_ended(service) as session_id:
            yield service, answers, session_id


@asynccontextmanager
async def until_ended(service):
    with trio.fail_after(30):
        while (stream := (await shown(service, "/console/overview"))["streams"][0])["open"]:
            await trio.sleep(0.01)
    yield stream["session_id"]


async def sound(service, session_id, index, name):
    status, told, body = await get(service, f"/console/streams/{session_id}/fragments/{index}/{name}.wav")
    assert (status, told["content-type"], told["cache-control"]) == (200, "audio/wav", "no-store")
    samples, rate_hz = read_wav(body)
    assert samples.shape[1] == 1
    assert body[34:36] == b"\x10\0"  # 16 bits
    return samples[:, 0], rate_hz, body[44:]


async def test_an_open_stream_is_shown_with_its_actors_channels_and_models():
    async with (
        running(fake_asr_latency_s=5.0) as service,
        dubbing(service, stream_id="match-7", worker_id="worker-3") as stream,
    ):
        await stream.send_fragment(0, marked(1, 0), 1000)
        with trio.fail_after(30):
            while True:
                told = await shown(service, "/console/overview")
                actors = {actor["name"]: actor for actor in told["actors"]}
                asking = actors.get("stream/match-7/asr", {}).get("task", "")
                if told["scheduler"]["tokens_free"] == 5 and asking.startswith("reply.py:"):
                    break
                await trio.sleep(0.01)
    (stream,) = told["streams"]
    assert len(stream.pop("session_id")) == 32
    assert stream.pop("age_s") > 0
    assert stream == {
        "stream_id": "match-7",
        "worker_id": "worker-3",
        "source_language": "en",
        "target_languages": ["pt"],
        "seam": "fixed",
        "state": "ready",
        "level": "low",
        "in_flight": 1,
        "max_inflight": 3,
        "lag_ms": 0,
        "success": 0,
        "partial": 0,
        "failed": 0,
        "restarts": 0,
        "open": True,
    }
    assert (told["version"], told["profile"], told["ready"], told["missing"]) == (
        __version__,
        "fake",
        True,
        [],
    )
    assert told["uptime_s"] > 0
    models = {model["stage"]: model for model in told["models"]}
    assert list(models) == ["asr", "translation", "tts"]
    assert models["asr"]["name"] == "fake recogniser"
    assert models["asr"]["loaded"] is models["asr"]["running"] is True
    counts = ("restarts", "waiting", "batches", "mean_batch", "batches_running", "served")
    assert [models["asr"][name] for name in counts] == [0, 0, 1, 1.0, 1, 1]
    assert [models["tts"][name] for name in counts] == [0, 0, 0, 0.0, 0, 0]
    assert models["asr"]["waited_s_mean"] >= models["tts"]["waited_s_mean"] == 0
    assert told["scheduler"] == {"tokens": 8, "tokens_free": 5}
    assert {"models/asr", "stream/match-7/session", "stream/match-7/sequencer"} <= set(actors)
    assert (actors["models/asr"]["state"], actors["models/asr"]["restarts"]) == ("running", 0)
    channels = {channel.pop("name"): channel for channel in told["channels"]}
    assert channels["stream/match-7/fragments"] == {
        "fill": 0,
        "capacity": 1,
        "peak": 0,
        "waiting_senders": 0,
        "waiting_receivers": 0,
    }
    assert channels["stream/match-7/transcripts"]["waiting_receivers"] == 1
    loop = told["loop"]
    assert loop["tasks"] > len(actors)
    assert 0 < loop["lag_s_p99"] < 30
    assert loop["stalls"] >= 0
    assert loop["longest_stall_s"] >= 0


async def test_a_stream_s_waterfall_is_what_its_worker_was_told():
    settings = {"fake_asr_latency_s": 0.02, "fake_translation_latency_s": 0.01, "fake_tts_latency_s": 0.03}
    async with dubbed(4, settings=settings, stream_id="match-7") as (service, answers, session_id):
        told = await shown(service, f"/console/streams/{session_id}")
        listed = await shown(service, "/console/overview")
    assert told["stream"] == listed["streams"][0]
    assert (told["stream"]["state"], told["stream"]["success"], told["stream"]["in_flight"]) == (
        "complete",
        4,
        0,
    )
    assert (told["restarts"], told["refusals"]) == ([], [])
    assert len(told["fragments"]) == len(answers) == 4
    for index, (fragment, answer) in enumerate(zip(told["fragments"], answers, strict=True)):
        assert fragment["index"] == index
        assert fragment["fragment_id"] == answer.fragment_id
        assert fragment["sequence_number"] == answer.sequence_number
        assert fragment["duration_ms"] == 1000
        assert fragment["transcript"] == answer.transcript == f"stream 1 fragment {index}"
        assert fragment["translations"] == {"pt": answer.translated_text}
        assert fragment["outcome"] == {"pt": answer.status}
        assert fragment["code"] == {}
        assert fragment["lag_ms"] == {"pt": answer.metadata["lag_ms"]}
        assert fragment["speed"] == {"pt": answer.metadata["speed_ratio"]}
        assert fragment["source_audio"] is True
        assert fragment["dub_audio"] == ["pt"]
        check_spans(fragment, answer)


def check_spans(fragment, answer):
    """One after the other, each as long as its worker was told, and the answer behind them."""
    spans = fragment["spans"]
    assert [(span["stage"], span["language"], span["code"]) for span in spans] == [
        ("session", "", None),
        ("asr", "", None),
        ("translation", "pt", None),
        ("tts", "pt", None),
    ]
    through = fragment["received_s"]
    for span in spans:
        assert span["queued_s"] == through <= span["began_s"] <= span["ended_s"]
        through = span["ended_s"]
        if span["stage"] != "session":
            told_ms = answer.stage_timings[f"{span['stage']}_ms"]
            assert (span["ended_s"] - span["began_s"]) * 1000 >= told_ms - 1
    assert fragment["deadline_s"] == pytest.approx(fragment["received_s"] + 7.5)
    answered_s = fragment["answered_s"]["pt"]
    assert through <= answered_s
    took_ms = (answered_s - fragment["received_s"]) * 1000
    assert answer.processing_time_ms - 1 <= took_ms <= answer.processing_time_ms + 500


async def test_what_is_played_is_the_fragment_s_own_sound_and_its_own_dub():
    async with running(**QUICK) as service:
        sessions = []
        for number in (1, 2):
            async with dubbing(service) as stream:
                answers = await dub(stream, number, 3)
            async with until_ended(service) as session_id:
                sessions.append((number, session_id, answers))
        for number, session_id, answers in sessions:
            for index, answer in enumerate(answers):
                _, rate_hz, source = await sound(service, session_id, index, "source")
                assert (source, rate_hz) == (marked(number, index), RATE_HZ)
                _, rate_hz, dubbed_ = await sound(service, session_id, index, "dub.pt")
                assert (dubbed_, rate_hz) == (answer.audio, RATE_HZ)
                assert who_speaks(dubbed_) == (number, index)


async def test_each_language_has_its_own_dub_text_and_outcome(monkeypatch):
    translated = FakeTranslator.run

    def run(self, batch):
        refused = EngineError(ErrorCode.TRANSLATION_FAILED, "no French today")
        found = translated(self, batch)
        return [
            refused if request.target_language == "fr" else answer
            for request, answer in zip(batch, found, strict=True)
        ]

    monkeypatch.setattr(FakeTranslator, "run", run)
    async with dubbed(1, target_languages=["pt", "es", "fr"]) as (service, answers, session_id):
        told = await shown(service, f"/console/streams/{session_id}")
        (fragment,) = told["fragments"]
        for answer in answers[:2]:
            *_, played = await sound(service, session_id, 0, f"dub.{answer.target_language}")
            assert played == answer.audio
        missing = await shown(service, f"/console/streams/{session_id}/fragments/0/dub.fr.wav", 404)
    assert missing == {"error": "there is no sound, or no longer"}
    assert fragment["translations"] == {"pt": "pt: stream 1 fragment 0", "es": "es: stream 1 fragment 0"}
    assert fragment["outcome"] == {"pt": "success", "es": "success", "fr": "failed"}
    assert fragment["code"] == {"fr": "TRANSLATION_FAILED"}
    assert fragment["dub_audio"] == ["pt", "es"]
    assert set(fragment["answered_s"]) == {"pt", "es", "fr"}
    assert set(fragment["lag_ms"]) == set(fragment["speed"]) == {"pt", "es"}
    failed = [span for span in fragment["spans"] if span["code"] is not None]
    assert [(span["stage"], span["language"], span["code"]) for span in failed] == [
        ("translation", "fr", "TRANSLATION_FAILED")
    ]
    assert (told["stream"]["success"], told["stream"]["failed"]) == (2, 1)


async def test_refusals_and_restarts_of_a_stream_are_shown(monkeypatch):
    async with running(**QUICK) as service, dubbing(service) as stream:
        monkeypatch.setattr("sts_actors.actors.tts.speak_alone", break_down)
        await stream.send_fragment(0, marked(1, 0), 1000)
        await stream.send_fragment(1, b"\0", 1000)
        await stream.end()
        async for event in stream.events:
            if isinstance(event, Complete):
                break
        async with until_ended(service) as session_id:
            told = await shown(service, f"/console/streams/{session_id}")
    (restart,) = told["restarts"]
    assert (restart["actor"], restart["cause"]) == ("tts", "ZeroDivisionError")
    assert told["stream"]["restarts"] == 1
    (refusal,) = told["refusals"]
    assert (refusal["code"], refusal["fragment_id"]) == ("INVALID_AUDIO_FORMAT", "fragment-000001")
    assert refusal["message"]
    assert 0 <= restart["at_s"] <= told["stream"]["age_s"]
    assert 0 <= refusal["at_s"] <= told["stream"]["age_s"]
    assert [fragment["code"] for fragment in told["fragments"]] == [
        {"pt": "UNKNOWN_ERROR"},
        {"pt": "INVALID_AUDIO_FORMAT"},
    ]


async def break_down(translation, *_, **__):
    if translation.text:
        raise ZeroDivisionError
    raise EngineError(ErrorCode.TIMEOUT, "nothing to say")


async def test_a_long_stream_shows_its_latest_fragments():
    async with dubbed(FRAGMENTS + 3) as (service, _, session_id):
        told = await shown(service, f"/console/streams/{session_id}")
    assert [fragment["index"] for fragment in told["fragments"]] == list(range(3, FRAGMENTS + 3))
    assert told["stream"]["success"] == FRAGMENTS + 3


@pytest.mark.parametrize(("room", "kept"), [(0, 0), (3 * 4 * RATE_HZ, 3)])
async def test_sound_is_kept_within_what_the_settings_allow(room, kept):
    settings = {**QUICK, "console_audio_bytes": room}
    async with dubbed(4, settings=settings) as (service, _, session_id):
        told = await shown(service, f"/console/streams/{session_id}")
        heard = [(fragment["source_audio"], fragment["dub_audio"]) for fragment in told["fragments"]]
        assert sum(source + len(dubs) for source, dubs in heard) == kept
        await shown(service, f"/console/streams/{session_id}/fragments/0/source.wav", 404)
    assert told["fragments"][-1]["transcript"] == "stream 1 fragment 3"


async def test_a_stream_whose_worker_has_left_is_shown_as_closed():
    async with running(fake_asr_latency_s=5.0) as service:
        async with dubbing(service) as stream:
            await stream.send_fragment(0, marked(1, 0), 1000)
        async with until_ended(service) as session_id:
            told = await shown(service, f"/console/streams/{session_id}")
    assert told["stream"]["state"] == "closed"


async def test_open_streams_come_first_in_the_order_of_their_opening_then_the_last_that_ended():
    async with running(**QUICK) as service:
        for name in ("first", "second"):
            async with dubbing(service, stream_id=name) as stream:
                await dub(stream, 1, 1)
            async with until_ended(service):
                pass
        async with dubbing(service, stream_id="third"), dubbing(service, stream_id="fourth"):
            told = await shown(service, "/console/overview")
    assert [(stream["stream_id"], stream["open"]) for stream in told["streams"]] == [
        ("third", True),
        ("fourth", True),
        ("second", False),
        ("first", False),
    ]


async def test_no_more_actors_and_channels_are_shown_than_a_page_can_hold(monkeypatch):
    monkeypatch.setattr(overview, "ACTORS", 2)
    async with running(**QUICK) as service, dubbing(service):
        told = await shown(service, "/console/overview")
    assert [actor["name"] for actor in told["actors"]] == ["models/asr", "models/translation"]
    assert len(told["channels"]) == 2
    assert len(told["models"]) == 3


@pytest.mark.parametrize(
    ("lags", "longest_s", "shown_s"),
    [
        ((0, 0, 0, 0, 0, 0), 0.0, 0.0),
        ((100, 0, 0, 0, 0, 0), 0.0007, 0.0007),
        ((99, 1, 0, 0, 0, 0), 0.004, 0.001),
        ((98, 2, 0, 0, 0, 0), 0.004, 0.004),
        ((98, 0, 2, 0, 0, 0), 0.03, 0.02),
        ((0, 0, 0, 0, 0, 3), 7.5, 7.5),
    ],
)
def test_how_late_the_loop_is_comes_from_its_counts_and_is_never_more_than_the_longest(
    lags, longest_s, shown_s
):
    loop = LoopStatistics(
        passes=sum(lags),
        longest_pass_s=longest_s,
        passes_s=1.0,
        lags=lags,
        stalls=0,
        latest_stalls=(),
        roles=(),
    )
    assert overview._late(loop) == shown_s


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "nobody",
        "nobody/fragments/0/source.wav",
        "{id}/",
        "{id}/fragments",
        "{id}/fragments/7/source.wav",
        "{id}/fragments/0/dub.es.wav",
        "{id}/fragments/0/dub..wav",
        "{id}/fragments/0/source.pt.wav",
        "{id}/fragments/0/source.mp3",
        "{id}/fragments/-1/source.wav",
        "{id}/fragments/9999999999999/source.wav",
        "{id}/fragments/%d9%a3/source.wav",
        "../overview",
        "%2e%2e/overview",
    ],
)
async def test_what_is_not_there_is_answered_with_404(path):
    async with dubbed(1) as (service, _, session_id):
        told = await shown(service, f"/console/streams/{path.format(id=session_id)}", 404)
    assert set(told) == {"error"}


@pytest.mark.parametrize("path", API)
async def test_with_a_token_set_the_console_is_its_bearer_s_alone(path):
    async with running(**QUICK, auth_token=SECRET) as service:
        for wrong in ({}, {"Authorization": "Bearer no"}, {"Authorization": f"Basic {SECRET}"}):
            status, told, body = await get(service, path, **wrong)
            assert (status, told["www-authenticate"], told["cache-control"]) == (401, "Bearer", "no-store")
            assert SECRET.encode() not in body
        status, _, body = await get(service, path, Authorization=f"Bearer {SECRET}")
        assert status == (200 if path == "/console/overview" else 404)
        assert SECRET.encode() not in body


@pytest.mark.parametrize("path", API)
async def test_without_a_token_the_console_is_this_machine_s_alone(path):
    async with running(**QUICK) as service:
        for others in ({"Host": "evil.example"}, {"X_Forwarded_For": "203.0.113.9"}):
            assert (await get(service, path, **others))[0] == 403
        assert (await get(service, path))[0] in {200, 404}


async def test_a_stream_shows_while_it_is_dubbed_and_its_words_as_they_come():
    async with running(**QUICK, fake_in_process=False) as service, dubbing(service) as stream:
        await stream.send_fragment(0, marked(1, 0), 1000)
        async for event in stream.events:
            if isinstance(event, Processed):
                break
        (open_,) = (await shown(service, "/console/overview"))["streams"]
        told = await shown(service, f"/console/streams/{open_['session_id']}")
    assert open_["open"] is True
    assert told["fragments"][0]["transcript"] == "stream 1 fragment 0"
