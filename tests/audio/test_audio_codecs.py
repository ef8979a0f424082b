import io
import wave

import numpy as np
import pytest
from audio_signals import fmt, layout, noise, riff, tone
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sts_actors.audio.codecs import decode, encode, sniff
from sts_actors.errors import ErrorCode, ServiceError
from sts_actors.messages import Container

RAW = [Container.PCM_S16LE, Container.PCM_F32LE]
SEEDS = [
    encode(noise(6_000), layout(container, rate, channels))
    for container in (Container.WAV, Container.M4A, Container.ADTS)
    for rate, channels in ((16_000, 1), (48_000, 2))
]
LABELS = st.builds(
    layout, st.sampled_from(Container), st.sampled_from([8_000, 16_000, 48_000]), st.sampled_from([1, 2])
)


def check(data, label):
    """Decoding gives a valid result or the one error; which it was."""
    try:
        decoded = decode(data, label)
    except ServiceError as error:
        refusal = error
    else:
        return checked(decoded)
    assert refusal.code is ErrorCode.INVALID_AUDIO_FORMAT
    assert refusal.message
    assert refusal.message.isprintable()
    return None


def checked(decoded):
    assert decoded.samples.dtype == np.float32
    assert decoded.samples.shape[1] == decoded.channels
    assert decoded.channels in (1, 2)
    assert 8_000 <= decoded.sample_rate_hz <= 96_000
    assert 0 < decoded.samples.shape[0] <= 31 * decoded.sample_rate_hz
    assert np.abs(decoded.samples).max() <= 1
    return decoded


def test_the_bytes_say_what_they_are():
    assert sniff(encode(noise(5_000), layout("wav"))) is Container.WAV
    assert sniff(encode(noise(5_000), layout("m4a"))) is Container.M4A
    assert sniff(encode(noise(5_000), layout("adts"))) is Container.ADTS
    for raw in RAW:
        assert sniff(encode(noise(5_000), layout(raw))) is None
    assert sniff(b"") is None


@pytest.mark.parametrize("label", list(Container))
def test_a_wav_header_wins_over_every_label(label):
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(44_100)
        file.writeframes(encode(tone(441, 44_100), layout("pcm_s16le", 44_100, 2)))
    decoded = decode(buffer.getvalue(), layout(label, 16_000, 1))
    assert (decoded.sample_rate_hz, decoded.channels, decoded.container) == (44_100, 2, Container.WAV)
    np.testing.assert_allclose(decoded.samples[:, 1], tone(441, 44_100), atol=1 / 32768)


@pytest.mark.parametrize("label", [Container.WAV, Container.M4A, Container.ADTS])
def test_raw_samples_under_the_label_of_a_file_are_refused(label):
    with pytest.raises(ServiceError, match=f"labelled {label}, but") as caught:
        decode(encode(noise(500), layout("pcm_s16le")), layout(label))
    assert caught.value.code is ErrorCode.INVALID_AUDIO_FORMAT


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 500),
    st.sampled_from([Container.PCM_S16LE, Container.PCM_F32LE, Container.WAV]),
    st.integers(8_000, 96_000),
    st.sampled_from([1, 2]),
)
def test_what_is_encoded_decodes_to_as_many_frames_on_every_channel(frames, container, rate, channels):
    samples = noise(frames)
    decoded = decode(encode(samples, layout(container, rate, channels)), layout(container, rate, channels))
    assert (decoded.sample_rate_hz, decoded.channels, decoded.container) == (rate, channels, container)
    assert decoded.samples.shape == (frames, channels)
    for channel in range(channels):
        np.testing.assert_allclose(decoded.samples[:, channel], samples, atol=0.6 / 32768)


