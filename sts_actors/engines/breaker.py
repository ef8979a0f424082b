"""A circuit breaker: a service that keeps failing is left alone for a while. Pure: the caller tells the time.

closed: calls pass. After `threshold` failures in a row it is open: none do, for `rest_s`. Then it is half
open: one call may try, and its outcome closes the breaker or opens it anew.
"""

from enum import StrEnum

import attrs


class BreakerState(StrEnum):
    """What becomes of the next call."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


@attrs.define(kw_only=True, eq=False)
class Breaker:
    """One service's breaker. Each call that was admitted is followed by one of the three outcomes.

    Attributes:
        threshold: failures in a row that open it.
        rest_s: how long it stays open.
    """

    threshold: int = 5
    rest_s: float = 10.0
    _failures: int = attrs.field(default=0, init=False)
    _open_until: float | None = attrs.field(default=None, init=False)
    _trying: bool = attrs.field(default=False, init=False)

    def state(self, now: float) -> BreakerState:
        """At the moment `now`."""
        if self._open_until is None:
            return BreakerState.CLOSED
        return BreakerState.OPEN if now < self._open_until else BreakerState.HALF_OPEN

    @property
    def failures(self) -> int:
        """How many there have been in a row."""
        return self._failures

    def rest_left_s(self, now: float) -> float:
        """Seconds until a call may try again."""
        return 0.0 if self._open_until is None else max(self._open_until - now, 0.0)

    def admits(self, now: float) -> bool:
        """Whether a call may be made now; if so, the caller owes its outcome."""
        state = self.state(now)
        if state is BreakerState.OPEN or (state is BreakerState.HALF_OPEN and self._trying):
            return False
        self._trying = state is BreakerState.HALF_OPEN
        return True

    def succeeded(self) -> None:
        """The service answered."""
        self._failures = 0
        self._open_until = None
        self._trying = False

    def failed(self, now: float) -> None:
        """The service failed at the moment `now`."""
        self._failures += 1
        if self._trying or (self._open_until is None and self._failures >= self.threshold):
            self._open_until = now + self.rest_s
        self._trying = False

    def withdrew(self) -> None:
        """The call ended without telling anything of the service."""
        self._trying = False
