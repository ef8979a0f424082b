"""A stream as a whole: one result for each admitted fragment, in order, and nothing left behind."""

from contextlib import asynccontextmanager

import attrs
import numpy as np
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from sts_actors.actors.collaborators import Collaborators
from sts_actors.actors.compute import inline
from sts_actors.actors.stream import open_stream
from sts_actors.actors.voicing import Voicing
from sts_actors.audio.fit import FitPolicy
from sts_actors.engines.ports import Recognition, SynthesisedAudio, TranslatedText
from sts_actors.errors import EngineError, ErrorCode, Stage
from sts_actors.messages import (
    AudioFormat,
    Container,
    FragmentFailed,
    SeamPolicy,
    Speech,
    StreamConfig,
    Word,
)
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


@attrs.define
class Talker(Faults):
    """Hears one word a tenth of a second, and none before what is given."""

    voices: list = attrs.field(factory=list)

    async def recognise(self, request, *, stream, deadline):
        await trio.sleep(0.2)
        given = len(request.prefix.split())
        words = tuple(
            Word(text=f"w{number}", start_s=number / 10, end_s=(number + 1) / 10)
            for number in range(given, request.pcm.shape[0] // 1600)
        )
        return Recognition(
            text=" ".join(word.text for word in words),
            language="en",
            words=words,
            voice=((0.0, request.pcm.shape[0] / 16_000),),
        )

    async def synthesise(self, request, *, stream, deadline):
        self.voices.append((request.language, request.voice))
        return await super().synthesise(request, stream=stream, deadline=deadline)


CARRIED = attrs.evolve(CONFIG, seam=SeamPolicy.CARRY)
SECONDS = np.full(16_000, 1000, np.int16).tobytes()


def words_of(result):
    return result.translation.transcript.words


async def test_a_fragment_that_is_known_to_be_the_last_decides_all_its_words(autojump_clock):
    async with open_stream(CARRIED, Talker().collaborators, entrance_capacity=8) as stream:
        place = stream.arrive(fragment_id="f0", sequence_number=0, duration_ms=2000)
        stream.submit(place.header, SECONDS, LABEL)
        stream.end()
        (result,) = [result async for due in stream for result in due.result]
        assert stream.tails == ()
    assert len(words_of(result)) == 20


async def test_what_is_carried_when_a_stream_ends_is_its_tail(autojump_clock):
    async with open_stream(CARRIED, Talker().collaborators, entrance_capacity=8) as stream:
        place = stream.arrive(fragment_id="f0", sequence_number=0, duration_ms=2000)
        stream.submit(place.header, SECONDS, LABEL)
        (result,) = (await anext(stream)).result
        stream.end()
        assert [due async for due in stream] == []
        (tail,) = stream.tails
    assert 0 < len(words_of(result)) < 20
    assert len(words_of(result)) + len(words_of(tail)) == 20


async def test_each_language_has_its_own_voice(autojump_clock):
    talker = Talker()
    config = attrs.evolve(CONFIG, further_targets=("es",))
    its = attrs.evolve(talker.collaborators, voicing_by_language={"es": attrs.evolve(VOICING, voice="pedro")})
    async with open_stream(config, its, entrance_capacity=8) as stream:
        submit(stream, 1)
        stream.end()
        assert len([result async for due in stream for result in due.result]) == 2
    assert sorted(talker.voices) == [("es", "pedro"), ("pt", "v")]


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
