"""Faster or slower at the same pitch, by a stretcher of the operator's choice, in process."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, Protocol

from sts_actors.audio import atempo, rubberband
from sts_actors.audio.limits import MAX_TEMPO, MIN_TEMPO
from sts_actors.audio.pcm import pad_or_trim
from sts_actors.messages import Samples

StretcherName = Literal["atempo", "rubberband"]


class _Stretcher(Protocol):
    def __call__(self, samples: Samples, sample_rate_hz: int, tempo: float) -> Samples: ...


_STRETCHERS: Mapping[StretcherName, _Stretcher] = MappingProxyType(
    {"atempo": atempo.stretch, "rubberband": rubberband.stretch}
)


def stretch(
    samples: Samples, sample_rate_hz: int, tempo: float, stretcher: StretcherName = "atempo"
) -> Samples:
    """Mono `samples` `(frames,)` spoken `tempo` times as fast, exactly `round(n / tempo)` frames long.

    Frees the interpreter lock while it works. A tempo of 1 returns the input itself.

    Raises:
        ValueError: `tempo` is outside 0.8 … 1.2, where speech stops sounding natural.
        ImportError: the stretcher's extra is not installed.
    """
    if not MIN_TEMPO <= tempo <= MAX_TEMPO:
        raise ValueError(f"tempo {tempo} is not within {MIN_TEMPO} to {MAX_TEMPO}")
    if tempo == 1:
        return samples
    return pad_or_trim(
        _STRETCHERS[stretcher](samples, sample_rate_hz, tempo), round(samples.shape[0] / tempo)
    )
