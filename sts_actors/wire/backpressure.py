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
    softened to `slow_down` on the way.
    """

    def __init__(self, thresholds: Thresholds) -> None:
        self._thresholds = thresholds
        self._level = Level.LOW
        self._pressed = False

    @property
    def level(self) -> Level:
        """The one that the worker was told last."""
        return self._level

    def press(self) -> None:
        """The device is short of memory: slow down until a stream has nothing in flight, or `relieve`."""
        self._pressed = True

    def relieve(self) -> None:
        """The device has served the stream again."""
        self._pressed = False

    def update(self, in_flight: int) -> Level | None:
        """The new level, or None where the worker knows it already."""
        level = self._thresholds.level(in_flight)
        if not in_flight:
            # A worker that waits for the release sends nothing that could relieve it.
            self._pressed = False
        if self._pressed:
            level = max(level, Level.MEDIUM)
        if self._level is Level.HIGH and level is Level.MEDIUM:
            return None
        if level is self._level:
            return None
        self._level = level
        return level


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
