"""The duration rule: a dub lasts exactly as long as the fragment it replaces.

The ladder, cheapest for the listener first: the engine's own speed knob before synthesis (`plan_speed`);
then, only where the synthesis is still too long, its silent edges go, what is left is stretched at kept
pitch, and what is then still too long is cut and judged. A dub that is too short is no mismatch: silence
follows it.
"""

from enum import StrEnum
from typing import Literal

import attrs
import numpy as np

from sts_actors.audio.limits import MAX_TEMPO, MIN_TEMPO
from sts_actors.audio.pcm import pad_or_trim, resample
from sts_actors.audio.tempo import StretcherName, stretch
from sts_actors.errors import ErrorCode, ServiceError
from sts_actors.messages import Samples

_FADE_S = 0.005
_SILENCE = 10 ** (-45 / 20)
"""Silence, against the loudest sample."""
_NOISE_FLOOR = 10 ** (-80 / 20)
"""Silence, whatever the loudest sample is."""
_EDGE_KEPT_S = 0.02
"""Silence kept beside speech: breath and consonants lie below the threshold."""
_VARIANCE_DIGITS = 9
"""1.32 / 1.2 is a little above 1.1 in binary; exactly 10 % must still be within 10 %."""


class Verdict(StrEnum):
    """What the duration rule makes of a dub."""

    SUCCESS = "success"
    PARTIAL = "partial"
    FAILED = "failed"


@attrs.frozen(kw_only=True)
class FitPolicy:
    """Where the duration rule draws its lines.

    `success_max` and `partial_max` bound the variance, as shares of the target. `duration_policy` "fit"
    turns what would be a failure into `partial`. `stretcher` is what stretches.

    Raises:
        ValueError: the lines are out of order, or the tempos outside 0.8 … 1 … 1.2.
    """

    success_max: float = 0.10
    partial_max: float = 0.20
    min_tempo: float = MIN_TEMPO
    max_tempo: float = MAX_TEMPO
    duration_policy: Literal["fail", "fit"] = "fail"
    stretcher: StretcherName = "atempo"

    def __attrs_post_init__(self) -> None:
        if not 0 <= self.success_max <= self.partial_max:
            raise ValueError(f"not 0 ≤ success_max {self.success_max} ≤ partial_max {self.partial_max}")
        if not MIN_TEMPO <= self.min_tempo <= 1 <= self.max_tempo <= MAX_TEMPO:
            raise ValueError(f"not {MIN_TEMPO} ≤ min_tempo ≤ 1 ≤ max_tempo ≤ {MAX_TEMPO}")
        if self.duration_policy not in {"fail", "fit"}:
            raise ValueError(f'duration_policy {self.duration_policy!r} is neither "fail" nor "fit"')

    def verdict(self, variance: float) -> Verdict:
        """What a variance means."""
        if variance <= self.success_max:
            return Verdict.SUCCESS
        if variance <= self.partial_max or self.duration_policy == "fit":
            return Verdict.PARTIAL
        return Verdict.FAILED


@attrs.frozen(kw_only=True)
class Fitted:
    """A dub that fits: mono `pcm` `(frames,)`, always of the target's length and rate.

    `raw_duration_ms` is the synthesis as it came, silent edges included; `speed_ratio` = target ÷ raw, and 1
    where nothing was synthesised; `variance` is the share of the target by which speech was still too long
    after stretching, and was cut. Where the verdict is `failed`, `pcm` is what was left all the same.
    """

    pcm: Samples = attrs.field(repr=False, eq=False)
    tempo: float
    raw_duration_ms: int
    speed_ratio: float
    variance: float
    verdict: Verdict


def plan_speed(predicted_s: float, target_s: float, speed_range: tuple[float, float]) -> float:
    """The speed to ask of the engine for a text that would last `predicted_s` at speed 1.

    Faster, as far as the range goes, where it would not fit; never slower than 1.

    Raises:
        ValueError: `target_s` is not above 0, or the range does not hold 1.
    """
    slowest, fastest = speed_range
    if not target_s > 0:
        raise ValueError(f"no speed fits speech into {target_s} s")
    if not slowest <= 1 <= fastest:
        raise ValueError(f"speed range {slowest} to {fastest} does not hold 1")
    return min(max(predicted_s / target_s, 1.0), fastest)


def fit(
    raw: Samples,
    sample_rate_hz: int,
    *,
    target_frames: int,
    target_rate_hz: int,
    policy: FitPolicy,
) -> Fitted:
    """Fit mono synthesis `raw` `(frames,)` into exactly `target_frames` at `target_rate_hz`.

    The edges of the speech get fades of 5 ms: nothing clicks where it was cut or where padding begins.

    Raises:
        ServiceError: `SYNTHESIS_FAILED` where the synthesis holds NaN or infinite samples.
        ValueError: `target_frames` is below 1.
    """
    if target_frames < 1:
        raise ValueError(f"nothing fits into {target_frames} frames")
    if not np.isfinite(raw).all():
        raise ServiceError(ErrorCode.SYNTHESIS_FAILED, "the synthesis holds NaN or infinite samples")
    target_s = target_frames / target_rate_hz
    raw_s = raw.shape[0] / sample_rate_hz
    room = target_frames * sample_rate_hz / target_rate_hz
    speech = _without_silent_edges(raw, sample_rate_hz, room)
    overlong = speech.shape[0] / room
    tempo = min(max(overlong, 1.0), policy.max_tempo)
    variance = round(max(0.0, overlong / tempo - 1), _VARIANCE_DIGITS)
    speech = resample(
        stretch(speech, sample_rate_hz, tempo, policy.stretcher), sample_rate_hz, target_rate_hz
    )
    # Resampling may overshoot full scale; and the fades need a copy, which this makes.
    speech = np.clip(speech[:target_frames], -1, 1)
    _fade(speech, target_rate_hz)
    return Fitted(
        pcm=pad_or_trim(speech, target_frames),
        tempo=tempo,
        raw_duration_ms=round(raw_s * 1000),
        speed_ratio=target_s / raw_s if raw_s else 1.0,
        variance=variance,
        verdict=policy.verdict(variance),
    )


def _without_silent_edges(raw: Samples, sample_rate_hz: int, room: float) -> Samples:
    """`raw`, less the silence at its end where it is longer than `room` frames, and then at its start.

    The start comes second: while its silence stays, the words keep their distance from the fragment's start.
    """
    if raw.shape[0] <= room:
        return raw
    level = np.abs(raw)
    loud = np.flatnonzero(level > max(float(level.max()) * _SILENCE, _NOISE_FLOOR))
    if not loud.size:
        return raw[:0]
    kept = round(_EDGE_KEPT_S * sample_rate_hz)
    start = max(int(loud[0]) - kept, 0)
    end = int(loud[-1]) + 1 + kept
    return raw[:end] if end <= room else raw[start:end]


def _fade(speech: Samples, sample_rate_hz: int) -> None:
    """Bring both edges to silence, in place, over 5 ms, or over half of the speech where it is shorter."""
    frames = min(round(_FADE_S * sample_rate_hz), speech.shape[0] // 2)
    if frames:
        ramp = np.sin(np.linspace(0, np.pi / 2, frames + 1, dtype=np.float32)[:-1]) ** 2
        speech[:frames] *= ramp
        speech[-frames:] *= ramp[::-1]
