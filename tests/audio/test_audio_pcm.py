import numpy as np
import pytest
from audio_signals import dominant_hz, noise, tone
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sts_actors.audio.pcm import (
    decode_f32le,
    decode_s16le,
    downmix,
    encode_f32le,
    encode_s16le,
    pad_or_trim,
    resample,
    spread,
)
from sts_actors.errors import ErrorCode, ServiceError

RATES = st.sampled_from([8_000, 11_025, 16_000, 22_050, 24_000, 44_100, 48_000, 96_000]) | st.integers(
    8_000, 96_000
)


@given(st.binary(max_size=400).map(lambda data: data[: len(data) // 4 * 4]), st.sampled_from([1, 2]))
def test_sixteen_bit_samples_survive_a_round_trip_bit_for_bit(data, channels):
    samples = decode_s16le(data, channels)
    assert samples.dtype == np.float32
    assert samples.shape == (len(data) // (2 * channels), channels)
    assert encode_s16le(samples) == data


@given(hnp.arrays(np.float32, st.integers(0, 50), elements=st.floats(-100, 100, width=32)))
def test_float_samples_survive_a_round_trip_bit_for_bit(samples):
    np.testing.assert_array_equal(decode_f32le(encode_f32le(samples), 1)[:, 0], samples)


def test_sixteen_bit_values_are_shares_of_full_scale_in_little_endian_order():
    assert decode_s16le(b"\x00\x80\xff\x7f\x00\x40", 1)[:, 0].tolist() == [-1.0, 32767 / 32768, 0.5]


def test_stereo_bytes_are_interleaved():
    assert decode_s16le(b"\x00\x40\x00\x80\x00\x00\x00\x40", 2).tolist() == [[0.5, -1.0], [0.0, 0.5]]
    assert encode_s16le(np.array([[0.5, -1.0]], dtype=np.float32)) == b"\x00\x40\x00\x80"


@given(hnp.arrays(np.float32, st.integers(1, 20), elements=st.floats(-(2.0**100), 2.0**100, width=32)))
def test_encoding_clips_and_never_wraps(samples):
    decoded = decode_s16le(encode_s16le(samples), 1)[:, 0]
    np.testing.assert_allclose(decoded, samples.clip(-1, 32767 / 32768), atol=0.5 / 32768 + 1e-7)


@pytest.mark.parametrize(("size", "channels"), [(1, 1), (3, 1), (2, 2), (7, 2)])
def test_half_a_16_bit_frame_is_refused(size, channels):
    with pytest.raises(ServiceError) as caught:
        decode_s16le(b"\0" * size, channels)
    assert caught.value.code is ErrorCode.INVALID_AUDIO_FORMAT
    assert f"{size} bytes" in caught.value.message


@pytest.mark.parametrize(("size", "channels"), [(2, 1), (7, 1), (4, 2)])
def test_half_a_float_frame_is_refused(size, channels):
    with pytest.raises(ServiceError, match="no whole number"):
        decode_f32le(b"\0" * size, channels)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_no_numbers_are_refused_both_ways(bad):
    samples = np.array([0.0, bad, 0.5], dtype=np.float32)
    for refuse in (lambda: decode_f32le(samples.tobytes(), 1), lambda: encode_s16le(samples)):
        with pytest.raises(ServiceError, match="NaN or infinite") as caught:
            refuse()
        assert caught.value.code is ErrorCode.INVALID_AUDIO_FORMAT
    with pytest.raises(ServiceError, match="NaN or infinite"):
        encode_f32le(samples)


def test_downmix_is_the_mean_of_the_channels_and_leaves_mono_alone():
    stereo = np.array([[1.0, 0.0], [-0.5, -0.5]], dtype=np.float32)
    assert downmix(stereo).tolist() == [0.5, -0.5]
    assert downmix(stereo).dtype == np.float32
    mono = noise(5)
    assert downmix(mono) is mono
    np.testing.assert_array_equal(downmix(mono[:, np.newaxis]), mono)


def test_spread_gives_every_channel_the_same():
    assert spread(np.array([0.1, 0.2], dtype=np.float32), 2).tolist() == [
        pytest.approx([0.1, 0.1]),
        pytest.approx([0.2, 0.2]),
    ]


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 4_000), RATES, RATES, st.sampled_from([None, 1, 2]))
def test_resampling_gives_exactly_the_rounded_number_of_frames(frames, from_hz, to_hz, channels):
    samples = noise(frames if channels is None else frames * channels)
    samples = samples if channels is None else samples.reshape(frames, channels)
    resampled = resample(samples, from_hz, to_hz)
    assert resampled.shape == (round(frames * to_hz / from_hz), *samples.shape[1:])
    assert resampled.dtype == np.float32
    assert np.isfinite(resampled).all()


@pytest.mark.parametrize(("from_hz", "to_hz"), [(48_000, 16_000), (16_000, 48_000), (24_000, 44_100)])
def test_resampling_keeps_pitch_level_and_timing(from_hz, to_hz):
    resampled = resample(tone(from_hz, from_hz, 1_000), from_hz, to_hz)
    assert dominant_hz(resampled, to_hz) == pytest.approx(1_000, rel=1e-4)
    inner = slice(to_hz // 10, -to_hz // 10)
    np.testing.assert_allclose(resampled[inner], tone(to_hz, to_hz, 1_000)[inner], atol=2e-3)


def test_resampling_leaves_nothing_above_the_new_limit():
    assert np.abs(resample(tone(48_000, 48_000, 12_000), 48_000, 16_000)[1_600:-1_600]).max() < 1e-3


def test_resampling_to_the_same_rate_copies_nothing():
    samples = noise(100)
    assert resample(samples, 16_000, 16_000) is samples


@given(st.integers(0, 30), st.integers(0, 30), st.sampled_from([(), (1,), (2,)]))
def test_padding_and_trimming_keep_the_head_and_add_silence(frames, wanted, channels):
    samples = np.ones((frames, *channels), dtype=np.float32)
    fitted = pad_or_trim(samples, wanted)
    assert fitted.shape == (wanted, *channels)
    assert fitted.dtype == np.float32
    assert fitted[:frames].all()
    assert not fitted[frames:].any()


def test_a_negative_length_is_a_bug():
    with pytest.raises(ValueError, match="-1 frames"):
        pad_or_trim(noise(3), -1)


@pytest.mark.parametrize(("from_hz", "to_hz"), [(48_000, 16_000), (44_100, 16_000), (24_000, 48_000)])
def test_a_fragment_resampled_alone_is_close_to_its_part_of_the_whole_up_to_its_edges(from_hz, to_hz):
    times = np.arange(2 * from_hz) / from_hz
    # At full swing where it is cut.
    whole = (np.cos(2 * np.pi * 220 * times) / 2 + np.cos(2 * np.pi * 930 * times) / 4).astype(np.float32)
    alone = resample(whole[from_hz:], from_hz, to_hz)
    together = resample(whole, from_hz, to_hz)[to_hz:]
    frames = min(alone.shape[0], together.shape[0])
    # Cut off without its continuation, the first samples are off by a tenth and more of full scale.
    np.testing.assert_allclose(alone[:frames], together[:frames], atol=0.03)
