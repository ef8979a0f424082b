"""The worker's side of the contract: against a toy service on the reference server, and against bad ones."""

import asyncio
import base64
from contextlib import asynccontextmanager

import attrs
import pytest
import trio
import trio.testing
from client_peer import Peer, script_in_memory
from client_service import equip_service
from client_upstream import Upstream
from quickstart_client import dub_one_fragment

from sts_actors.client import (
    Acked,
    Backpressure,
    BadAnswer,
    Complete,
    ConnectionLost,
    FragmentError,
    NoAnswer,
    Processed,
    ServerErrorEvent,
    ServerWarning,
    StreamInit,
    StreamRefused,
    open_client,
    open_dubbing_stream,
)

INIT = StreamInit(source_language="en", target_language="pt", sample_rate_hz=16_000)
READY = {"stream_id": "s", "session_id": "x", "max_inflight": 2, "capabilities": {"asr": True, "engines": {}}}
DONE = {
    "fragment_id": "fragment-000001",
    "stream_id": "s",
    "sequence_number": 1,
    "status": "success",
    "dubbed_audio": base64.b64encode(b"dub").decode(),
    "processing_time_ms": 3,
}


@pytest.fixture(scope="module")
def service():
    with Upstream(equip_service) as server:
        yield server


async def test_a_stream_from_init_to_complete(service):
    init = attrs.evolve(INIT, stream_id="mine", worker_id="w", max_inflight=2, domain_hints=("law", "war"))
    async with open_client(service.url) as client:
        stream = await open_dubbing_stream(client, init)
        assert (stream.ready.stream_id, stream.ready.max_inflight) == ("mine", 2)
        assert stream.ready.capabilities == {"asr", "translation", "tts"}
        assert await stream.send_fragment(1, b"abcd", 6000, metadata={"pts_ns": 7}) == "fragment-000001"
        events = [await anext(stream.events) for _ in range(3)]
        assert stream.in_flight == 0
        await stream.end()
        events += [event async for event in stream.events]
    assert events == [
        ServerWarning(code="QUOTA_NEAR_LIMIT", message="80 % used"),  # it came before stream:ready
        Acked(fragment_id="fragment-000001", queue_position=0),
        Processed(
            fragment_id="fragment-000001",
            sequence_number=1,
            status="success",
            audio=b"dcba",
            transcript="olleh",
            translated_text="hello",
            stage_timings={"asr_ms": 5, "translation_ms": 5, "tts_ms": 10},
            metadata={"original_duration_ms": 6000, "pts_ns": 7},
            warnings=(),
            error=None,
            processing_time_ms=20,
        ),
        Complete(
            stream_id="mine",
            total_fragments=1,
            total_duration_ms=6000,
            success_count=1,
            partial_count=0,
            failed_count=0,
            avg_processing_time_ms=20,
            p95_processing_time_ms=20,
        ),
    ]
    assert service.sio.inits[-1] == {
        "source_language": "en",
        "target_language": "pt",
        "sample_rate_hz": 16_000,
        "channels": 1,
        "format": "pcm_s16le",
        "chunk_duration_ms": 6000,
        "max_inflight": 2,
        "domain_hints": ["law", "war"],
        "stream_id": "mine",
        "worker_id": "w",
    }


async def test_room_keeps_no_more_in_flight_than_the_service_takes(service):
    peak = 0
    answers = []

    async def send(stream) -> None:
        nonlocal peak
        for number in range(12):
            await stream.wait_for_room()
            await stream.send_fragment(number, b"%d" % number, 100)
            peak = max(peak, stream.in_flight)
        await stream.end()

    async with open_client(service.url) as client:
        stream = await open_dubbing_stream(client, attrs.evolve(INIT, max_inflight=3))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(send, stream)
            answers.extend([event async for event in stream.events if isinstance(event, Processed)])
    assert [answer.sequence_number for answer in answers] == list(range(12))
    assert peak == 3


async def test_a_failed_fragment_says_why_and_has_no_audio(service):
    async with open_client(service.url) as client:
        stream = await open_dubbing_stream(client, INIT)
        await stream.send_fragment(0, b"", 6000)
        (failed,) = [event async for event in until_processed(stream) if isinstance(event, Processed)]
    assert (failed.status, failed.audio) == ("failed", None)
    assert failed.error == FragmentError(
        stage="asr", code="INVALID_AUDIO_FORMAT", message="empty", retryable=False
    )


async def until_processed(stream):
    while True:
        event = await anext(stream.events)
        yield event
        if isinstance(event, Processed):
            return


async def test_a_service_that_refuses_the_stream_says_why(service):
    async with open_client(service.url) as client:
        with pytest.raises(StreamRefused, match="UNSUPPORTED_LANGUAGE: no voice for it") as caught:
            await open_dubbing_stream(client, attrs.evolve(INIT, target_language="tlh"))
    assert (caught.value.code, caught.value.message) == ("UNSUPPORTED_LANGUAGE", "no voice for it")


