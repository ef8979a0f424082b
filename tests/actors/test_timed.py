"""A stream on its own time: each utterance where it was spoken, what is left over in the next fragment."""

import attrs
import numpy as np
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from sts_actors.actors.compute import inline
from sts_actors.actors.stage import StageLimits
from sts_actors.actors.tts import tts
from sts_actors.actors.voicing import Voicing
from sts_actors.audio.fit import FitPolicy
from sts_actors.engines.ports import SynthesisedAudio
from sts_actors.errors import EngineError, ErrorCode, Stage
from sts_actors.messages import (
    TAIL,
    AudioFormat,
    Bed,
    Container,
    FragmentFailed,
    FragmentHeader,
    SeamPolicy,
    Speech,
    StreamConfig,
    Transcript,
    Translation,
    Utterance,
)

RATE_HZ = 8000
LABEL = AudioFormat(container=Container.PCM_S16LE, sample_rate_hz=RATE_HZ, channels=1)
CONFIG = StreamConfig(
    stream_id="s", source_language="en", target_language="pt", label=LABEL, seam=SeamPolicy.CARRY
)
VOICING = Voicing(voice="v", speed_range=(0.8, 1.3), policy=FitPolicy())
BOUND_S = 3.0


@attrs.define
class Voice:
    """Speaks a text, which says how many seconds it takes, as a hum between two silences."""

    asked: list = attrs.field(factory=list)
    silence_s: float = 0.0

    async def __call__(self, request, /, *, stream, deadline):
        await trio.lowlevel.checkpoint()
        self.asked.append(request)
        if request.text == "refused":
            raise EngineError(ErrorCode.SYNTHESIS_FAILED, "no")
        frames = round(float(request.text) / request.speed * RATE_HZ)
        hum = 0.5 * np.sin(np.arange(frames) * 0.5)
        edge = np.zeros(round(self.silence_s * RATE_HZ))
        return SynthesisedAudio(
            pcm=np.concatenate((edge, hum, edge)).astype(np.float32), sample_rate_hz=RATE_HZ
        )


class Slow(Voice):
    async def __call__(self, request, /, *, stream, deadline):
        await trio.sleep(1.0)
        return await super().__call__(request, stream=stream, deadline=deadline)


class Known:
    """Knows how long a text takes."""

    def observe(self, text, seconds, *, speed=1.0):
        pass

    def predict(self, text):
        return 1.0 if text == "refused" else float(text)


def utterance(start_s, end_s, takes_s):
    return Utterance(source="said", text=str(takes_s), start_s=start_s, end_s=end_s)


def translation(number, *utterances, seconds=2.0, index=None, **transcript):
    index = number if index is None else index
    header = FragmentHeader(
        stream_id="s",
        fragment_id=f"f{number}",
        sequence_number=number,
        index=index,
        duration_ms=round(seconds * 1000),
        received=0.0,
        deadline=float("inf"),
    )
    frames = 0 if index == TAIL else round(seconds * RATE_HZ)
    heard = Transcript(
        header=header,
        frames=frames,
        source=np.full(frames, 0.25, np.float32),
        answer=LABEL,
        text="said",
        language="en",
        asr_s=0.0,
        **transcript,
    )
    text = " ".join(each.text for each in utterances)
    return Translation(
        transcript=heard, text=text, utterances=utterances, billed_characters=0, translation_s=0.0
    )


def failure(number, seconds=2.0, *, source=False):
    frames = round(seconds * RATE_HZ)
    return FragmentFailed(
        header=translation(number, seconds=seconds).header,
        stage=Stage.ASR,
        code=ErrorCode.ASR_FAILED,
        message="no",
        retryable=True,
        source=np.full(frames, 0.25, np.float32) if source else None,
        answer=LABEL if source else None,
    )


async def speak(*items, voice=None, voicing=VOICING, pace=None, **options):
    send, inbox = trio.open_memory_channel(len(items))
    outbox, receive = trio.open_memory_channel(len(items))
    for item in items:
        send.send_nowait(item)
    send.close()
    await tts(
        inbox,
        outbox,
        voice or Voice(),
        options.pop("config", CONFIG),
        voicing,
        StageLimits(),
        inline,
        pace=pace or Known(),
        **options,
    )
    outbox.close()
    return [result async for result in receive]


def sounding(speech):
    """The seconds at which a dub begins and ends to be heard."""
    loud = np.flatnonzero(np.abs(speech.pcm) > 0.05)
    return (loud[0] / RATE_HZ, loud[-1] / RATE_HZ) if loud.size else None


