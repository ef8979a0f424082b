"""A stream as a whole: one result for each admitted fragment, in order, and nothing left behind."""

from contextlib import asynccontextmanager

import attrs
import numpy as np
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from sts_actors.actors.compute import inline
from sts_actors.actors.stream import Collaborators, open_stream
from sts_actors.actors.voicing import Voicing
from sts_actors.audio.fit import FitPolicy
from sts_actors.engines.ports import Recognition, SynthesisedAudio, TranslatedText
from sts_actors.errors import EngineError, ErrorCode, Stage
from sts_actors.messages import AudioFormat, Container, FragmentFailed, Speech, StreamConfig
from supervision import RestartIntensityExceeded, channel_statistics

RATE_HZ = 8000
LABEL = AudioFormat(container=Container.PCM_S16LE, sample_rate_hz=RATE_HZ, channels=1)
CONFIG = StreamConfig(stream_id="s", source_language="en", target_language="pt", label=LABEL)
VOICING = Voicing(voice="v", speed_range=(0.8, 1.3), policy=FitPolicy())
AUDIO = np.full(800, 1000, np.int16).tobytes()


@attrs.define
class Faults:
    """Engines that work, but for the fragments whose index is listed; the recogniser counts them."""

    slow: frozenset[int] = frozenset()
    refused: frozenset[int] = frozenset()
    bugs: frozenset[int] = frozenset()
    seen: int = 0

    async def recognise(self, request, *, stream, deadline):
        index, self.seen = self.seen, self.seen + 1
        await trio.sleep(60 if index in self.slow else 0.2)
        if index in self.refused:
            raise EngineError(ErrorCode.ASR_FAILED, "no")
        if index in self.bugs:
            raise ZeroDivisionError
        return Recognition(text=f"words {index}", language=request.language)

    async def translate(self, request, *, stream, deadline):
        await trio.sleep(0.05)
        return TranslatedText(text=request.text.replace("words", "palavras"), billed_characters=1)

    async def synthesise(self, request, *, stream, deadline):
        await trio.sleep(0.3)
        return SynthesisedAudio(pcm=np.zeros(400, np.float32), sample_rate_hz=RATE_HZ)

    @property
    def collaborators(self):
        return Collaborators(
            recogniser=self.recognise,
            translator=self.translate,
            synthesiser=self.synthesise,
            voicing=VOICING,
            compute=inline,
        )


@asynccontextmanager
async def opened(faults, capacity=64):
    async with open_stream(CONFIG, faults.collaborators, entrance_capacity=capacity) as stream:
        yield stream


def submit(stream, count, start=0):
    for number in range(start, start + count):
        place = stream.arrive(fragment_id=f"f{number}", sequence_number=number, duration_ms=100)
        stream.submit(place.header, AUDIO, LABEL)


async def test_a_fragment_comes_out_as_speech_as_long_as_it_went_in(autojump_clock):
    async with opened(Faults()) as stream:
        submit(stream, 1)
        stream.end()
        (result,) = [result async for due in stream for result in due.result]
    assert isinstance(result, Speech)
    assert result.pcm.shape == (800,)
    assert result.translation.text == "palavras 0"
    assert result.header.duration_ms == 100


async def test_ending_a_stream_drains_what_is_in_flight_in_order(autojump_clock):
    async with opened(Faults()) as stream:
        submit(stream, 3)
        stream.end()
        results = [result async for due in stream for result in due.result]
        assert stream.in_flight == 0
    assert [result.header.sequence_number for result in results] == [0, 1, 2]


async def test_nothing_is_admitted_after_the_end(autojump_clock):
    async with opened(Faults()) as stream:
        stream.end()
        with pytest.raises(trio.ClosedResourceError):
            submit(stream, 1)
        assert stream.in_flight == 0


async def test_a_full_entrance_refuses_at_once_and_admits_nothing(autojump_clock):
    async with opened(Faults(), capacity=2) as stream:
        submit(stream, 2)
        with pytest.raises(trio.WouldBlock):
            submit(stream, 1)
        assert stream.in_flight == 2


async def test_a_crash_in_one_stage_fails_that_fragment_and_nothing_else(autojump_clock):
    async with opened(Faults(bugs=frozenset({1}))) as stream:
        submit(stream, 4)
        stream.end()
        results = [result async for due in stream for result in due.result]
    assert [isinstance(result, FragmentFailed) for result in results] == [False, True, False, False]
    assert (results[1].code, results[1].stage) == (ErrorCode.UNKNOWN_ERROR, Stage.ASR)


async def test_undecodable_audio_fails_in_its_place(autojump_clock):
    async with opened(Faults()) as stream:
        submit(stream, 1)
        place = stream.arrive(fragment_id="odd", sequence_number=1, duration_ms=100)
        stream.submit(place.header, b"\x00\x01\x02", LABEL)
        submit(stream, 1, start=2)
        stream.end()
        results = [result async for due in stream for result in due.result]
    assert [result.header.sequence_number for result in results] == [0, 1, 2]
    assert results[1].code is ErrorCode.INVALID_AUDIO_FORMAT


async def test_a_stage_that_never_stops_crashing_ends_the_stream_with_the_cause(autojump_clock):
    codes = []

    async def dub():
        async with opened(Faults(bugs=frozenset(range(9)))) as stream:
            submit(stream, 9)
            stream.end()
            codes.extend([result.code async for due in stream for result in due.result])

    with pytest.raises(RestartIntensityExceeded) as caught:
        await dub()
    assert set(codes) <= {ErrorCode.UNKNOWN_ERROR}
    assert len(codes) <= 4
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


async def test_leaving_early_leaves_no_task_and_no_channel(autojump_clock):
    tasks = trio.lowlevel.current_statistics().tasks_living
    async with opened(Faults(slow=frozenset({1}))) as stream:
        submit(stream, 5)
        async for _ in stream:
            break
    assert trio.lowlevel.current_statistics().tasks_living == tasks
    assert not [channel for channel in channel_statistics() if channel.name.startswith("stream/")]


indexes = st.frozensets(st.integers(min_value=0, max_value=9), max_size=3)


@settings(max_examples=200, deadline=None)
@given(st.random_module(), st.integers(min_value=0, max_value=9), indexes, indexes, indexes)
def test_each_admitted_fragment_gives_exactly_one_result_in_order(_schedule, count, slow, refused, bugs):
    async def main():
        faults = Faults(slow=slow, refused=refused, bugs=bugs)
        async with opened(faults) as stream:
            submit(stream, count)
            stream.end()
            results = [result async for due in stream for result in due.result]
            assert [result.header.index for result in results] == list(range(count))
            assert stream.in_flight == 0
            # What is already past its deadline never reaches the engine.
            assert faults.seen <= count

    trio.run(main, clock=MockClock(autojump_threshold=0))


@settings(max_examples=200, deadline=None)
@given(st.random_module(), st.floats(min_value=0, max_value=5))
def test_a_cut_at_any_moment_leaves_nothing_behind(_schedule, moment):
    async def main():
        tasks = trio.lowlevel.current_statistics().tasks_living
        with trio.move_on_after(moment):
            async with opened(Faults(slow=frozenset({2}))) as stream:
                submit(stream, 6)
                async for _ in stream:
                    pass
        assert trio.lowlevel.current_statistics().tasks_living == tasks
        assert not [channel for channel in channel_statistics() if channel.name.startswith("stream/")]

    trio.run(main, clock=MockClock(autojump_threshold=0))