def scripted(*events, hold: bool = True):
    """A service that answers `stream:init` with `events`, then waits or hangs up."""

    async def script(peer: Peer) -> None:
        await peer.welcome()
        assert (await peer.frame()).startswith('42["stream:init",')
        for event in events:
            await peer.event(*event)
        if hold:
            await peer.drain()

    return script


async def test_a_service_that_never_gets_ready_is_given_up_after_ten_seconds(autojump_clock, monkeypatch):
    async with script_in_memory(scripted(), monkeypatch) as url, open_client(url) as client:
        with pytest.raises(NoAnswer, match="no stream:ready within 10 s"):
            await open_dubbing_stream(client, INIT)
        assert trio.current_time() == pytest.approx(10)


async def test_a_service_that_leaves_instead_of_getting_ready_is_a_lost_connection(
    autojump_clock, monkeypatch
):
    async with script_in_memory(scripted(hold=False), monkeypatch) as url, open_client(url) as client:
        with pytest.raises(ConnectionLost, match="went away"):
            await open_dubbing_stream(client, INIT)


async def test_a_goodbye_instead_of_ready_is_a_lost_connection_too(autojump_clock, monkeypatch):
    async def script(peer: Peer) -> None:
        await peer.welcome()
        await peer.text("41")
        await peer.part()

    async with script_in_memory(script, monkeypatch) as url, open_client(url) as client:
        with pytest.raises(ConnectionLost):
            await open_dubbing_stream(client, INIT)


async def test_a_flood_instead_of_ready_is_a_bad_answer(autojump_clock, monkeypatch):
    flood = scripted(*[("warning", {"code": "C", "message": "m"})] * 65)
    async with script_in_memory(flood, monkeypatch) as url, open_client(url) as client:
        with pytest.raises(BadAnswer, match="64 events and no stream:ready"):
            await open_dubbing_stream(client, INIT)


@pytest.mark.parametrize(
    ("ready", "why"),
    [
        ((), "the payload must be an object"),
        (("yes",), "the payload must be an object"),
        (({**READY, "stream_id": 5},), "stream_id must be a text"),
        (({**READY, "max_inflight": 0},), "max_inflight must be 1 at least"),
        (({**READY, "max_inflight": True},), "max_inflight must be a number, 0 at least"),
        (({**READY, "max_inflight": 1.5},), "max_inflight must be an integer"),
        (({**READY, "capabilities": "asr"},), "capabilities must be a list of names or an object"),
        (({**READY, "capabilities": [1]},), "capabilities must be a list of names or an object"),
    ],
)
async def test_a_ready_that_breaks_the_contract_is_a_bad_answer(autojump_clock, monkeypatch, ready, why):
    async with (
        script_in_memory(scripted(("stream:ready", *ready)), monkeypatch) as url,
        open_client(url) as client,
    ):
        with pytest.raises(BadAnswer, match=f"^stream:ready: {why}$"):
            await open_dubbing_stream(client, INIT)


@asynccontextmanager
async def stream_of(monkeypatch, *events):
    """An open stream in which the service says `events`."""
    script = scripted(("stream:ready", READY), *events)
    async with script_in_memory(script, monkeypatch) as url, open_client(url) as client:
        yield await open_dubbing_stream(client, INIT)


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (("fragment:processed",), "fragment:processed: the payload must be an object"),
        (("fragment:processed", {}), "status must be one of success, partial, failed"),
        (("fragment:processed", {**DONE, "status": []}), "status must be one of success, partial, failed"),
        (("fragment:processed", {**DONE, "dubbed_audio": None}), "status success came without dubbed_audio"),
        (("fragment:processed", {**DONE, "dubbed_audio": "$$$"}), "dubbed_audio is not valid base64"),
        (("fragment:processed", {**DONE, "dubbed_audio": 7}), "dubbed_audio must be base64 text"),
        (("fragment:processed", {**DONE, "fragment_id": None}), "fragment_id must be a text"),
        (("fragment:processed", {**DONE, "sequence_number": "1"}), "sequence_number must be a number"),
        (("fragment:processed", {**DONE, "warnings": "w"}), "warnings must be a list of texts"),
        (("fragment:processed", {**DONE, "metadata": []}), "metadata must be an object"),
        (("fragment:processed", {**DONE, "stage_timings": {"asr_ms": "1"}}), "an object of numbers"),
        (("fragment:processed", {**DONE, "status": "failed"}), "fragment:processed: error must be an object"),
        (
            ("fragment:processed", {**DONE, "status": "failed", "error": {"message": "m"}}),
            "fragment:processed: error: code must be a text",
        ),
        (("fragment:ack", {"queue_position": 1}), "fragment:ack: fragment_id must be a text"),
        (("backpressure", {"severity": "extreme"}), "severity must be one of low, medium, high"),
        (("stream:complete", {"stream_id": "s"}), "stream:complete: statistics must be an object"),
        (("warning", {"code": "C"}), "warning: message must be a text"),
        (("error", {"code": "C", "message": "m", "retryable": 1}), "error: retryable must be true or false"),
    ],
)
async def test_a_payload_that_breaks_the_contract_is_a_bad_answer(autojump_clock, monkeypatch, event, why):
    async with stream_of(monkeypatch, event) as stream:
        with pytest.raises(BadAnswer, match=why):
            await anext(stream.events)


