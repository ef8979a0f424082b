"""What a dub comes to, on results made by hand."""

import os
import time

import attrs
import numpy as np
import pytest
import trio

from sts_actors.cli.evaluating.figures import Cost, Reference, dub_figures, dub_sound, heard_text, said_text
from sts_actors.cli.evaluating.line import Asked, Dubbed, Recording, worked_s
from sts_actors.engines.ports import RecogniseRequest, Recognition
from sts_actors.errors import ErrorCode, Stage
from sts_actors.messages import (
    TAIL,
    AudioFormat,
    Container,
    FragmentFailed,
    FragmentHeader,
    Speech,
    Transcript,
    Translation,
    Utterance,
    Word,
)
from sts_actors.quality.timing import Spread
from sts_actors.quality.words import words_of

RATE = 1000
SECONDS = 4
ANSWER = AudioFormat(container=Container.PCM_S16LE, sample_rate_hz=RATE, channels=1)


def header(index):
    return FragmentHeader(
        stream_id="s",
        fragment_id=str(index),
        sequence_number=index,
        index=index,
        duration_ms=SECONDS * 1000,
        received=0.0,
        deadline=1.0,
    )


def speech(index, text="", *, utterances=(), frames=SECONDS * RATE, tempo=1.0, lag_ms=0, words=()):
    transcript = Transcript(
        header=header(index), frames=frames, answer=ANSWER, text=text, language="en", asr_s=0.0, words=words
    )
    translation = Translation(
        transcript=transcript,
        text=text.upper(),
        utterances=utterances,
        billed_characters=0,
        translation_s=0.0,
    )
    return Speech(
        translation=translation,
        pcm=np.full(frames, 0.5, np.float32),
        sample_rate_hz=RATE,
        raw_duration_ms=0,
        speed_ratio=1.0,
        tempo=tempo,
        variance=0.0,
        partial=False,
        tts_s=0.0,
        lag_ms=lag_ms,
    )


def failure(index):
    return FragmentFailed(
        header=header(index), stage=Stage.TTS, code=ErrorCode.TIMEOUT, message="", retryable=False
    )


def dubbed(*results, speeds=None):
    count = sum(result.header.index != TAIL for result in results)
    return Dubbed(
        results=results,
        frames=(SECONDS * RATE,) * count,
        sample_rate_hz=RATE,
        recogniser=Asked(None),
        speeds=speeds or {},
    )


def heard(*words):
    return Recognition(
        text=" ".join(text for text, *_ in words),
        language="pt",
        words=tuple(Word(text=text, start_s=start, end_s=end) for text, start, end in words),
    )


def utterance(text, start_s, end_s):
    return Utterance(source=text, text=text, start_s=start_s, end_s=end_s)


def test_offsets_are_those_of_each_phrases_first_and_last_heard_words():
    both = dubbed(
        speech(0, "um dois", utterances=(utterance("um dois", 1.0, 2.0),)),
        # Carried over: it began before its fragment.
        speech(1, "tres quatro cinco", utterances=(utterance("tres quatro cinco", -0.5, 1.0),)),
    )
    found = dub_figures(
        both,
        heard(
            ("um", 1.5, 1.7), ("dois", 2.0, 2.4), ("tres", 4.0, 4.5), ("outro", 4.6, 5.0), ("cinco", 5.0, 5.1)
        ),
        words_of,
    )
    assert found.start_offset_ms == Spread(p50=500, p95=500, largest=500)
    assert found.end_offset_ms.p50 == pytest.approx(100)
    assert found.end_offset_ms.p95 == pytest.approx(400)
    assert (found.round_trip.substituted, found.round_trip.reference_words) == (1, 5)


def test_a_phrase_that_is_not_heard_has_no_offset():
    one = dubbed(speech(0, "um", utterances=(utterance("um", 1.0, 2.0),)))
    assert dub_figures(one, heard(("nada", 1.0, 2.0)), words_of).start_offset_ms is None


def test_a_dub_in_one_piece_goes_with_the_words_of_its_fragment():
    words = (Word(text="um", start_s=1.0, end_s=1.5), Word(text="dois", start_s=2.0, end_s=3.0))
    found = dub_figures(
        dubbed(speech(0), speech(1, "um dois", words=words)),
        heard(("um", 5.0, 5.5), ("dois", 6.0, 6.5)),
        words_of,
    )
    assert (found.start_offset_ms.p50, found.end_offset_ms.p50) == (0, -500)


