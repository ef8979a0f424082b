import io
from collections import Counter
from contextlib import ExitStack, asynccontextmanager

import attrs
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
from sts_actors.cli.naming import outputs_by_language
from sts_actors.cli.output import DubWriter
from sts_actors.cli.progress import Display
from sts_actors.cli.track import fit
from sts_actors.client import (
    Complete,
    FragmentError,
    Processed,
    Ready,
    ServerErrorEvent,
    ServerWarning,
    Tail,
)

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

    def __init__(self, *, took_s=1.0, room=3, answer=None, languages=(), tail=()):
        self.ready = Ready(
            stream_id="s",
            session_id="x",
            max_inflight=3,
            capabilities=frozenset(),
            target_languages=tuple(languages),
        )
        self._tail = tail
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
        await self._events.send(attrs.evolve(COMPLETE, tail=tuple(self._tail)))
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
    run, written, shown = await dub_all(service, stream, tmp_path, pcm, **request)
    return run, written["pt"], shown


def part(tmp_path):
    return tmp_path / "in.pt.wav.part"


async def dub_all(service, stream, tmp_path, pcm, **request):
    service["stream"] = stream
    its = DubRequest(source_language="en", target_language="pt", **request)
    paths = outputs_by_language(tmp_path / "in.wav", None, source_language="en", target_languages=its.targets)
    audio = AudioFile(sample_rate_hz=RATE, channels=pcm.shape[1], blocks=iter(np.array_split(pcm, 7)))
    console = Console(file=io.StringIO())
    paths[0].part.mkdir()
    with ExitStack() as files:
        writers = [
            files.enter_context(DubWriter(each, sample_rate_hz=RATE, channels=pcm.shape[1])) for each in paths
        ]
        run = DubRun(request=its, audio=audio, writers=writers, display=Display(console))
        await run.through("http://127.0.0.1:1")
    written = {tag: read_wav(each.partial.wav)[0] for tag, each in zip(its.targets, paths, strict=True)}
    return run, written, console.file.getvalue()


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
    assert len(read_wav(part(tmp_path) / "in.pt.wav")[0]) == RATE * 6


async def test_a_warning_of_the_service_is_shown(service, tmp_path, autojump_clock):
    warning = ServerWarning(code="QUOTA_NEAR_LIMIT", message="95 % used")
    stream = FakeStream(answer=lambda number, audio: [warning, processed(number, audio)])
    _, _, shown = await dub(service, stream, tmp_path, tone(RATE * 6, rate=RATE))
    assert "QUOTA_NEAR_LIMIT: 95 % used" in shown


LOUDER = {"pt": 1, "es": 2, "de": 3}


def in_each(number, audio, *, without=()):
    """An answer in each language, told apart by how loud it is, the last language first."""
    samples = np.frombuffer(audio, "<i2") // 4
    return [
        attrs.evolve(
            processed(number, (samples * times).astype("<i2").tobytes()),
            target_language=language,
            translated_text=f"{language} {number}",
            metadata={"lag_ms": 100 * times},
        )
        for language, times in reversed(LOUDER.items())
        if (number, language) not in without
    ]


SEVERAL = {"further_targets": ("es", "de")}