@pytest.mark.parametrize(
    ("event", "want"),
    [
        (
            ("error", {"code": "C", "message": "m", "retryable": True, "fragment_id": "f", "stage": "tts"}),
            ServerErrorEvent(code="C", message="m", retryable=True, fragment_id="f", stage="tts"),
        ),
        (("fragment:ack", {"fragment_id": "f"}), Acked(fragment_id="f", queue_position=None)),
    ],
)
async def test_optional_fields_are_read_where_they_are_there(autojump_clock, monkeypatch, event, want):
    async with stream_of(monkeypatch, ("unknown:event", 1), event) as stream:
        assert await anext(stream.events) == want


async def test_counts_of_complete_are_read_from_statistics_where_they_are_only_there(
    autojump_clock, monkeypatch
):
    counts = {"success_count": 1, "partial_count": 2.0, "failed_count": 3}
    times = {"avg_processing_time_ms": 1.5, "p95_processing_time_ms": 2.5}
    told = {"stream_id": "s", "total_fragments": 6, "total_duration_ms": 1, "statistics": {**counts, **times}}
    async with stream_of(monkeypatch, ("stream:complete", told)) as stream:
        complete = await anext(stream.events)
    assert (complete.success_count, complete.partial_count, complete.failed_count) == (1, 2, 3)


async def test_an_answer_in_bytes_or_in_an_object_is_read_as_well(autojump_clock, monkeypatch):
    in_object = {**DONE, "dubbed_audio": {"format": "pcm_s16le", "data_base64": DONE["dubbed_audio"]}}
    async with stream_of(monkeypatch, ("fragment:processed", in_object)) as stream:
        assert (await anext(stream.events)).audio == b"dub"

    async def script(peer: Peer) -> None:
        await peer.welcome()
        await peer.frame()
        await peer.event("stream:ready", READY)
        place = '{"_placeholder":true,"num":0}'
        await peer.text(
            f'451-["fragment:processed",{{"fragment_id":"f","sequence_number":1,"status":"partial",'
            f'"processing_time_ms":1,"dubbed_audio":{place},"warnings":["duration_variance_high"]}}]'
        )
        await peer.binary(b"raw")
        await peer.drain()

    async with script_in_memory(script, monkeypatch) as url, open_client(url) as client:
        stream = await open_dubbing_stream(client, INIT)
        event = await anext(stream.events)
    assert (event.audio, event.status, event.warnings) == (b"raw", "partial", ("duration_variance_high",))


async def test_reading_goes_on_behind_a_bad_answer_which_still_counts_as_one(autojump_clock, monkeypatch):
    bad = ("fragment:processed", {"fragment_id": "fragment-000001", "status": "sparkling"})
    async with stream_of(monkeypatch, bad, ("fragment:ack", {"fragment_id": "f"})) as stream:
        await stream.send_fragment(1, b"x", 100)
        assert stream.in_flight == 1
        with pytest.raises(BadAnswer):
            await anext(stream.events)
        assert stream.in_flight == 0
        assert await anext(stream.events) == Acked(fragment_id="f", queue_position=None)


async def test_an_end_before_complete_is_a_lost_connection_however_polite(autojump_clock, monkeypatch):
    async def script(peer: Peer) -> None:
        await peer.welcome()
        await peer.frame()
        await peer.event("stream:ready", READY)
        await peer.text("41")
        await peer.part()

    async with script_in_memory(script, monkeypatch) as url, open_client(url) as client:
        stream = await open_dubbing_stream(client, INIT)
        for _ in range(2):
            with pytest.raises(ConnectionLost, match="closed before stream:complete"):
                await anext(stream.events)


def pressure(action: str) -> tuple:
    return "backpressure", {
        "severity": "low" if action == "none" else "high",
        "action": action,
        "current_inflight": 1,
        "max_inflight": 10,
        "recommended_delay_ms": 0,
    }


