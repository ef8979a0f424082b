import io
from contextlib import asynccontextmanager

import numpy as np
import pytest
import trio
from cli_samples import read_wav, tone
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from sts_actors.cli import dubbing
from sts_actors.cli.dubbing import DubRequest, DubRun
from sts_actors.cli.errors import CommandError
from sts_actors.cli.media import AudioFile
from sts_actors.cli.output import DubWriter, output_paths
from sts_actors.cli.progress import Display
from sts_actors.cli.track import fit
from sts_actors.client import Complete, FragmentError, Processed, ServerErrorEvent, ServerWarning

RATE = 8_000


def processed(number, audio, status="success", error=None):
    return Processed(
        fragment_id=f"f-{number}",
        sequence_number=number,
        status=status,
        audio=audio,
        transcript=f"said {number}",
        translated_text=f"dito {number}",
        stage_timings={"asr_ms": 1, "translation_ms": 1, "tts_ms": 1},
        metadata={},
        warnings=(),
        error=error,
        processing_time_ms=3,
    )


COMPLETE = Complete(
    stream_id="s",
    total_fragments=0,
    total_duration_ms=0,
    success_count=0,
    partial_count=0,
    failed_count=0,
    avg_processing_time_ms=0,
    p95_processing_time_ms=0,
)


class FakeStream:
    """A service in a memory channel: answers each fragment after `took_s`, with its samples turned over."""

    def __init__(self, *, took_s=1.0, room=3, answer=None):
        self.sent = {}
        self.sent_at = []
        self._took_s = took_s
        self._answer = answer or processed
        self._room = trio.CapacityLimiter(room)
        self._tokens = {}
        self._events, self._inbox = trio.open_memory_channel(100)
        self.nursery = None

    @property
    def events(self):
        return self._inbox

    async def wait_for_room(self):
        token = object()
        await self._room.acquire_on_behalf_of(token)
        self._tokens[len(self.sent)] = token

    async def send_fragment(self, number, audio, duration_ms):
        self.sent[number] = audio
        self.sent_at.append(trio.current_time())
        self.nursery.start_soon(self._serve, number, audio)

    async def _serve(self, number, audio):
        await trio.sleep(self._took_s)
        answer = self._answer(number, (-np.frombuffer(audio, "<i2")).astype("<i2").tobytes())
        for event in answer if isinstance(answer, list) else [answer]:
            await self._events.send(event)
        self._room.release_on_behalf_of(self._tokens[number])

    async def end(self):
        self.nursery.start_soon(self._complete)

    async def _complete(self):
        await trio.sleep(60)
        await self._events.send(COMPLETE)
        self._events.close()


@pytest.fixture
def service(monkeypatch):
    """Installs a fake service and gives it a nursery."""
    installed = {}

    async def inline(function, *args):
        # The jumping clock does not see threads.
        await trio.lowlevel.checkpoint()
        return function(*args)

    @asynccontextmanager
    async def open_client(url, *, auth=None, reconnect=None):
        installed["auth"] = auth
        installed["reconnect"] = reconnect
        async with trio.open_nursery() as nursery:
            installed["stream"].nursery = nursery
            yield None
            nursery.cancel_scope.cancel()

    async def open_dubbing_stream(client, init):
        installed["init"] = init
        await trio.lowlevel.checkpoint()
        return installed["stream"]

    monkeypatch.setattr(trio.to_thread, "run_sync", inline)
    monkeypatch.setattr(dubbing, "open_client", open_client)
    monkeypatch.setattr(dubbing, "open_dubbing_stream", open_dubbing_stream)
    return installed


async def dub(service, stream, tmp_path, pcm, **request):
    service["stream"] = stream
    paths = output_paths(tmp_path / "in.wav", None, source_language="en", target_language="pt")
    audio = AudioFile(sample_rate_hz=RATE, channels=pcm.shape[1], blocks=iter(np.array_split(pcm, 7)))
    console = Console(file=io.StringIO())
    with DubWriter(paths, sample_rate_hz=RATE, channels=pcm.shape[1]) as writer:
        its = DubRequest(source_language="en", target_language="pt", **request)
        run = DubRun(request=its, audio=audio, writers=[writer], display=Display(console))
        await run.through("http://127.0.0.1:1")
    return run, read_wav(paths.wav)[0], console.file.getvalue()


async def test_the_dub_has_every_fragment_in_its_place_to_the_sample(service, tmp_path, autojump_clock):
    pcm = tone(RATE * 20 + 123, 2, rate=RATE)
    run, written, _ = await dub(service, FakeStream(), tmp_path, pcm)
    assert np.array_equal(written, -pcm)
    assert [f.sequence_number for f in run.fragments] == [0, 1, 2, 3]
    assert b"".join(run_audio for _, run_audio in sorted(service["stream"].sent.items())) == pcm.tobytes()
    assert service["init"].payload() == {
        "format": "pcm_s16le",
        "source_language": "en",
        "target_language": "pt",
        "sample_rate_hz": RATE,
        "channels": 2,
        "chunk_duration_ms": 6000,
        "max_inflight": 2,
        "timeout_ms": 30000,
    }
    assert service["auth"] is None