async def test_each_language_is_written_beside_the_others_to_the_sample(service, tmp_path, autojump_clock):
    pcm = tone(RATE * 20 + 123, rate=RATE)
    stream = FakeStream(answer=in_each, languages=LOUDER)
    run, written, _ = await dub_all(service, stream, tmp_path, pcm, **SEVERAL)
    for language, times in LOUDER.items():
        assert np.array_equal(written[language], (-pcm // 4) * times)
        assert f"{language} 3" in (part(tmp_path) / f"in.{language}.srt").read_text()
    assert (part(tmp_path) / "in.en.srt").read_text().count("said") == 4
    assert Counter((f.sequence_number, f.target_language) for f in run.fragments) == Counter(
        (number, language) for number in range(4) for language in LOUDER
    )
    assert [f.lag_ms for f in run.fragments[:3]] == [100, 200, 300]
    assert service["init"].target_languages == ("pt", "es", "de")
    assert len(service["stream"].sent) == 4


async def test_what_is_asked_of_a_stream_is_passed_on(service, tmp_path, autojump_clock):
    asked = {"seam": "fixed", "bed": "duck", "verify": 0.25, "voice": {"pt": "dora"}}
    await dub(service, FakeStream(), tmp_path, tone(RATE * 6, rate=RATE), **asked)
    init = service["init"]
    assert (init.seam, init.bed, init.verify, init.voice_profile) == ("fixed", "duck", 0.25, {"pt": "dora"})
    assert init.target_languages is None


async def test_a_single_language_is_the_one_that_was_asked_for_whatever_the_service_calls_it(
    service, tmp_path, autojump_clock
):
    pcm = tone(RATE * 6, rate=RATE)
    stream = FakeStream(
        answer=lambda number, audio: attrs.evolve(processed(number, audio), target_language="pt-br"),
        languages=["pt-br"],
        tail=[left("pt-br", tone(RATE, rate=RATE).tobytes())],
    )
    _, written, _ = await dub(service, stream, tmp_path, pcm)
    assert np.array_equal(written[: len(pcm)], -pcm)
    assert len(written) == RATE * 7


async def test_of_two_answers_that_came_early_the_first_counts(service, tmp_path, autojump_clock):
    pcm = tone(RATE * 12, rate=RATE)

    def answer(number, audio):
        return [] if number == 0 else [*(processed(1, each) for each in (audio, b"")), processed(0, b"")]

    _, written, _ = await dub(service, FakeStream(answer=answer), tmp_path, pcm)
    assert np.array_equal(written[RATE * 6 :], -pcm[RATE * 6 :])


async def test_a_language_that_fails_is_silent_alone(service, tmp_path, autojump_clock):
    error = FragmentError(stage="tts", code="SYNTHESIS_FAILED", message="m", retryable=False)

    def answer(number, audio):
        failure = attrs.evolve(processed(number, None, "failed", error), target_language="es")
        return [*in_each(number, audio, without=[(1, "es")]), *([failure] if number == 1 else [])]

    pcm = tone(RATE * 18, rate=RATE)
    run, written, _ = await dub_all(
        service, FakeStream(answer=answer, languages=LOUDER), tmp_path, pcm, **SEVERAL
    )
    assert not written["es"][RATE * 6 : RATE * 12].any()
    assert np.array_equal(written["pt"], -pcm // 4)
    assert [f.target_language for f in run.fragments if f.error] == ["es"]


async def test_a_refusal_without_a_language_is_that_of_all(service, tmp_path, autojump_clock):
    error = FragmentError(stage=None, code="FRAGMENT_TOO_LARGE", message="m", retryable=False)
    stream = FakeStream(
        answer=lambda number, audio: (
            processed(number, None, "failed", error) if number == 1 else in_each(number, audio)
        ),
        languages=LOUDER,
    )
    run, written, _ = await dub_all(service, stream, tmp_path, tone(RATE * 18, rate=RATE), **SEVERAL)
    assert not any(written[language][RATE * 6 : RATE * 12].any() for language in LOUDER)
    assert sum(f.error is not None for f in run.fragments) == 3


async def test_a_language_that_is_never_answered_is_told(service, tmp_path, autojump_clock):
    stream = FakeStream(
        answer=lambda number, audio: in_each(number, audio, without=[(1, "de")]), languages=LOUDER
    )
    with pytest.RaisesGroup(
        pytest.RaisesExc(CommandError, match="after 1 fragments"), flatten_subgroups=True
    ):
        await dub_all(service, stream, tmp_path, tone(RATE * 12, rate=RATE), **SEVERAL)


@pytest.mark.parametrize("languages", [(), ("pt",), ("pt", "es")])
async def test_a_service_that_knows_one_language_at_a_time_is_not_asked_for_more(
    service, tmp_path, autojump_clock, languages
):
    with pytest.RaisesGroup(
        pytest.RaisesExc(CommandError, match="one language at a time"), flatten_subgroups=True
    ):
        await dub_all(
            service, FakeStream(languages=languages), tmp_path, tone(RATE * 6, rate=RATE), **SEVERAL
        )
    assert service["stream"].sent == {}


def left(language, audio, words=("so", "assim")):
    return Tail(
        target_language=language, audio=audio, transcript=words[0], translated_text=words[1], lag_ms=500
    )


async def test_what_is_left_sounds_on_after_the_last_fragment(service, tmp_path, autojump_clock):
    pcm, rest = tone(RATE * 12, 2, rate=RATE), tone(RATE // 2, 2, rate=RATE)
    stream = FakeStream(tail=[left("pt", rest.tobytes() + b"x")])
    run, written, _ = await dub(service, stream, tmp_path, pcm)
    assert np.array_equal(written, np.concatenate([-pcm, rest]))
    assert run.tail_s == 0.5
    assert (part(tmp_path) / "in.pt.srt").read_text().endswith("00:00:12,000 --> 00:00:13,000\nassim\n\n")
    assert (part(tmp_path) / "in.en.srt").read_text().endswith("00:00:12,000 --> 00:00:13,000\nso\n\n")


async def test_each_language_has_its_own_tail(service, tmp_path, autojump_clock):
    pcm, rest = tone(RATE * 6, rate=RATE), tone(RATE, rate=RATE)
    stream = FakeStream(
        answer=in_each,
        languages=LOUDER,
        tail=[left("es", rest.tobytes()), left("de", None), left("fr", rest.tobytes())],
    )
    run, written, _ = await dub_all(service, stream, tmp_path, pcm, **SEVERAL)
    assert {tag: len(its) for tag, its in written.items()} == {"pt": RATE * 6, "es": RATE * 7, "de": RATE * 6}
    assert run.tail_s == 1.0
    assert "assim" in (part(tmp_path) / "in.de.srt").read_text()
    assert "assim" not in (part(tmp_path) / "in.pt.srt").read_text()


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