def test_loud_floats_are_clipped_to_full_scale():
    data = np.array([1.5, -3.0, 0.5], dtype="<f4").tobytes()
    assert decode(data, layout("pcm_f32le")).samples[:, 0].tolist() == [1.0, -1.0, 0.5]
    wav = riff((b"fmt ", fmt(3, bits=32)), (b"data", data))
    assert decode(wav, layout("wav")).samples[:, 0].tolist() == [1.0, -1.0, 0.5]


@pytest.mark.parametrize("container", RAW)
@pytest.mark.parametrize(
    ("rate", "channels", "said"),
    [
        (7_999, 1, "7999 Hz"),
        (96_001, 1, "96001 Hz"),
        (0, 1, "0 Hz"),
        (16_000, 0, "0 channels"),
        (16_000, 3, "3"),
    ],
)
def test_labels_out_of_range_are_refused_on_the_way_in_and_out(container, rate, channels, said):
    label = layout(container, rate, channels)
    for refuse in (lambda: decode(bytes(240), label), lambda: encode(noise(20), label)):
        with pytest.raises(ServiceError, match=said) as caught:
            refuse()
        assert caught.value.code is ErrorCode.INVALID_AUDIO_FORMAT


@pytest.mark.parametrize("container", list(Container))
def test_an_empty_fragment_is_refused(container):
    with pytest.raises(ServiceError) as caught:
        decode(b"", layout(container))
    assert caught.value.code is ErrorCode.INVALID_AUDIO_FORMAT


@pytest.mark.parametrize("container", RAW)
def test_31_seconds_are_taken_and_one_frame_more_is_not(container):
    size = {Container.PCM_S16LE: 4, Container.PCM_F32LE: 8}[container]
    label = layout(container, 8_000, 2)
    assert decode(bytes(31 * 8_000 * size), label).samples.shape == (31 * 8_000, 2)
    with pytest.raises(ServiceError, match="at most 31 s"):
        decode(bytes((31 * 8_000 + 1) * size), label)


def test_half_a_sample_and_no_number_are_refused():
    with pytest.raises(ServiceError, match="no whole number"):
        decode(b"123", layout("pcm_s16le"))
    with pytest.raises(ServiceError, match="NaN"):
        decode(np.array([np.nan], dtype="<f4").tobytes(), layout("pcm_f32le"))


def test_encoding_a_sample_that_is_no_number_is_refused_in_every_format():
    bad = noise(2_000)
    bad[1_000] = np.nan
    for container in Container:
        with pytest.raises(ServiceError, match="NaN or infinite"):
            encode(bad, layout(container))


@settings(max_examples=300, deadline=None)
@given(
    st.binary(max_size=200),
    st.sampled_from([b"", b"RIFF", b"RIFF\0\0\0\0WAVEfmt ", b"\xff\xf1", b"abcdftyp"]),
    LABELS,
)
@example(tail=b"", start=b"RIFF", label=layout("wav"))
def test_random_bytes_decode_or_are_refused(tail, start, label):
    check(start + tail, label)


def test_the_seeds_of_the_fuzzing_are_sound():
    for seed in SEEDS:
        assert check(seed, layout("pcm_s16le")) is not None


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(SEEDS), st.floats(0, 1), LABELS)
def test_files_cut_anywhere_decode_or_are_refused(seed, share, label):
    check(seed[: int(share * len(seed))], label)


@settings(max_examples=600, deadline=None)
@given(
    st.sampled_from(SEEDS),
    st.lists(
        st.tuples(
            # Most of what can break lies in the first bytes.
            st.integers(0, 60) | st.integers(0, 900) | st.integers(0, 2**16),
            st.sampled_from([b"\0", b"\xff", b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff"])
            | st.binary(min_size=1, max_size=4),
            st.booleans(),
        ),
        min_size=1,
        max_size=6,
    ),
    LABELS,
)
def test_damaged_files_decode_or_are_refused(seed, damage, label):
    data = bytearray(seed)
    for where, what, inserted in damage:
        at = where % len(data)
        data[at : at if inserted else at + len(what)] = what
    check(bytes(data), label)
