"""The service's own end: nothing new is taken, what was taken is finished, then it leaves."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs
import trio

from sts_actors.errors import ErrorCode, ServiceError, ServiceWarning, WarningCode

log = logging.getLogger(__name__)

GRACE_S = 0.25
"""After the deadline: for what the streams that were cut off then still have to say."""

_LEAVING = "the service is shutting down"


@attrs.define(eq=False)
class Drain:
    """Begun once; what is held from then on is waited for, until the deadline.

    Attributes:
        timeout_s: from the beginning to the deadline.
        on: it has begun.
        deadline: when streams must be done, on Trio's clock; inf before the beginning.
    """

    timeout_s: float
    on: bool = attrs.field(default=False, init=False)
    deadline: float = attrs.field(default=float("inf"), init=False)
    _held: set[object] = attrs.field(factory=set, init=False)
    _begun: trio.Event = attrs.field(factory=trio.Event, init=False)
    _released: trio.Event = attrs.field(factory=trio.Event, init=False)

    def begin(self) -> None:
        """Take no more streams and end those there are; again changes nothing."""
        if self.on:
            return
        self.on = True
        self.deadline = trio.current_time() + self.timeout_s
        log.info("draining: %d streams, at most %g s", len(self._held), self.timeout_s)
        self._begun.set()

    def check(self) -> None:
        """Refuse what is new.

        Raises:
            ServiceError: `SERVER_DRAINING`; another instance, or the next, may take it.
        """
        if self.on:
            raise ServiceError(ErrorCode.SERVER_DRAINING, f"{_LEAVING}; open a stream elsewhere, or later")

    @property
    def warning(self) -> ServiceWarning:
        """What workers are told whose streams are ended."""
        return ServiceWarning(
            WarningCode.SERVER_DRAINING,
            f"{_LEAVING}: what was acknowledged will be answered, nothing more is taken",
        )

    def hold(self, what: object) -> None:
        """Have `what` waited for."""
        self._held.add(what)

    def release(self, what: object) -> None:
        """Wait for `what` no longer; again changes nothing."""
        self._held.discard(what)
        self._released.set()
        self._released = trio.Event()

    @asynccontextmanager
    async def cutting_short(self) -> AsyncIterator[None]:
        """A block that is left at the beginning, wherever it waits."""

        async def cut() -> None:
            await self._begun.wait()
            nursery.cancel_scope.cancel()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(cut)
            yield
            nursery.cancel_scope.cancel()

    async def wait_begun(self) -> None:
        """Wait for the beginning."""
        await self._begun.wait()

    async def wait_over(self) -> None:
        """Wait for the beginning, then until nothing is held any more, or for the deadline."""
        await self._begun.wait()
        with trio.move_on_at(self.deadline + GRACE_S) as scope:
            while self._held:
                await self._released.wait()
        if scope.cancelled_caught:
            log.warning("draining: %d streams were not done in time", len(self._held))
