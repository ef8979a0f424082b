import math

import numpy as np
import pytest
from audio_signals import dominant_hz, noise, steepest, tone, voice
from hypothesis import given, settings
from hypothesis import strategies as st

from sts_actors.audio.fit import FitPolicy, Verdict, fit, plan_speed
from sts_actors.errors import ErrorCode, ServiceError

RATE = 24_000
TARGET = RATE  # one second
RATES = st.sampled_from([8_000, 16_000, 24_000, 44_100, 48_000]) | st.integers(8_000, 96_000)


def fitted(raw, *, frames=TARGET, rate=RATE, from_hz=RATE, policy=None):
    return fit(raw, from_hz, target_frames=frames, target_rate_hz=rate, policy=policy or FitPolicy())


def loud(frames):
    """Sound from edge to edge: nothing to trim."""
    return tone(frames, RATE, 440)


@settings(max_examples=120, deadline=None)
@given(st.integers(0, 20_000), RATES, st.integers(1, 20_000), RATES, st.floats(1, 1.2))
def test_the_output_always_has_exactly_the_target_length(frames, from_hz, target, rate, max_tempo):
    result = fitted(
        noise(frames), frames=target, rate=rate, from_hz=from_hz, policy=FitPolicy(max_tempo=max_tempo)
    )
    assert result.pcm.shape == (target,)
    assert result.pcm.dtype == np.float32
    assert np.abs(result.pcm).max() <= 1
    assert 1 <= result.tempo <= max_tempo
    assert result.raw_duration_ms == round(1000 * frames / from_hz)
    too_long = max(frames / from_hz / (target / rate) / max_tempo - 1, 0)
    assert result.variance <= too_long + 1e-8
    assert result.verdict is FitPolicy().verdict(result.variance)


def test_a_dub_that_fits_exactly_is_left_as_it_is_but_for_its_edges():
    raw = voice(TARGET, RATE)
    result = fitted(raw)
    np.testing.assert_array_equal(result.pcm[120:-120], raw[120:-120])
    assert (result.tempo, result.variance, result.speed_ratio) == (1.0, 0.0, 1.0)
    assert (result.verdict, result.raw_duration_ms) == (Verdict.SUCCESS, 1000)


@pytest.mark.parametrize("share", [0.01, 0.3, 0.79, 0.99])
def test_a_short_dub_is_padded_and_never_slowed_down(share):
    frames = round(share * TARGET)
    result = fitted(loud(frames))
    assert (result.tempo, result.variance, result.verdict) == (1.0, 0.0, Verdict.SUCCESS)
    assert result.speed_ratio == pytest.approx(1 / share, rel=0.01)
    assert result.speed_ratio > 1
    assert not result.pcm[frames:].any()
    np.testing.assert_array_equal(result.pcm[120 : frames - 120], loud(frames)[120:-120])


@pytest.mark.parametrize("over", [1.01, 1.1, 1.15, 1.2])
def test_a_dub_up_to_a_fifth_too_long_is_stretched_whole_and_in_tune(over):
    result = fitted(loud(round(over * TARGET)))
    assert result.tempo == pytest.approx(over)
    assert (result.variance, result.verdict) == (0.0, Verdict.SUCCESS)
    assert result.speed_ratio == pytest.approx(1 / over)
    assert abs(1200 * math.log2(dominant_hz(result.pcm, RATE) / 440)) < 10


@pytest.mark.parametrize(
    ("frames", "variance", "verdict"),
    [
        (round(1.2 * TARGET), 0.0, Verdict.SUCCESS),
        (round(1.2 * TARGET) + 1, 1 / 1.2 / TARGET, Verdict.SUCCESS),
        (round(1.32 * TARGET), 0.10, Verdict.SUCCESS),
        (round(1.32 * TARGET) + 1, 0.10 + 1 / 1.2 / TARGET, Verdict.PARTIAL),
        (round(1.44 * TARGET), 0.20, Verdict.PARTIAL),
        (round(1.44 * TARGET) + 1, 0.20 + 1 / 1.2 / TARGET, Verdict.FAILED),
        (5 * TARGET, 5 / 1.2 - 1, Verdict.FAILED),
    ],
)
def test_the_verdict_turns_exactly_at_ten_and_twenty_per_cent_after_stretching(frames, variance, verdict):
    result = fitted(loud(frames))
    assert result.variance == pytest.approx(variance, abs=2e-9)
    assert result.verdict is verdict
    assert result.pcm.shape == (TARGET,)
    assert result.raw_duration_ms == round(frames * 1000 / RATE)


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 44_100, 48_000])
def test_the_verdict_does_not_depend_on_the_rate_of_the_answer(rate):
    for frames, verdict in ((1.32, Verdict.SUCCESS), (1.3205, Verdict.PARTIAL), (1.4405, Verdict.FAILED)):
        assert fitted(loud(round(frames * RATE)), frames=rate, rate=rate).verdict is verdict


def test_the_lines_can_be_drawn_elsewhere():
    policy = FitPolicy(success_max=0.0, partial_max=0.05, max_tempo=1.0)
    assert fitted(loud(TARGET), policy=policy).verdict is Verdict.SUCCESS
    assert fitted(loud(TARGET + 1), policy=policy).verdict is Verdict.PARTIAL
    assert fitted(loud(round(1.05 * TARGET)), policy=policy).verdict is Verdict.PARTIAL
    assert fitted(loud(round(1.05 * TARGET) + 1), policy=policy).verdict is Verdict.FAILED
    assert fitted(loud(2 * TARGET), policy=policy).tempo == 1.0


