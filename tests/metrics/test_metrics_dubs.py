"""What answers become in the metrics."""

import attrs
import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from sts_actors.errors import ErrorCode, Stage
from sts_actors.messages import (
    AudioFormat,
    Container,
    FragmentFailed,
    FragmentHeader,
    Speech,
    Transcript,
    Translation,
)
from sts_actors.metrics.dubs import Dubs

HEADER = FragmentHeader(
    stream_id="match-7",
    fragment_id="1",
    sequence_number=1,
    index=0,
    duration_ms=6000,
    received=0.0,
    deadline=8.0,
)
LABEL = AudioFormat(container=Container.PCM_S16LE, sample_rate_hz=16_000, channels=1)
FAILED = FragmentFailed(
    header=HEADER, stage=Stage.TTS, code=ErrorCode.SYNTHESIS_FAILED, message="", retryable=False
)


def speech(**fields):
    heard = Transcript(header=HEADER, frames=96_000, answer=LABEL, text="a", language="en", asr_s=1.5)
    words = Translation(transcript=heard, text="b", billed_characters=1, translation_s=0.25)
    plain = Speech(
        translation=words,
        pcm=np.zeros(0, np.float32),
        sample_rate_hz=16_000,
        raw_duration_ms=6600,
        speed_ratio=0.91,
        tempo=1.1,
        variance=0.0,
        partial=False,
        tts_s=2.0,
        lag_ms=700,
    )
    return attrs.evolve(plain, **fields)


class Told:
    """Answers, and what the metrics say of them."""

    def __init__(self, *answers):
        self.registry = CollectorRegistry()
        dubs = Dubs(self.registry)
        for result, processing_s in answers:
            dubs.answered(result, processing_s)

    def __call__(self, name, **labels):
        return self.registry.get_sample_value(name, labels)


def test_a_dub_is_timed_by_stage_and_as_a_whole():
    told = Told((speech(), 4.5))
    for name, seconds in {
        "sts_fragment_processing_seconds": 4.5,
        "sts_asr_duration_seconds": 1.5,
        "sts_translation_duration_seconds": 0.25,
        "sts_tts_duration_seconds": 2.0,
        "sts_stream_lag_seconds": 0.7,
    }.items():
        assert (told(f"{name}_count"), told(f"{name}_sum")) == (1, seconds), name


def test_the_real_time_factor_is_the_answers_time_by_the_fragments_own():
    told = Told((speech(), 4.5), (speech(), 9.0))
    assert told("sts_real_time_factor_sum") == 0.75 + 1.5
    assert (told("sts_real_time_factor_bucket", le="0.8"), told("sts_real_time_factor_bucket", le="1.0")) == (
        1,
        1,
    )
    assert told("sts_dubbed_audio_seconds_total") == 12


def test_a_fragment_that_lasts_nothing_has_no_factor():
    nothing = attrs.evolve(HEADER, duration_ms=0)
    its = speech()
    heard = attrs.evolve(its.translation.transcript, header=nothing)
    told = Told((attrs.evolve(its, translation=attrs.evolve(its.translation, transcript=heard)), 1.0))
    assert told("sts_real_time_factor_count") == 0


def test_how_a_dub_was_made_to_fit_is_told():
    told = Told((speech(), 1), (speech(tempo=1.2, variance=0.15, partial=True), 1))
    assert told("sts_dub_tempo_ratio_bucket", le="1.1") == 1
    assert told("sts_dub_overrun_ratio_bucket", le="0.0") == 1
    assert told("sts_dub_overrun_ratio_sum") == 0.15
    assert told("sts_fragments_total", outcome="success") == 1
    assert told("sts_fragments_total", outcome="partial") == 1


def test_a_failure_counts_by_stage_and_code_and_times_no_stage():
    told = Told((FAILED, 8.0))
    assert told("sts_fragments_total", outcome="failed") == 1
    assert told("sts_fragment_errors_total", stage="tts", code="SYNTHESIS_FAILED") == 1
    assert told("sts_fragment_processing_seconds_count") == 1
    assert told("sts_tts_duration_seconds_count") == told("sts_real_time_factor_count") == 0


def test_a_failure_that_is_answered_with_the_original_is_still_seen_as_one():
    told = Told((speech(partial=True, fallback=FAILED, tts_s=0.0), 8.0))
    assert told("sts_fragments_total", outcome="partial") == told("sts_original_audio_total") == 1
    assert told("sts_fragment_errors_total", stage="tts", code="SYNTHESIS_FAILED") == 1
    assert told("sts_tts_duration_seconds_count") == told("sts_dubbed_audio_seconds_total") == 0


def test_dubs_that_were_listened_to_count_by_what_was_heard():
    told = Told((speech(checked=3, defective=1), 1), (speech(), 1))
    assert told("sts_dub_checks_total", outcome="good") == 2
    assert told("sts_dub_checks_total", outcome="defective") == 1


@pytest.mark.parametrize(
    ("name", "outcomes"),
    [
        ("sts_fragments_total", ("success", "partial", "failed")),
        ("sts_dub_checks_total", ("good", "defective")),
    ],
)
def test_outcomes_are_there_from_the_start_so_that_the_first_is_an_increase(name, outcomes):
    told = Told()
    assert [told(name, outcome=outcome) for outcome in outcomes] == [0] * len(outcomes)
