import math

import numpy as np
import pytest
from audio_signals import dominant_hz, noise, steepest, tone, voice
from hypothesis import given, settings
from hypothesis import strategies as st

from sts_actors.audio.tempo import stretch


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, 200) | st.integers(0, 30_000),
    st.sampled_from([8_000, 16_000, 24_000, 44_100, 48_000]) | st.integers(8_000, 96_000),
    st.floats(0.8, 1.2),
)
def test_the_length_is_exact(frames, rate, tempo):
    stretched = stretch(noise(frames), rate, tempo)
    assert stretched.shape == (round(frames / tempo),)
    assert stretched.dtype == np.float32
    assert np.isfinite(stretched).all()


@pytest.mark.parametrize("rate", [16_000, 24_000, 48_000])
@pytest.mark.parametrize("tempo", [0.8, 0.95, 1.01, 1.1, 1.2])
@pytest.mark.parametrize("hz", [110, 440, 1_760])
def test_the_pitch_stays_within_ten_cents(rate, tempo, hz):
    stretched = stretch(tone(2 * rate, rate, hz), rate, tempo)
    assert abs(1200 * math.log2(dominant_hz(stretched, rate) / hz)) < 10


@pytest.mark.parametrize("tempo", [0.8, 0.93, 1.07, 1.2])
def test_nothing_clicks_inside(tempo):
    spoken = voice(3 * 24_000, 24_000)
    assert steepest(stretch(spoken, 24_000, tempo)) < 1.25 * steepest(spoken)


@pytest.mark.parametrize("tempo", [0.8, 1.2])
def test_the_level_stays(tempo):
    spoken = voice(3 * 24_000, 24_000)
    assert np.std(stretch(spoken, 24_000, tempo)) == pytest.approx(np.std(spoken), rel=0.05)


@pytest.mark.parametrize("tempo", [0.8, 1.2])
def test_what_comes_in_the_middle_stays_in_the_middle(tempo):
    rate = 24_000
    burst = np.zeros(4 * rate, dtype=np.float32)
    burst[2 * rate - 1200 : 2 * rate + 1200] = tone(2400, rate, 300)
    stretched = stretch(burst, rate, tempo) ** 2
    centre_s = float(np.dot(stretched, np.arange(len(stretched))) / stretched.sum()) / rate
    assert centre_s == pytest.approx(2 / tempo, abs=0.03)


def test_a_tempo_of_one_returns_the_input():
    samples = noise(500)
    assert stretch(samples, 16_000, 1.0) is samples


@pytest.mark.parametrize("tempo", [0.7999, 1.2001, 0, -1, math.inf, math.nan])
def test_other_tempos_are_refused(tempo):
    with pytest.raises(ValueError, match=r"not within 0.8 to 1.2"):
        stretch(noise(500), 16_000, tempo)
