"""Plain samples: bytes to arrays and back, mixing, resampling, exact lengths."""

import math

import numpy as np
import soxr
from numpy.typing import NDArray

from sts_actors.audio.limits import invalid
from sts_actors.messages import Samples

S16_SCALE = 32_768.0
_EDGE_S = 0.02
"""Longer than the resampler's filter."""


def decode_s16le(data: bytes | memoryview, channels: int) -> Samples:
    """Interleaved signed 16-bit little-endian bytes as `(frames, channels)`.

    Raises:
        ServiceError: `INVALID_AUDIO_FORMAT` where the bytes are no whole number of frames.
    """
    _check_whole_frames(len(data), 2 * channels, "pcm_s16le")
    samples = np.frombuffer(data, dtype="<i2").astype(np.float32)
    samples /= np.float32(S16_SCALE)
    return samples.reshape(-1, channels)


def decode_f32le(data: bytes | memoryview, channels: int) -> Samples:
    """Interleaved 32-bit float little-endian bytes as `(frames, channels)`, values untouched.

    Raises:
        ServiceError: `INVALID_AUDIO_FORMAT` where the bytes are no whole number of frames, or a sample is
            NaN or infinite.
    """
    _check_whole_frames(len(data), 4 * channels, "pcm_f32le")
    samples = np.frombuffer(data, dtype="<f4").astype(np.float32)
    check_finite(samples)
    return samples.reshape(-1, channels)


def encode_s16le(samples: Samples) -> bytes:
    """Signed 16-bit little-endian bytes, interleaved; what lies outside -1 … 1 is clipped, never wrapped.

    The scale is that of `decode_s16le`, so 16-bit samples come back unchanged.

    Raises:
        ServiceError: `INVALID_AUDIO_FORMAT` where a sample is NaN or infinite.
    """
    check_finite(samples)
    scaled = np.rint(samples * np.float32(S16_SCALE))
    encoded: bytes = np.clip(scaled, -S16_SCALE, S16_SCALE - 1).astype("<i2").tobytes()
    return encoded


def encode_f32le(samples: Samples) -> bytes:
    """32-bit float little-endian bytes, interleaved, values untouched.

    Raises:
        ServiceError: `INVALID_AUDIO_FORMAT` where a sample is NaN or infinite.
    """
    check_finite(samples)
    return samples.astype("<f4", copy=False).tobytes()


def check_finite(samples: NDArray[np.floating]) -> None:
    """Refuse NaN and infinity.

    Raises:
        ServiceError: `INVALID_AUDIO_FORMAT`.
    """
    if not np.isfinite(samples).all():
        raise invalid("the audio holds samples that are NaN or infinite")


def downmix(samples: Samples) -> Samples:
    """The mean of the channels, shape `(frames,)`; mono samples of either shape come back as they are."""
    if samples.ndim == 1:
        return samples
    if samples.shape[1] == 1:
        return samples[:, 0]
    mixed: Samples = samples.mean(axis=1, dtype=np.float32)
    return mixed


def spread(samples: Samples, channels: int) -> Samples:
    """Mono samples `(frames,)` on each of `channels` channels, shape `(frames, channels)`."""
    return np.repeat(samples[:, np.newaxis], channels, axis=1)


def resample(samples: Samples, from_hz: int, to_hz: int) -> Samples:
    """The same sound at another rate, exactly `round(n * to_hz / from_hz)` frames long.

    Fragments are cut out of running sound, so both edges are continued by their own mirror image, turned
    about the last sample. Without that the filter takes the sound to begin and end in silence, and the step
    it rings at is heard as a consonant: it cost Whisper whole words at the seams.

    Frees the interpreter lock. Equal rates return the input itself. A loud input may come out a little
    above 1.
    """
    if from_hz == to_hz:
        return samples
    frames = round(samples.shape[0] * to_hz / from_hz)
    if frames == 0:
        return samples[:0]
    common = math.gcd(from_hz, to_hz)
    # A whole number of frames at both rates, so that the edge can be cut off again exactly.
    steps = min(math.ceil(_EDGE_S * common), (samples.shape[0] - 1) * common // from_hz)
    continued = _continued(samples, steps * from_hz // common)
    resampled: Samples = soxr.resample(np.ascontiguousarray(continued), from_hz, to_hz, quality="HQ")
    # soxr rounds its length in its own way, at times one frame off.
    return pad_or_trim(resampled[steps * to_hz // common :], frames)


def _continued(samples: Samples, frames: int) -> Samples:
    """`samples` with `frames` more at either end: its mirror image, turned about the edge."""
    if not frames:
        return samples
    before = 2 * samples[0] - samples[frames:0:-1]
    after = 2 * samples[-1] - samples[-2 : -frames - 2 : -1]
    return np.concatenate((before, samples, after))


def pad_or_trim(samples: Samples, frames: int) -> Samples:
    """Exactly `frames` frames: the head of `samples`, or all of it and then silence.

    Raises:
        ValueError: `frames` is negative.
    """
    if frames < 0:
        raise ValueError(f"cannot make audio of {frames} frames")
    missing = frames - samples.shape[0]
    if missing <= 0:
        return samples[:frames]
    return np.concatenate((samples, np.zeros((missing, *samples.shape[1:]), dtype=np.float32)))


def _check_whole_frames(size: int, frame_size: int, name: str) -> None:
    if size % frame_size:
        raise invalid(f"{size} bytes are no whole number of {frame_size}-byte {name} frames")
