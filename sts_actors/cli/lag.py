"""Whether a dub falls further and further behind its source. Pure."""

from collections.abc import Sequence

S_PER_H = 3600


def slope_ms_per_h(points: Sequence[tuple[float, float]]) -> float | None:
    """How fast the lag grows: the slope of the line through `points` (least squares); None for less than two.

    Args:
        points: when, in seconds, and the lag then, in milliseconds. Over a few minutes it says little.
    """
    if len({at_s for at_s, _ in points}) < 2:  # noqa: PLR2004 - no line goes through one point alone
        return None
    mean_s = sum(at_s for at_s, _ in points) / len(points)
    mean_ms = sum(ms for _, ms in points) / len(points)
    spread = sum((at_s - mean_s) ** 2 for at_s, _ in points)
    return sum((at_s - mean_s) * (ms - mean_ms) for at_s, ms in points) / spread * S_PER_H