def test_the_policy_fit_turns_failures_into_partial_dubs():
    policy = FitPolicy(duration_policy="fit")
    assert fitted(loud(3 * TARGET), policy=policy).verdict is Verdict.PARTIAL
    assert fitted(loud(round(1.3 * TARGET)), policy=policy).verdict is Verdict.SUCCESS


def test_silent_edges_go_before_anything_is_stretched():
    silence = noise(round(0.4 * RATE), level=1e-4)
    result = fitted(np.concatenate((silence, loud(round(0.9 * RATE)), silence)))
    assert (result.tempo, result.variance, result.verdict) == (1.0, 0.0, Verdict.SUCCESS)
    # Nothing of the speech is lost.
    assert (np.abs(result.pcm) > 0.01).sum() == pytest.approx(
        (np.abs(loud(round(0.9 * RATE))) > 0.01).sum(), rel=0.01
    )
    assert (result.raw_duration_ms, result.speed_ratio) == (1700, pytest.approx(1 / 1.7))


def test_the_silence_at_the_start_stays_where_there_is_room_for_it():
    lead = np.zeros(round(0.2 * RATE), dtype=np.float32)
    raw = np.concatenate((lead, loud(round(0.5 * RATE)), np.zeros(RATE, dtype=np.float32)))
    assert np.flatnonzero(np.abs(fitted(raw).pcm) > 0.01)[0] == pytest.approx(len(lead), abs=100)


def test_silent_edges_stay_where_the_dub_fits_anyhow():
    lead = np.zeros(round(0.3 * RATE), dtype=np.float32)
    result = fitted(np.concatenate((lead, loud(round(0.7 * RATE)))))
    assert not result.pcm[: len(lead)].any()


def test_only_what_is_left_without_silence_is_judged():
    silence = np.zeros(RATE, dtype=np.float32)
    result = fitted(np.concatenate((silence, loud(round(1.3 * RATE)), silence)))
    # 20 ms of silence are kept on either side.
    assert result.tempo == 1.2
    assert result.variance == pytest.approx(1.34 / 1.2 - 1, abs=1e-4)


def test_silence_that_is_too_long_is_silence():
    result = fitted(noise(3 * RATE, level=1e-6))
    assert not result.pcm.any()
    assert (result.tempo, result.variance, result.verdict) == (1.0, 0.0, Verdict.SUCCESS)
    assert result.raw_duration_ms == 3000


def test_nothing_synthesised_is_silence_too():
    result = fitted(noise(0))
    assert not result.pcm.any()
    assert result.pcm.shape == (TARGET,)
    assert (result.raw_duration_ms, result.speed_ratio, result.verdict) == (0, 1.0, Verdict.SUCCESS)


@pytest.mark.parametrize("rate", [16_000, 24_000, 48_000])
@pytest.mark.parametrize("share", [0.5, 0.97, 1.0, 1.1, 1.3, 2.0])
def test_nothing_clicks_at_cuts_and_seams(share, rate):
    # A constant would be the worst: it jumps wherever it is cut. A fade of 5 ms has no step above 3 % of it.
    raw = np.full(round(share * RATE), 0.5, dtype=np.float32)
    result = fitted(raw, frames=rate, rate=rate)
    assert steepest(result.pcm) < 0.5 * 1.1 * np.pi / 2 / (0.005 * rate)
    assert np.abs(result.pcm).max() == pytest.approx(0.5, rel=0.1)


@pytest.mark.parametrize("share", [0.5, 1.1, 1.3])
def test_speech_is_no_steeper_after_fitting_than_before(share):
    raw = voice(round(share * RATE), RATE)
    assert steepest(fitted(raw).pcm) < 1.25 * steepest(raw)


def test_a_loud_dub_stays_within_full_scale():
    square = np.sign(tone(RATE, RATE, 300, level=1.0))
    assert np.abs(fitted(square, frames=48_000, rate=48_000).pcm).max() == 1.0


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_synthesis_that_is_no_sound_is_the_engines_fault(bad):
    raw = noise(500)
    raw[7] = bad
    with pytest.raises(ServiceError, match="NaN or infinite") as caught:
        fitted(raw)
    assert caught.value.code is ErrorCode.SYNTHESIS_FAILED


def test_the_input_is_never_written_to():
    for share in (0.5, 1.0, 1.5):
        raw = loud(round(share * RATE))
        raw.setflags(write=False)
        fitted(raw)


def test_a_target_of_nothing_is_a_bug():
    with pytest.raises(ValueError, match="0 frames"):
        fitted(noise(5), frames=0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"success_max": 0.3},
        {"success_max": -0.1},
        {"partial_max": 0.05},
        {"max_tempo": 1.3},
        {"max_tempo": 0.9},
        {"min_tempo": 0.7},
        {"min_tempo": 1.1},
        {"success_max": math.nan},
        {"duration_policy": "maybe"},
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValueError, match=r"^not |neither"):
        FitPolicy(**wrong)


@pytest.mark.parametrize(
    ("predicted_s", "speed"),
    [(0.0, 1.0), (3.0, 1.0), (6.0, 1.0), (6.6, 1.1), (6.9, 1.15), (9.0, 1.15), (math.inf, 1.15)],
)
def test_the_engines_own_knob_only_ever_speeds_up(predicted_s, speed):
    assert plan_speed(predicted_s, 6.0, (0.95, 1.15)) == pytest.approx(speed)


def test_an_engine_without_a_knob_is_asked_for_nothing():
    assert plan_speed(9.0, 6.0, (1.0, 1.0)) == 1.0


def test_no_speed_is_planned_from_nonsense():
    with pytest.raises(ValueError, match="no speed fits"):
        plan_speed(1.0, 0.0, (0.9, 1.1))
    with pytest.raises(ValueError, match="does not hold 1"):
        plan_speed(1.0, 1.0, (1.1, 1.2))