async def test_a_pause_leaves_no_room_until_the_service_says_none(autojump_clock, monkeypatch):
    async def script(peer: Peer) -> None:
        await peer.welcome()
        await peer.frame()
        await peer.event("stream:ready", READY)
        await peer.event(*pressure("pause"))
        await trio.sleep(5)
        await peer.event(*pressure("slow_down"))
        await trio.sleep(5)
        await peer.event(*pressure("none"))
        await peer.drain()

    async def read(stream) -> None:
        for _ in range(3):
            assert isinstance(await anext(stream.events), Backpressure)

    async with script_in_memory(script, monkeypatch) as url, open_client(url) as client:
        stream = await open_dubbing_stream(client, INIT)
        async with trio.open_nursery() as nursery:
            await stream.wait_for_room()
            nursery.start_soon(read, stream)
            await trio.testing.wait_all_tasks_blocked()
            await stream.wait_for_room()
            assert trio.current_time() == pytest.approx(10)
        assert stream.backpressure.action == "none"


@pytest.mark.parametrize("reading", [True, False])
async def test_who_waits_for_room_learns_that_the_connection_has_gone(autojump_clock, monkeypatch, reading):
    async def script(peer: Peer) -> None:
        await peer.welcome()
        await peer.frame()
        await peer.event("stream:ready", {**READY, "max_inflight": 1})
        await trio.sleep(1)

    async def read(stream) -> None:
        with pytest.raises(ConnectionLost):
            await anext(stream.events)

    async with script_in_memory(script, monkeypatch) as url, open_client(url) as client:
        stream = await open_dubbing_stream(client, INIT)
        await stream.send_fragment(0, b"x", 100)
        async with trio.open_nursery() as nursery:
            if reading:
                nursery.start_soon(read, stream)
            with pytest.raises(ConnectionLost):
                await stream.wait_for_room()
        assert trio.current_time() == pytest.approx(1)


async def test_nobody_waits_for_room_in_a_stream_that_is_complete(autojump_clock, monkeypatch):
    counts = {"success_count": 0, "partial_count": 0, "failed_count": 0}
    times = {"avg_processing_time_ms": 0, "p95_processing_time_ms": 0}
    told = {"stream_id": "s", "total_fragments": 0, "total_duration_ms": 0, **counts, **times}
    script = scripted(("stream:ready", {**READY, "max_inflight": 1}), ("stream:complete", told))
    async with script_in_memory(script, monkeypatch) as url, open_client(url) as client:
        stream = await open_dubbing_stream(client, INIT)
        await stream.send_fragment(0, b"x", 100)

        async def read() -> None:
            assert [type(event) async for event in stream.events] == [Complete]

        async with trio.open_nursery() as nursery:
            nursery.start_soon(read)
            with pytest.raises(ConnectionLost, match="the stream has ended"):
                await stream.wait_for_room()


async def test_a_send_that_is_cancelled_does_not_count_as_in_flight(autojump_clock, monkeypatch):
    async with stream_of(monkeypatch) as stream:
        with trio.CancelScope() as scope:
            scope.cancel()
            await stream.send_fragment(0, b"x", 100)
        assert scope.cancelled_caught
        assert stream.in_flight == 0


async def test_an_answer_to_a_fragment_never_sent_frees_no_room(autojump_clock, monkeypatch):
    async with stream_of(monkeypatch, *[("fragment:processed", DONE)] * 2) as stream:
        await stream.send_fragment(7, b"x", 100)
        await anext(stream.events)
        await anext(stream.events)
        assert stream.in_flight == 1


async def test_a_retry_counts_apart_from_the_first_try(autojump_clock, monkeypatch):
    async with stream_of(monkeypatch, ("fragment:processed", DONE)) as stream:
        await stream.send_fragment(1, b"x", 100)
        await stream.send_fragment(1, b"x", 100)
        await anext(stream.events)
        assert stream.in_flight == 1


async def test_the_quick_starts_worker_is_served(service):
    wav = b"RIFF....WAVE" + bytes(range(200))
    report = await trio.to_thread.run_sync(
        lambda: asyncio.run(dub_one_fragment(service.url, wav, timeout_s=5))
    )
    assert report.order == ["stream:ready", "fragment:ack", "fragment:processed", "stream:complete"]
    assert report.upgraded
    assert report.dubbed == wav[::-1]
    assert service.sio.ends[-1] == ()
    assert service.sio.inits[-1]["target_language"] == "es"
    assert report.ready["session_id"]


async def test_the_quick_starts_worker_reports_a_refusal_and_leaves(service):
    def run():
        return asyncio.run(dub_one_fragment(service.url, b"", target_language="tlh", timeout_s=0.2))

    report = await trio.to_thread.run_sync(run)
    assert report.order == ["error"]
    assert report.errors[0]["code"] == "UNSUPPORTED_LANGUAGE"
    assert report.ready is None
