"""When to start an actor anew, and when to give up. Pure."""

import math
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

    def applies(self, cause: Exception | None) -> bool:
        """Whether a child that ended with `cause` (None: normally) is to be started anew."""
        return self is Restart.PERMANENT or (self is Restart.TRANSIENT and cause is not None)


@attrs.frozen(kw_only=True)
class Intensity:
    """More than `restarts` in `period_s` seconds is too often.

    The period has to be longer than the restarts take together, loading and backoff included; otherwise the
    limit is never met.

    Raises:
        ValueError: a negative number of restarts, or no period.
    """

    restarts: int = attrs.field(default=3, validator=attrs.validators.ge(0))
    period_s: float = attrs.field(default=60.0, validator=attrs.validators.gt(0))


@attrs.frozen(kw_only=True)
class Backoff:
    """How long to wait before a restart: `first_s`, each time `factor` times longer, at most `max_s`.

    `jitter` is the share of the delay by which it may be shortened at random, so that children that failed
    together do not come back together. The default waits not at all. The delay is back at `first_s` once a
    child has lived through a whole period of its supervisor's intensity.

    Raises:
        ValueError: negative times, a factor below 1, a jitter outside 0 … 1, or `max_s` below `first_s`.
    """

    first_s: float = attrs.field(default=0.0, validator=attrs.validators.ge(0))
    factor: float = attrs.field(default=2.0, validator=attrs.validators.ge(1))
    max_s: float = attrs.field(default=0.0)
    jitter: float = attrs.field(
        default=0.0, validator=attrs.validators.and_(attrs.validators.ge(0), attrs.validators.le(1))
    )

    @max_s.validator
    def _holds_the_first(self, _: object, value: float) -> None:
        if value < self.first_s:
            raise ValueError(
                f"the longest delay ({value:g} s) is shorter than the first ({self.first_s:g} s)"
            )

    def delay_s(self, restart: int, chance: float) -> float:
        """The delay before restart number `restart` (from 1); `chance` is drawn from 0 … 1."""
        try:
            grown = self.first_s * self.factor ** (restart - 1)
        except OverflowError:
            grown = math.inf if self.first_s else 0.0
        return min(grown, self.max_s) * (1 - self.jitter * chance)


class RestartWindow:
    """The restarts of the last period."""

    def __init__(self, intensity: Intensity) -> None:
        self._intensity = intensity
        self._times: deque[float] = deque()

    def record(self, now: float) -> bool:
        """Note a restart at `now`; True where it was one too many."""
        self._times.append(now)
        return self.count(now) > self._intensity.restarts

    def count(self, now: float) -> int:
        """How many restarts the period that ends `now` has seen."""
        while self._times and self._times[0] <= now - self._intensity.period_s:
            self._times.popleft()
        return len(self._times)
