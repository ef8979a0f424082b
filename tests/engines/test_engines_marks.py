"""Audio that says who it is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sts_actors.audio.pcm import decode_s16le, encode_s16le, resample
from sts_actors.engines.marks import MARK_S, mark, read_mark

rates = st.sampled_from([8000, 16000, 22050, 24000, 44100, 48000])


@given(st.integers(0, 2**16 - 1), st.integers(0, 2**24 - 1), rates)
def test_a_mark_survives_quantisation_and_resampling(stream, fragment, rate_hz):
    samples = mark(stream, fragment, sample_rate_hz=rate_hz, duration_s=2.0)
    heard = decode_s16le(bytes(encode_s16le(samples[:, None])), 1)[:, 0]
    assert read_mark(resample(heard, rate_hz, 16000), 16000) == (stream, fragment)


@given(st.integers(0, 2**32 - 1))
def test_noise_carries_no_mark(seed):
    noise = np.random.default_rng(seed).normal(0, 0.1, 32000).astype(np.float32)
    assert read_mark(noise, 16000) is None


def test_silence_and_scraps_carry_no_mark():
    assert read_mark(np.zeros(32000, np.float32), 16000) is None
    assert read_mark(np.zeros(100, np.float32), 16000) is None


@given(st.integers(0, 47))
def test_a_mark_with_one_wrong_bit_is_no_mark(bit):
    samples = mark(3, 17, sample_rate_hz=16000)
    frames = 320
    slot = slice(bit * frames, (bit + 1) * frames)
    times = np.arange(16000)[slot] / 16000
    both = [0.5 * np.sin(2 * np.pi * hz * times).astype(np.float32) for hz in (700, 1300)]
    other = min(both, key=lambda tone: abs(float((tone * samples[slot]).sum())))
    samples[slot] = other
    assert read_mark(samples, 16000) is None


@pytest.mark.parametrize(("stream", "fragment"), [(-1, 0), (0, -1), (2**16, 0), (0, 2**24)])
def test_a_number_that_does_not_fit_is_refused(stream, fragment):
    with pytest.raises(ValueError, match="does not fit"):
        mark(stream, fragment, sample_rate_hz=16000)


def test_a_mark_needs_its_time():
    with pytest.raises(ValueError, match="takes"):
        mark(1, 1, sample_rate_hz=16000, duration_s=MARK_S / 2)