async def test_an_utterance_is_heard_where_its_source_was_spoken():
    (speech,) = await speak(translation(0, utterance(0.7, 1.7, 0.8)))
    assert sounding(speech) == pytest.approx((0.7, 1.5), abs=0.01)
    assert speech.pcm.shape == (2 * RATE_HZ,)
    assert speech.lag_ms == 0


async def test_the_silence_that_an_engine_puts_before_its_speech_delays_nothing():
    (speech,) = await speak(translation(0, utterance(0.5, 1.5, 0.8)), voice=Voice(silence_s=0.3))
    assert sounding(speech)[0] == pytest.approx(0.52, abs=0.01)


async def test_two_utterances_keep_the_pause_between_them():
    (speech,) = await speak(translation(0, utterance(0.0, 0.5, 0.5), utterance(1.2, 1.8, 0.5)))
    assert not speech.pcm[round(0.52 * RATE_HZ) : round(1.19 * RATE_HZ)].any()
    assert np.abs(speech.pcm[round(1.25 * RATE_HZ) : round(1.6 * RATE_HZ)]).max() > 0.4


async def test_what_does_not_fit_goes_on_in_the_next_fragment_and_is_not_cut():
    first, second = await speak(translation(0, utterance(1.0, 2.0, 1.8)), translation(1))
    assert isinstance(first, Speech)
    assert not first.partial
    joined = np.concatenate((first.pcm, second.pcm))
    # Spoken and stretched by 1.2 in all, and the rest of it in the pause.
    assert np.flatnonzero(np.abs(joined) > 0.05)[-1] / RATE_HZ == pytest.approx(2.5, abs=0.02)
    assert np.abs(np.diff(joined[round(1.9 * RATE_HZ) : round(2.1 * RATE_HZ)])).max() < 0.3
    assert first.lag_ms == pytest.approx(500, abs=20)


async def test_a_carried_utterance_begins_with_its_fragment():
    _, second = await speak(translation(0), translation(1, utterance(-0.4, 0.8, 0.9)))
    assert sounding(second)[0] == pytest.approx(0.0, abs=0.01)


async def test_the_tail_is_what_was_carried_and_what_hangs_over():
    _, tail = await speak(
        translation(0, utterance(1.0, 2.0, 1.8)),
        translation(1, utterance(-0.2, 0.0, 0.5), index=TAIL),
    )
    assert tail.header.index == TAIL
    assert tail.pcm.shape[0] / RATE_HZ == pytest.approx(0.5 + 0.5 / 1.15, abs=0.1)


async def test_a_tail_of_nothing_is_empty():
    _, tail = await speak(translation(0, utterance(0.0, 1.0, 0.5)), translation(1, index=TAIL))
    assert tail.pcm.shape == (0,)


async def test_the_known_end_fades_out_instead_of_breaking_off():
    (known,) = await speak(translation(0, utterance(1.0, 2.0, 1.8), last=True))
    (unknown,) = await speak(translation(0, utterance(1.0, 2.0, 1.8)))
    ends = [np.abs(speech.pcm[-4:]).max() for speech in (known, unknown)]
    assert ends[0] < 0.1 < ends[1]


async def test_time_passes_in_a_fragment_that_failed_and_its_rest_is_not_taken_up_midway():
    first, failed, third = await speak(
        translation(0, utterance(1.5, 2.0, 4.0)), failure(1), translation(2, utterance(1.0, 1.5, 0.4))
    )
    assert isinstance(first, Speech)
    assert isinstance(failed, FragmentFailed)
    assert failed.target_language == "pt"
    assert sounding(third) == pytest.approx((1.0, 1.4), abs=0.01)


async def test_a_synthesis_that_fails_costs_its_fragment_and_time_goes_on():
    failed, second = await speak(
        translation(0, utterance(0.0, 0.5, 0.5), Utterance(source="", text="refused", start_s=1, end_s=2)),
        translation(1, utterance(0.5, 1.5, 0.9)),
    )
    assert failed.code is ErrorCode.SYNTHESIS_FAILED
    assert sounding(second) == pytest.approx((0.5, 1.4), abs=0.01)


