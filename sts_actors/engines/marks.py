"""Audio that says who it is: a number keyed into tones, so that a mix-up shows.

A mark survives 16-bit quantisation, padding, and resampling between 8 and 48 kHz. It takes 0.96 s.
"""

import numpy as np

from sts_actors.messages import Samples

BIT_S = 0.02
TONES_HZ = (700.0, 1300.0)
_STREAM_BITS, _FRAGMENT_BITS, _CHECK_BITS = 16, 24, 8
_BITS = _STREAM_BITS + _FRAGMENT_BITS + _CHECK_BITS
MARK_S = _BITS * BIT_S
_CERTAIN = 3.0
"""A bit's tone is at least so many times stronger than the other one, or this is no mark."""


def mark(stream: int, fragment: int, *, sample_rate_hz: int, duration_s: float = 1.0) -> Samples:
    """Mono samples of `duration_s` that begin with a mark.

    Raises:
        ValueError: a number does not fit, or the mark does not.
    """
    if not 0 <= stream < 1 << _STREAM_BITS or not 0 <= fragment < 1 << _FRAGMENT_BITS:
        raise ValueError(f"stream {stream} fragment {fragment} does not fit into a mark")
    if duration_s < MARK_S:
        raise ValueError(f"a mark takes {MARK_S} s and there is {duration_s} s")
    number = stream << _FRAGMENT_BITS | fragment
    number = number << _CHECK_BITS | _check(number)
    samples = np.zeros(round(duration_s * sample_rate_hz), np.float32)
    times = np.arange(round(MARK_S * sample_rate_hz)) / sample_rate_hz
    bits = np.array([number >> shift & 1 for shift in reversed(range(_BITS))])
    hz = np.array(TONES_HZ)[bits[np.minimum((times / BIT_S).astype(int), _BITS - 1)]]
    samples[: times.size] = 0.5 * np.sin(2 * np.pi * hz * times)
    return samples


def read_mark(samples: Samples, sample_rate_hz: int) -> tuple[int, int] | None:
    """The stream and fragment that mono `samples` begin with, or None where they carry no mark."""
    frames = round(MARK_S * sample_rate_hz)
    if samples.shape[0] < frames:
        return None
    times = np.arange(frames) / sample_rate_hz
    slots = np.minimum((times / BIT_S).astype(int), _BITS - 1)
    strength = np.stack([_strength(samples[:frames], times, slots, hz) for hz in TONES_HZ])
    weaker, stronger = np.sort(strength, axis=0)
    if (stronger < _CERTAIN * weaker + 1e-6).any():
        return None
    bits = strength.argmax(axis=0)
    value = int("".join(map(str, bits)), 2)
    number, check = value >> _CHECK_BITS, value & (1 << _CHECK_BITS) - 1
    if check != _check(number):
        return None
    return number >> _FRAGMENT_BITS, number & (1 << _FRAGMENT_BITS) - 1


def _strength(
    samples: Samples,
    times: np.ndarray[tuple[int], np.dtype[np.float64]],
    slots: np.ndarray[tuple[int], np.dtype[np.int_]],
    hz: float,
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    phase = 2 * np.pi * hz * times
    real = np.bincount(slots, weights=samples * np.cos(phase), minlength=_BITS)
    imaginary = np.bincount(slots, weights=samples * np.sin(phase), minlength=_BITS)
    strength: np.ndarray[tuple[int], np.dtype[np.float64]] = np.hypot(real, imaginary)
    return strength


def _check(number: int) -> int:
    return number * 167 % 251