def test_pace_is_the_engines_speed_times_the_stretch():
    # 1.1 times 1.15 is too fast; the mean of 0.9 and 1.1 is none; 0.8 is too slow.
    parts = (utterance("c", 0, 1), utterance("d", 1, 2))
    many = dubbed(
        speech(0, "a", utterances=(utterance("a", 0, 1),), tempo=1.15),
        speech(1, "cd", utterances=parts),
        speech(2, "b"),
        speech(3),
        speeds={"a": 1.1, "c": 0.9, "d": 1.1, "B": 0.8},
    )
    found = dub_figures(many, None, words_of)
    assert found.in_pace == pytest.approx(1 / 3)
    assert found.stretch == Spread(p50=1.0, p95=1.15, largest=1.15)
    assert found.fragments == 3


def test_the_lag_is_told_at_the_ends_of_fragments_that_speak():
    three = dubbed(speech(0, "a", lag_ms=100), speech(1), speech(2, "b", lag_ms=300))
    found = dub_figures(three, None, words_of)
    assert found.lags == ((4.0, 100), (12.0, 300))
    assert found.slope_ms_per_hour == pytest.approx(200 / 8 * 3600)
    assert found.lag_ms.largest == 300


def test_fragments_of_a_wrong_length_are_counted_frame_by_frame():
    two = dubbed(speech(0, "a", frames=SECONDS * RATE + 3), speech(1, "b", frames=SECONDS * RATE - 3))
    found = dub_figures(two, None, words_of)
    assert (found.timeline_error_frames, found.wrong_lengths) == (0, 2)


def test_what_is_left_at_the_end_is_part_of_the_dub_and_of_no_fragment():
    results = dubbed(speech(0, "a"), failure(1), speech(TAIL, "z", frames=500))
    found = dub_figures(results, None, words_of)
    assert (found.left_over_s, found.wrong_lengths, found.failed, found.fragments) == (0.5, 0, 1, 2)
    assert len(found.lags) == 1
    sound = dub_sound(results)
    assert sound.size == 2 * SECONDS * RATE + 500
    assert not sound[SECONDS * RATE : 2 * SECONDS * RATE].any()
    assert sound[-1] == 0.5
    assert (heard_text(results), said_text(results)) == ("a z", "A Z")


def test_what_a_failed_fragment_heard_counts_as_heard():
    known = attrs.evolve(failure(0), transcript=speech(0, "b").translation.transcript)
    assert heard_text(dubbed(known, failure(1))) == "b"


def test_a_dub_of_nothing_has_no_sound():
    assert dub_sound(dubbed()).size == 0


def test_cuts_lie_between_fragments_and_not_at_the_end():
    recording = Recording(pcm=np.zeros(3 * SECONDS * RATE, np.float32), sample_rate_hz=RATE)
    whole = heard(("one", 0.0, 0.4), ("two", 4.0, 4.4), ("three", 11.6, 12.0))
    reference = Reference.of("one two three", whole, words_of)
    assert reference.at_seams("one two three", recording, SECONDS).seams == 2
    # Of the last word only the beginning of the stream's end is near.
    assert reference.at_seams("one two", recording, 6).lost == 1
    assert reference.at_seams("two three", recording, 6).lost == 0


def test_the_processor_time_of_a_process_grows_with_its_work():
    before = worked_s(os.getpid())
    if before is None:
        pytest.skip("this system does not tell")
    until = time.process_time() + 0.1
    while time.process_time() < until:
        pass
    assert 0.05 <= worked_s(os.getpid()) - before <= 10


def test_of_a_process_that_is_not_there_no_time_is_known():
    assert worked_s(None) is None


async def test_an_asker_counts_calls_sound_and_time(autojump_clock):
    async def ask(request, *, stream, deadline):
        await trio.sleep(2)
        return "answer"

    spent = iter((1.0, 1.5, 4.0, 4.25))
    asked = Asked(ask, processor=lambda: next(spent))
    request = RecogniseRequest(pcm=np.zeros(8000, np.float32), language="en")
    for _ in range(2):
        assert await asked(request, stream="s", deadline=9.0) == "answer"
    cost = Cost.of(asked, pretended=False)
    assert cost == Cost(calls=2, audio_s=1.0, took_s=pytest.approx(4), processor_s=0.75)
    assert Cost.of(asked, pretended=True) == Cost(calls=2, audio_s=1.0, took_s=None, processor_s=None)
