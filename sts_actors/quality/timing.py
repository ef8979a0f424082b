"""How a dub sits on its source: pace, offsets, lag and what becomes of it over the hours."""

from collections.abc import Sequence

import attrs
import numpy as np

PACE_WINDOW = (0.9, 1.2)
"""What listeners accept: a tenth slower, a fifth faster than the voice speaks by itself."""
_MS = 1000.0
_HOUR_S = 3600.0
_LINE_POINTS = 2


@attrs.frozen(kw_only=True)
class Spread:
    """How values lie: half of them are not above `p50`, 95 of 100 not above `p95`."""

    p50: float
    p95: float
    largest: float


def spread(values: Sequence[float]) -> Spread | None:
    """The spread of values; None without any."""
    if not values:
        return None
    p50, p95 = (float(value) for value in np.percentile(values, (50, 95), method="inverted_cdf"))
    return Spread(p50=p50, p95=p95, largest=float(max(values)))


def share_in_window(paces: Sequence[float], window: tuple[float, float] = PACE_WINDOW) -> float | None:
    """The share of paces within `window`, its ends included; None without any."""
    slowest, fastest = window
    if not paces:
        return None
    return sum(slowest <= pace <= fastest for pace in paces) / len(paces)


def slope_ms_per_hour(times_s: Sequence[float], lags_ms: Sequence[float]) -> float | None:
    """How a lag grows, by the line of least squares; None for fewer than two moments."""
    times = np.asarray(times_s, float)
    if times.size < _LINE_POINTS or np.ptp(times) == 0:
        return None
    centred = times - times.mean()
    lags = np.asarray(lags_ms, float)
    return float(centred @ (lags - lags.mean()) / (centred @ centred) * _HOUR_S)


@attrs.frozen(kw_only=True)
class Offsets:
    """By how much each phrase of the dub begins and ends after its source, in ms; below 0 is before it."""

    start_ms: tuple[float, ...]
    end_ms: tuple[float, ...]


def offsets(sources: Sequence[tuple[float, float]], dubs: Sequence[tuple[float, float] | None]) -> Offsets:
    """The offsets of phrases, given their begins and ends in seconds; one not found in the dub has none.

    Raises:
        ValueError: there are more of the one than of the other.
    """
    pairs = [(source, dub) for source, dub in zip(sources, dubs, strict=True) if dub is not None]
    return Offsets(
        start_ms=tuple((dub[0] - source[0]) * _MS for source, dub in pairs),
        end_ms=tuple((dub[1] - source[1]) * _MS for source, dub in pairs),
    )