async def test_what_must_be_cut_for_the_bounds_sake_is_judged_by_the_duration_rule():
    (failed, after) = await speak(translation(0, utterance(0.0, 1.0, 9.0)), translation(1))
    assert failed.code is ErrorCode.DURATION_MISMATCH_EXCEEDED
    assert not after.pcm.any()
    fit = attrs.evolve(VOICING, policy=FitPolicy(duration_policy="fit"))
    (partial, goes_on) = await speak(translation(0, utterance(0.0, 1.0, 9.0)), translation(1), voicing=fit)
    assert partial.partial
    assert goes_on.pcm.any()


async def test_a_text_that_took_much_longer_than_foretold_is_spoken_again_faster():
    voice = Voice()

    class TooShort(Known):
        def predict(self, text):
            return 0.5

    await speak(translation(0, utterance(0.0, 1.0, 1.4)), voice=voice, pace=TooShort())
    assert [request.speed for request in voice.asked] == [1.0, 1.2]


async def test_a_fragment_out_of_order_is_dubbed_by_itself_and_disturbs_nothing():
    first, again, third = await speak(
        translation(1, utterance(1.0, 2.0, 1.5)),
        translation(0, utterance(0.0, 1.0, 0.7), index=5, alone=True),
        translation(2),
    )
    assert sounding(again) == pytest.approx((0.0, 0.7), abs=0.01)
    joined = np.concatenate((first.pcm, third.pcm))
    assert np.flatnonzero(np.abs(joined) > 0.05)[-1] / RATE_HZ == pytest.approx(1 + 1.5 / 1.2, abs=0.05)


async def test_a_fragment_sent_again_that_fails_takes_no_time():
    first, failed, third = await speak(translation(1, utterance(1.0, 2.0, 1.8)), failure(0), translation(2))
    assert isinstance(failed, FragmentFailed)
    assert sounding(third)[0] == pytest.approx(0.0, abs=0.01)
    assert isinstance(first, Speech)


async def test_a_text_is_not_spoken_again_where_there_is_no_time_for_it(autojump_clock):
    voice = Slow()

    class TooShort(Known):
        def predict(self, text):
            return 0.5

    item = translation(0, utterance(0.0, 1.0, 1.4))
    soon = attrs.evolve(item.header, deadline=trio.current_time() + 1.5)
    item = attrs.evolve(item, transcript=attrs.evolve(item.transcript, header=soon))
    (speech,) = await speak(item, voice=voice, pace=TooShort())
    assert isinstance(speech, Speech)
    assert len(voice.asked) == 1


async def test_a_carried_utterance_never_begins_before_the_one_before_it():
    first, second = await speak(
        translation(0, utterance(1.9, 2.0, 0.3)), translation(1, utterance(-0.4, 0.5, 0.5))
    )
    assert isinstance(first, Speech)
    assert sounding(second)[0] < 0.25


async def test_an_utterance_without_words_costs_no_synthesis():
    voice = Voice()
    empty = Utterance(source="", text="", start_s=0.0, end_s=0.5)
    (speech,) = await speak(translation(0, empty, utterance(1.0, 1.5, 0.4)), voice=voice)
    assert len(voice.asked) == 1
    assert sounding(speech)[0] == pytest.approx(1.0, abs=0.01)


async def test_sound_that_is_none_fails_its_fragment():
    async def broken(request, /, *, stream, deadline):
        await trio.lowlevel.checkpoint()
        return SynthesisedAudio(pcm=np.full(100, np.nan, np.float32), sample_rate_hz=RATE_HZ)

    (failed,) = await speak(translation(0, utterance(0.0, 1.0, 1.0)), voice=broken)
    assert failed.code is ErrorCode.SYNTHESIS_FAILED


async def test_the_lag_of_what_was_heard_within_its_fragment_is_told_too():
    (speech,) = await speak(translation(0, utterance(0.0, 0.5, 1.2)))
    assert speech.lag_ms == pytest.approx(500, abs=50)


async def test_a_fragment_of_another_rate_begins_a_timeline_of_that_rate():
    label = attrs.evolve(LABEL, sample_rate_hz=16_000)
    item = translation(1, utterance(0.5, 1.5, 0.8))
    heard = attrs.evolve(item.transcript, answer=label, frames=32_000)
    first, second = await speak(
        translation(0, utterance(0.5, 1.5, 0.8)), attrs.evolve(item, transcript=heard)
    )
    assert first.pcm.shape == (16_000,)
    assert second.pcm.shape == (32_000,)
    assert np.flatnonzero(np.abs(second.pcm) > 0.05)[0] / 16_000 == pytest.approx(0.5, abs=0.01)


