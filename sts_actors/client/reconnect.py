"""Whether and when to come back after a lost connection."""

from collections.abc import Iterator
from random import Random

import attrs

from supervision import Backoff

BACKOFF = Backoff(first_s=1.0, factor=2.0, max_s=5.0, jitter=0.5)


@attrs.frozen(kw_only=True)
class Reconnect:
    """A client that loses its connection dials again, after growing delays.

    Attributes:
        backoff: the delays; by default 1 s, then twice as long each time, at most 5 s, each shortened at
            random by up to half, so that the clients of a server that went away do not come back at once.
        attempts: how often it dials after one loss before it gives up; None never gives up.
    """

    backoff: Backoff = BACKOFF
    attempts: int | None = attrs.field(
        default=None, validator=attrs.validators.optional(attrs.validators.ge(0))
    )

    def delays(self, rng: Random) -> Iterator[float]:
        """Seconds to wait before each attempt after one loss."""
        attempt = 0
        while self.attempts is None or attempt < self.attempts:
            attempt += 1
            yield self.backoff.delay_s(attempt, rng.random())
