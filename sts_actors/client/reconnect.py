"""When to dial again after a connection was lost: a policy, and nothing but arithmetic."""

from collections.abc import Callable, Iterator
from typing import Any

import attrs


def _positive(_: Any, field: "attrs.Attribute[Any]", value: float) -> None:
    if not 0 < value < float("inf"):
        raise ValueError(f"{field.name} must be above 0 and finite")


@attrs.frozen(kw_only=True)
class Reconnect:
    """Exponential backoff with jitter; times in seconds.

    Each try waits for a base that grows by `factor` up to `max_delay_s`, spread evenly over `jitter` of
    itself to both sides, and never beyond `max_delay_s`: the spread ends there, and is even up to there, so
    that many clients that lost one server do not all come back at the same instant.

    Attributes:
        attempts: how many failed tries in a row end the client; None: it never gives up.
        first_delay_s: the base before the first try.
        max_delay_s: no wait is longer.
        factor: from one base to the next; 1 at least.
        jitter: 0 (none) to 1.
        patience_s: how long an `emit` or `call` waits for the next connection; 0: not at all.
    """

    attempts: int | None = attrs.field(default=None)
    first_delay_s: float = attrs.field(default=1.0, validator=_positive)
    max_delay_s: float = attrs.field(default=5.0, validator=_positive)
    factor: float = attrs.field(default=2.0, validator=_positive)
    jitter: float = attrs.field(default=0.5)
    patience_s: float = attrs.field(default=10.0)

    def __attrs_post_init__(self) -> None:
        """Refuse a policy that would spin, shrink or wait for less than nothing."""
        if self.attempts is not None and self.attempts < 1:
            raise ValueError("attempts must be 1 at least, or None")
        if self.factor < 1:
            raise ValueError("factor must be 1 at least")
        if self.max_delay_s < self.first_delay_s:
            raise ValueError("max_delay_s must not be below first_delay_s")
        if not 0 <= self.jitter <= 1:
            raise ValueError("jitter must be from 0 to 1")
        if not 0 <= self.patience_s < float("inf"):
            raise ValueError("patience_s must be 0 at least and finite")

    def delays(self, luck: Callable[[], float]) -> Iterator[float]:
        """How long to wait before each try of one outage, in seconds; ends when none is left.

        Args:
            luck: gives a number from 0 to 1 for each.
        """
        base, tried = self.first_delay_s, 0
        while self.attempts is None or tried < self.attempts:
            shortest = base * (1 - self.jitter)
            longest = min(base * (1 + self.jitter), self.max_delay_s)
            yield shortest + (longest - shortest) * luck()
            base = min(base * self.factor, self.max_delay_s)
            tried += 1
