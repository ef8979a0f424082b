"""When to start an actor anew, and when to give up. Pure."""

from collections import deque
from enum import Enum

import attrs


class Restart(Enum):
    """What a supervisor does when a child ends; Erlang/OTP's meaning."""

    PERMANENT = "permanent"
    """Started anew however it ended."""
    TRANSIENT = "transient"
    """Started anew after an exception; ending normally is its success."""
    TEMPORARY = "temporary"
    """Never started anew."""


@attrs.frozen(kw_only=True)
class Intensity:
    """More than `restarts` in `period_s` seconds is too often."""

    restarts: int = 3
    period_s: float = 60.0


@attrs.frozen(kw_only=True)
class Backoff:
    """How long to wait before a restart: `first_s`, each time `factor` times longer, at most `max_s`.

    `jitter` is the share of the delay by which it may be shortened at random, so that children that failed
    together do not come back together. The default waits not at all.
    """

    first_s: float = 0.0
    factor: float = 2.0
    max_s: float = 0.0
    jitter: float = 0.0

    def delay_s(self, restart: int, chance: float) -> float:
        """The delay before restart number `restart` (from 1); `chance` is drawn from 0 … 1."""
        full = min(self.first_s * self.factor ** (restart - 1), self.max_s)
        return full * (1 - self.jitter * chance)


class RestartWindow:
    """The restarts of the last period."""

    def __init__(self, intensity: Intensity) -> None:
        self._intensity = intensity
        self._times: deque[float] = deque()

    def record(self, now: float) -> bool:
        """Note a restart at `now`; True where it was one too many."""
        self._times.append(now)
        while self._times[0] <= now - self._intensity.period_s:
            self._times.popleft()
        return len(self._times) > self._intensity.restarts
