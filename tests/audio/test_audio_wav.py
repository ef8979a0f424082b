import io
import wave

import numpy as np
import pytest
from audio_signals import extensible, fmt, noise, read_with_pyav, riff, tone, write_with_pyav
from hypothesis import given, settings
from hypothesis import strategies as st

from sts_actors.audio.pcm import encode_s16le, spread
from sts_actors.audio.wav import read_wav, write_wav
from sts_actors.errors import ErrorCode, ServiceError

BODY = encode_s16le(noise(100))
EXPECTED = np.frombuffer(BODY, "<i2") / np.float32(32768)


def refused(data):
    with pytest.raises(ServiceError) as caught:
        read_wav(data)
    assert caught.value.code is ErrorCode.INVALID_AUDIO_FORMAT
    assert "\n" not in caught.value.message
    return caught.value.message


def by_the_library(frames, rate, channels, width, seed):
    """A file that `wave` wrote, and the integers in it."""
    body = np.random.default_rng(seed).integers(0, 256, frames * channels * width, dtype=np.uint8).tobytes()
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(body)
    return buffer.getvalue(), body


def integers(body, width):
    if width == 1:
        return [byte - 128 for byte in body]
    return [int.from_bytes(body[i : i + width], "little", signed=True) for i in range(0, len(body), width)]


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 60),
    st.integers(8_000, 96_000),
    st.sampled_from([1, 2]),
    st.sampled_from([1, 2, 3, 4]),
    st.integers(0, 2**32),
)
def test_files_of_the_standard_library_are_read_sample_for_sample(frames, rate, channels, width, seed):
    data, body = by_the_library(frames, rate, channels, width, seed)
    samples, read_rate = read_wav(data)
    assert read_rate == rate
    assert samples.dtype == np.float32
    expected = np.array(integers(body, width), dtype=np.float64).reshape(frames, channels)
    np.testing.assert_allclose(samples, expected / 2 ** (8 * width - 1), rtol=1e-6, atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 300), st.integers(8_000, 96_000), st.sampled_from([1, 2]))
def test_the_standard_library_reads_what_is_written(frames, rate, channels):
    samples = spread(noise(frames), channels)
    with wave.open(io.BytesIO(write_wav(samples, rate)), "rb") as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (rate, channels, 2)
        assert file.getnframes() == frames
        assert file.readframes(frames) == encode_s16le(samples)


@pytest.mark.parametrize("codec", ["pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_f64le"])
@pytest.mark.parametrize("channels", [1, 2])
def test_files_written_by_ffmpeg_are_read_as_ffmpeg_reads_them(codec, channels):
    written = np.stack([tone(500, 44_100, 440 * (i + 1)) for i in range(channels)], axis=1)
    data = write_with_pyav(written, 44_100, "wav", codec)
    samples, rate = read_wav(data)
    expected, expected_rate = read_with_pyav(data, "wav")
    assert rate == expected_rate == 44_100
    assert samples.shape == (500, channels)
    np.testing.assert_allclose(samples, expected, atol=1e-7)
    np.testing.assert_allclose(samples, written, atol=1 / 127 if codec == "pcm_u8" else 1 / 32767)


@pytest.mark.parametrize("claimed", [0, 0xFFFFFFFF, 0x7FFFF000, 201])
def test_a_streamed_data_chunk_reaches_to_the_end(claimed):
    samples, _ = read_wav(riff((b"fmt ", fmt()), (b"data", BODY, claimed), size=0xFFFFFFFF))
    np.testing.assert_array_equal(samples[:, 0], EXPECTED)


