"""Backpressure levels: from a count of fragments in flight to what a worker is told. Pure."""

from enum import IntEnum
from typing import Any

import attrs


class Level(IntEnum):
    """How full a stream is."""

    LOW = 0
    MEDIUM = 1
    HIGH = 2


_SEVERITY = {Level.LOW: "low", Level.MEDIUM: "medium", Level.HIGH: "high"}
_ACTION = {Level.LOW: "none", Level.MEDIUM: "slow_down", Level.HIGH: "pause"}
_DELAY_MS = {Level.LOW: 0, Level.MEDIUM: 500, Level.HIGH: 2000}


@attrs.frozen(kw_only=True)
class Thresholds:
    """Counts in flight: up to `low` low, up to `medium` medium, above it high; `critical` admit no more."""

    low: int = 3
    medium: int = 6
    high: int = 10
    critical: int = 10

    def level(self, in_flight: int) -> Level:
        """The level of a count."""
        if in_flight <= self.low:
            return Level.LOW
        return Level.MEDIUM if in_flight <= self.medium else Level.HIGH

    def admits(self, in_flight: int) -> bool:
        """Whether one more may come in."""
        return in_flight < self.critical


class Backpressure:
    """Says when a level has changed, and releases what it raised.

    Deployed workers resume on `none` only, so a pause is held until the count is low again and is never
    softened to `slow_down` on the way: where a stream has to go slowly after a pause, it is released first.
    """

    def __init__(self, thresholds: Thresholds) -> None:
        self._thresholds = thresholds
        self._level = Level.LOW

    @property
    def level(self) -> Level:
        """The one that the worker was told last."""
        return self._level

    def update(self, in_flight: int, *, pressed: bool = False) -> tuple[Level, ...]:
        """What the worker is to be told, in order; nothing where it knows.

        Args:
            in_flight: the stream's fragments.
            pressed: memory is short, so the stream goes slowly however few they are.
        """
        count = self._thresholds.level(in_flight)
        level = max(count, Level.MEDIUM) if pressed else count
        if level is self._level:
            return ()
        if self._level is Level.HIGH and level is Level.MEDIUM:
            if count is not Level.LOW:
                return ()
            # For as long as memory is short, its count alone must be able to end a pause.
            self._level = level
            return Level.LOW, level
        self._level = level
        return (level,)


def describe(
    level: Level, *, stream_id: str, in_flight: int, max_inflight: int, queue_depth: int
) -> dict[str, Any]:
    """The `backpressure` event of a level."""
    return {
        "stream_id": stream_id,
        "severity": _SEVERITY[level],
        "action": _ACTION[level],
        "current_inflight": in_flight,
        "max_inflight": max_inflight,
        "queue_depth": queue_depth,
        "threshold_exceeded": None if level is Level.LOW else _SEVERITY[level],
        "recommended_delay_ms": _DELAY_MS[level],
    }