async def test_a_live_run_sends_each_fragment_when_it_has_been_spoken(service, tmp_path, autojump_clock):
    began = trio.current_time()
    run, _, _ = await dub(
        service, FakeStream(took_s=4.0), tmp_path, tone(RATE * 20, rate=RATE), live=True, token="t"
    )
    sent_at = [at - began for at in service["stream"].sent_at]
    assert sent_at == pytest.approx([6, 12, 18, 20], abs=0.01)
    assert [f.latency_s for f in run.fragments] == pytest.approx([4] * 4, abs=0.01)
    assert service["init"].timeout_ms == 30_000
    assert not any(f.late for f in run.fragments)
    assert service["auth"] == {"token": "t"}


async def test_a_fast_run_sends_as_much_as_the_service_takes_at_once(service, tmp_path, autojump_clock):
    run, _, _ = await dub(service, FakeStream(took_s=4.0, room=3), tmp_path, tone(RATE * 60, rate=RATE))
    assert [f.sent_s for f in run.fragments] == pytest.approx([0, 0, 0, 4, 4, 4, 8, 8, 8, 12], abs=0.01)


async def test_a_live_run_says_how_long_a_full_service_held_a_fragment_back(
    service, tmp_path, autojump_clock
):
    stream = FakeStream(took_s=9.0, room=1)
    run, _, _ = await dub(service, stream, tmp_path, tone(RATE * 18, rate=RATE), live=True)
    assert [f.held_back_s for f in run.fragments] == pytest.approx([0, 3, 6], abs=0.01)
    assert all(f.late for f in run.fragments)


async def test_a_failed_fragment_leaves_silence_of_its_own_length(service, tmp_path, autojump_clock):
    error = FragmentError(stage="tts", code="SYNTHESIS_FAILED", message="m", retryable=False)
    pcm = tone(RATE * 18, rate=RATE)
    stream = FakeStream(
        answer=lambda number, audio: (
            processed(number, None, "failed", error) if number == 1 else processed(number, audio)
        )
    )
    run, written, _ = await dub(service, stream, tmp_path, pcm)
    assert len(written) == len(pcm)
    assert not written[RATE * 6 : RATE * 12].any()
    assert np.array_equal(written[: RATE * 6], -pcm[: RATE * 6])
    assert run.fragments[1].error == error


async def test_answers_out_of_order_repeated_or_unasked_do_no_harm(service, tmp_path, autojump_clock):
    pcm = tone(RATE * 12, rate=RATE)
    first = (-pcm[: RATE * 6]).tobytes()

    def answer(number, audio):
        if number == 0:
            return []
        mine = processed(number, audio)
        return [processed(99, audio), mine, processed(0, first), mine, processed(0, audio)]

    _, written, _ = await dub(service, FakeStream(answer=answer), tmp_path, pcm)
    assert np.array_equal(written, -pcm)


async def test_a_stream_that_ends_early_says_what_the_service_said(service, tmp_path, autojump_clock):
    trouble = ServerErrorEvent(
        code="UNKNOWN_ERROR", message="it broke", retryable=False, fragment_id=None, stage=None
    )
    stream = FakeStream(answer=lambda number, audio: [processed(0, audio), trouble] if number == 0 else [])
    with pytest.RaisesGroup(
        pytest.RaisesExc(CommandError, match="after 1 fragments: UNKNOWN_ERROR: it broke"),
        flatten_subgroups=True,
    ):
        await dub(service, stream, tmp_path, tone(RATE * 12, rate=RATE))
    assert len(read_wav(tmp_path / "in.pt.partial.wav")[0]) == RATE * 6


async def test_a_warning_of_the_service_is_shown(service, tmp_path, autojump_clock):
    warning = ServerWarning(code="QUOTA_NEAR_LIMIT", message="95 % used")
    stream = FakeStream(answer=lambda number, audio: [warning, processed(number, audio)])
    _, _, shown = await dub(service, stream, tmp_path, tone(RATE * 6, rate=RATE))
    assert "QUOTA_NEAR_LIMIT: 95 % used" in shown


@given(st.binary(max_size=40), st.integers(1, 12), st.integers(1, 2))
def test_whatever_comes_back_lasts_as_long_as_the_fragment(audio, frames, channels):
    fitted = fit(audio, frames, channels)
    assert fitted.shape == (frames, channels)
    kept = min(len(audio) // 2, frames * channels)
    assert fitted.tobytes()[: kept * 2] == audio[: kept * 2]
    assert not fitted.reshape(-1)[kept:].any()


@pytest.mark.parametrize(
    ("rate", "channels", "seconds", "good"),
    [(48_000, 2, 15, True), (48_000, 2, 16, False), (96_000, 2, 6, True), (16_000, 1, 30, True)],
)
def test_a_fragment_too_large_for_one_message_is_refused_with_a_length_that_fits(
    rate, channels, seconds, good
):
    request = DubRequest(source_language="en", target_language="pt", fragment_s=float(seconds))
    if good:
        assert request.fragment_frames(rate, channels) == seconds * rate
        return
    with pytest.raises(CommandError, match="--fragment-seconds 15 or less"):
        request.fragment_frames(rate, channels)