BEDDED = attrs.evolve(CONFIG, bed=Bed(level_db=-20))


async def test_a_tail_has_no_bed_for_it_has_no_source():
    _, tail = await speak(translation(0, utterance(1.0, 2.0, 1.8)), translation(1, index=TAIL), config=BEDDED)
    assert tail.pcm.size


async def test_a_fragment_out_of_order_is_mixed_by_itself_and_the_bed_goes_on_as_before():
    usual = await speak(translation(1, utterance(1.5, 2.0, 0.5)), translation(2), config=BEDDED)
    again = translation(0, index=5, alone=True)
    first, alone, third = await speak(
        translation(1, utterance(1.5, 2.0, 0.5)), again, translation(2), config=BEDDED
    )
    assert np.array_equal(first.pcm, usual[0].pcm)
    assert np.array_equal(third.pcm, usual[1].pcm)
    assert alone.pcm == pytest.approx(0.25)


async def test_the_bed_follows_the_rate_of_the_fragments():
    label = attrs.evolve(LABEL, sample_rate_hz=16_000)
    item = translation(1)
    heard = attrs.evolve(
        item.transcript, answer=label, frames=32_000, source=np.full(32_000, 0.25, np.float32)
    )
    said = Utterance(source="x", text="", start_s=1.0, end_s=1.5)
    _, second = await speak(
        translation(0), attrs.evolve(item, transcript=heard, utterances=(said,)), config=BEDDED
    )
    # Down by the time the source speaks, in seconds of its own rate.
    assert second.pcm[round(0.5 * 16_000)] == pytest.approx(0.25, abs=1e-3)
    assert second.pcm[round(1.2 * 16_000)] == pytest.approx(0.025, abs=1e-3)
    assert second.pcm[round(0.95 * 16_000)] < 0.2


async def test_the_original_answers_for_a_dub_that_failed_where_that_is_wanted():
    first, instead, third = await speak(
        translation(0, utterance(1.0, 2.0, 1.8)), failure(1, source=True), translation(2), original=True
    )
    assert not instead.translation.transcript.source.size
    assert instead.partial
    assert instead.warnings == ("original_audio",)
    assert instead.fallback.code is ErrorCode.ASR_FAILED
    # The end of what was said before is heard, then the original, and it goes without a click.
    assert np.abs(instead.pcm[: round(0.4 * RATE_HZ)]).max() > 0.4
    assert instead.pcm[-100:] == pytest.approx(0.25)
    assert np.abs(np.diff(np.concatenate((instead.pcm[-100:], third.pcm[:100])))).max() < 0.02
    assert not third.pcm[RATE_HZ:].any()
    assert isinstance(first, Speech)


async def test_without_its_sound_a_failure_stays_one_whatever_is_wanted():
    (failed,) = await speak(failure(0), original=True)
    assert isinstance(failed, FragmentFailed)


async def test_no_answer_carries_the_source_along():
    speech, failed = await speak(translation(0, utterance(0.0, 1.0, 0.5)), failure(1, source=True))
    assert speech.translation.transcript.source.size == 0
    assert failed.source is None


spoken = st.lists(
    st.tuples(
        st.floats(min_value=-0.5, max_value=1.9), st.floats(min_value=0, max_value=1), st.floats(0.1, 3.0)
    ),
    max_size=3,
)


@settings(max_examples=100, deadline=None)
@given(st.random_module(), st.lists(st.one_of(spoken, st.none()), min_size=1, max_size=6))
def test_every_dub_is_as_long_as_its_fragment_and_none_later_than_the_bound(_schedule, fragments):
    items = []
    for number, said in enumerate(fragments):
        if said is None:
            items.append(failure(number))
            continue
        ordered = sorted(said)
        items.append(
            translation(
                number, *(utterance(start, min(start + lasts, 2.0), takes) for start, lasts, takes in ordered)
            )
        )

    async def main():
        fit = attrs.evolve(VOICING, policy=FitPolicy(duration_policy="fit"))
        results = await speak(*items, voicing=fit)
        assert [result.header.index for result in results] == list(range(len(fragments)))
        for said, result in zip(fragments, results, strict=True):
            assert isinstance(result, FragmentFailed) is (said is None)
            if isinstance(result, Speech):
                assert result.pcm.shape == (2 * RATE_HZ,)
                assert np.abs(result.pcm).max() <= 1
                assert result.lag_ms <= (BOUND_S + 2.5) * 1000

    trio.run(main, clock=MockClock(autojump_threshold=0))
