"""Promises of every stretcher: exact length, pitch, level, no clicks, and nothing out of nothing."""

import math
import threading
import time

import numpy as np
import pytest
from audio_signals import dominant_hz, noise, steepest, tone, voice
from hypothesis import given, settings
from hypothesis import strategies as st

from sts_actors.audio.fit import FitPolicy, fit
from sts_actors.audio.tempo import stretch

TEMPOS = st.floats(0.8, 1.2)
RATES = st.sampled_from([8_000, 16_000, 24_000, 44_100, 48_000]) | st.integers(8_000, 96_000)

pytestmark = pytest.mark.parametrize("stretcher", ["atempo", "rubberband"])


def decibels(ratio):
    return 20 * math.log10(ratio)


@settings(max_examples=150, deadline=None)
@given(frames=st.integers(0, 200) | st.integers(0, 30_000), rate=RATES, tempo=TEMPOS)
def test_the_length_is_exact(stretcher, frames, rate, tempo):
    stretched = stretch(noise(frames), rate, tempo, stretcher)
    assert stretched.shape == (round(frames / tempo),)
    assert stretched.dtype == np.float32
    assert np.isfinite(stretched).all()


@settings(max_examples=50, deadline=None)
@given(frames=st.integers(1, 30_000), rate=RATES, tempo=TEMPOS)
def test_silence_stays_silent(stretcher, frames, rate, tempo):
    assert not stretch(np.zeros(frames, np.float32), rate, tempo, stretcher).any()


@pytest.mark.parametrize("rate", [16_000, 24_000, 48_000])
@pytest.mark.parametrize("tempo", [0.8, 0.95, 1.01, 1.1, 1.2])
@pytest.mark.parametrize("hz", [110, 440, 1_760])
def test_the_pitch_stays_within_ten_cents(stretcher, rate, tempo, hz):
    stretched = stretch(tone(2 * rate, rate, hz), rate, tempo, stretcher)
    assert abs(1200 * math.log2(dominant_hz(stretched, rate) / hz)) < 10


@settings(max_examples=25, deadline=None)
@given(tempo=TEMPOS, rate=st.sampled_from([16_000, 24_000, 48_000]), seconds=st.floats(0.5, 3))
def test_nothing_clicks_inside(stretcher, tempo, rate, seconds):
    spoken = voice(round(seconds * rate), rate)
    # Only inside: where a sound is cut off, the duration rule fades it.
    largest_step = float(np.abs(np.diff(stretch(spoken, rate, tempo, stretcher))).max())
    assert largest_step < 1.25 * steepest(spoken)


@settings(max_examples=25, deadline=None)
@given(tempo=TEMPOS, rate=st.sampled_from([16_000, 24_000, 48_000]), seconds=st.floats(0.5, 3))
def test_the_level_stays_within_one_decibel(stretcher, tempo, rate, seconds):
    spoken = voice(round(seconds * rate), rate)
    assert abs(decibels(np.std(stretch(spoken, rate, tempo, stretcher)) / np.std(spoken))) < 1


@pytest.mark.parametrize("tempo", [0.8, 0.95, 1.05, 1.2])
@pytest.mark.parametrize("frames", [100, 240, 1_000])
def test_a_few_milliseconds_of_sound_are_not_lost(stretcher, frames, tempo):
    heard = noise(frames)
    assert abs(decibels(np.std(stretch(heard, 24_000, tempo, stretcher)) / np.std(heard))) < 2


@pytest.mark.parametrize("tempo", [0.8, 1.2])
def test_what_comes_in_the_middle_stays_in_the_middle(stretcher, tempo):
    rate = 24_000
    burst = np.zeros(4 * rate, dtype=np.float32)
    burst[2 * rate - 1200 : 2 * rate + 1200] = tone(2400, rate, 300)
    stretched = stretch(burst, rate, tempo, stretcher) ** 2
    centre_s = float(np.dot(stretched, np.arange(len(stretched))) / stretched.sum()) / rate
    assert centre_s == pytest.approx(2 / tempo, abs=0.03)


def test_a_tempo_of_one_returns_the_input(stretcher):
    samples = noise(500)
    assert stretch(samples, 16_000, 1.0, stretcher) is samples


@pytest.mark.parametrize("tempo", [0.7999, 1.2001, 0, -1, math.inf, math.nan])
def test_other_tempos_are_refused(stretcher, tempo):
    with pytest.raises(ValueError, match=r"not within 0.8 to 1.2"):
        stretch(noise(500), 16_000, tempo, stretcher)


def test_the_duration_rule_stretches_with_the_stretcher_of_its_policy(stretcher):
    spoken = voice(24_000, 24_000)
    policy = FitPolicy(stretcher=stretcher)
    fitted = fit(spoken, 24_000, target_frames=20_800, target_rate_hz=24_000, policy=policy)
    expected = stretch(spoken, 24_000, fitted.tempo, stretcher)[:20_800]
    assert fitted.tempo > 1
    # The edges are faded.
    np.testing.assert_array_equal(fitted.pcm[200:-200], expected[200:-200])


def test_other_threads_run_while_it_stretches(stretcher):
    spoken = voice(60 * 48_000, 48_000)
    # What is loaded at first use is not what is measured.
    stretch(spoken[:100], 48_000, 1.1, stretcher)
    worker = threading.Thread(target=stretch, args=(spoken, 48_000, 1.1, stretcher))
    worker.start()
    turns = 0
    while worker.is_alive():
        time.sleep(0)
        turns += 1
    assert turns > 100