def test_a_file_cut_short_gives_its_whole_frames():
    whole = riff((b"fmt ", fmt(channels=2)), (b"data", BODY))
    for missing in range(1, 9):
        samples, _ = read_wav(whole[:-missing])
        assert samples.shape == ((200 - missing) // 4, 2)
        np.testing.assert_array_equal(samples.ravel(), EXPECTED[: samples.size])


def test_chunks_that_are_not_needed_are_stepped_over_odd_ones_too():
    chunks = [(b"LIST", b"INFOISFT\x05\0\0\0Lavf\0"), (b"fmt ", fmt()), (b"odd ", b"123"), (b"data", BODY)]
    samples, _ = read_wav(riff(*chunks, (b"LIST", b"what follows the data is no sound")))
    np.testing.assert_array_equal(samples[:, 0], EXPECTED)


def test_a_longer_fmt_chunk_is_fine():
    samples, _ = read_wav(riff((b"fmt ", fmt() + b"\0\0"), (b"data", BODY)))
    np.testing.assert_array_equal(samples[:, 0], EXPECTED)


@pytest.mark.parametrize(
    ("kind", "bits", "dtype", "scale"), [(1, 16, "<i2", 2**15), (1, 32, "<i4", 2**31), (3, 32, "<f4", 1)]
)
def test_extensible_formats_are_read_by_their_subtype(kind, bits, dtype, scale):
    values = (noise(50) * scale).astype(dtype)
    data = riff((b"fmt ", extensible(kind, 2, bits=bits)), (b"data", values.tobytes()))
    samples, _ = read_wav(data)
    np.testing.assert_allclose(samples.ravel(), values / scale, rtol=1e-6)


def test_narrow_samples_are_left_justified_in_their_boxes():
    value = -(2**19) << 12  # 20 bits in 32
    data = riff(
        (b"fmt ", extensible(1, 1, bits=32, valid=20)), (b"data", value.to_bytes(4, "little", signed=True))
    )
    assert read_wav(data)[0].tolist() == [[-1.0]]


def test_a_block_size_of_zero_is_forgiven():
    samples, _ = read_wav(riff((b"fmt ", fmt(block=0)), (b"data", BODY)))
    np.testing.assert_array_equal(samples[:, 0], EXPECTED)


def test_doubles_beyond_a_float_are_bounded_without_a_warning():
    body = np.array([1e300, -1e300, 0.25]).tobytes()
    samples, _ = read_wav(riff((b"fmt ", fmt(3, bits=64)), (b"data", body)))
    assert np.isfinite(samples).all()
    assert samples[2, 0] == 0.25


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"RIFF", "not a WAVE"),
        (b"RIFF\0\0\0\0AVI LIST", "not a WAVE"),
        (riff(), "ends before its data"),
        (riff((b"fmt ", fmt())), "ends before its data"),
        (riff((b"fmt ", fmt()))[:-4], "too short"),
        (riff((b"fmt ", b"")), "too short"),
        (riff((b"data", BODY), (b"fmt ", fmt())), "no fmt chunk before"),
        (riff((b"fmt ", fmt()), (b"data", b"")), "empty"),
        (riff((b"fmt ", fmt()), (b"data", b"\0")), "empty"),
        (riff((b"fmt ", fmt(0x0055)), (b"data", BODY)), "codec 0x0055"),
        (riff((b"fmt ", fmt(7, bits=8)), (b"data", BODY)), "codec 0x0007"),
        (riff((b"fmt ", extensible()[:-1] + b"\0"), (b"data", BODY)), "no known kind"),
        (riff((b"fmt ", fmt(0xFFFE)), (b"data", BODY)), "no known kind"),
        (riff((b"fmt ", fmt(rate=7_999)), (b"data", BODY)), "7999 Hz"),
        (riff((b"fmt ", fmt(rate=96_001)), (b"data", BODY)), "96001 Hz"),
        (riff((b"fmt ", fmt(channels=0, block=2)), (b"data", BODY)), "0 channels"),
        (riff((b"fmt ", fmt(channels=3)), (b"data", BODY)), "3 channels"),
        (riff((b"fmt ", fmt(bits=40)), (b"data", BODY)), "no sense"),
        (riff((b"fmt ", fmt(bits=0)), (b"data", BODY)), "no sense"),
        (riff((b"fmt ", fmt(block=3, channels=2)), (b"data", BODY)), "no sense"),
        (riff((b"fmt ", fmt(block=5, channels=2)), (b"data", BODY)), "no sense"),
        (riff((b"fmt ", fmt(bits=0, block=2)), (b"data", BODY)), "no sense"),
        (riff((b"fmt ", fmt(bits=24, block=2)), (b"data", BODY)), "no sense"),
        (riff((b"fmt ", fmt(3)), (b"data", BODY)), "no sense"),
        (riff((b"fmt ", fmt(3, bits=32)), (b"data", b"\0\0\xc0\x7f")), "NaN"),
        (riff((b"fmt ", fmt(3, bits=64)), (b"data", np.array([np.inf]).tobytes())), "NaN or infinite"),
        (riff((b"fmt ", fmt(bits=8)), (b"data", bytes(31 * 16_000 + 1))), "at most 31 s"),
        (riff(*[(b"junk", b"")] * 300, (b"fmt ", fmt()), (b"data", BODY)), "no data chunk among"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_reason(data, said):
    assert said in refused(data)


def test_exactly_31_seconds_are_taken():
    samples, _ = read_wav(riff((b"fmt ", fmt(rate=8_000, bits=8)), (b"data", bytes(31 * 8_000))))
    assert samples.shape == (31 * 8_000, 1)
