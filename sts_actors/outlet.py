"""What a session says to its worker: over one connection, or over whichever the worker has come back on."""

from typing import Any, Protocol

import attrs
import trio

from sts_actors.gateway import Server
from sts_actors.wire.retained import Retained

PAYLOAD_BYTES = 1024
"""What an event is taken to weigh besides its audio."""


class Outlet(Protocol):
    """Where a session's events go.

    Attributes:
        sid: the connection of the moment; None while there is none.
    """

    sid: str | None

    async def say(self, event: str, payload: dict[str, Any]) -> None:
        """Send what matters now and not later: it is not sent again."""

    async def tell(self, event: str, payload: dict[str, Any], *, size: int) -> None:
        """Send what must arrive, in order; returns once it is on its way. `size`: its bytes, roughly."""


@attrs.define(eq=False)
class Direct:
    """One connection, from first to last: what cannot be sent is gone with it."""

    server: Server
    sid: str | None

    async def say(self, event: str, payload: dict[str, Any]) -> None:
        """See `Outlet`."""
        await self.server.emit(event, payload, to=self.sid)

    async def tell(self, event: str, payload: dict[str, Any], *, size: int) -> None:
        """See `Outlet`."""
        del size
        await self.say(event, payload)


class Kept:
    """Connections that come and go. What must arrive is kept and sent again over the next one.

    `pump` does the sending, in a task of the session's own: a connection that takes nothing holds up neither
    the session nor the connection that takes over from it.
    """

    def __init__(self, server: Server, sid: str, retained: Retained) -> None:
        self.sid: str | None = sid
        self.claimant: str | None = sid
        """The connection that the session belongs to, from before anything is sent over it."""
        self.retained = retained
        self._server = server
        self._sent = 0
        self._changed = trio.Event()
        self._sending: set[trio.CancelScope] = set()

    async def say(self, event: str, payload: dict[str, Any]) -> None:
        """See `Outlet`."""
        if self.sid is not None:
            await self._emit(event, payload, self.sid)

    async def tell(self, event: str, payload: dict[str, Any], *, size: int) -> None:
        """See `Outlet`; with no connection there is nothing to wait for."""
        telling = self.retained.add(event, payload, size)
        self._wake()
        while self.sid is not None and self._sent < telling.number:
            await self._changed.wait()

    async def pump(self) -> None:
        """Send what is to be told, in order, for as long as it is let."""
        while True:
            telling = None if self.sid is None else self.retained.after(self._sent)
            if self.sid is None or telling is None:
                await self._changed.wait()
            elif await self._emit(telling.event, telling.payload, self.sid):
                self._sent = telling.number
                self._wake()

    def claim(self, sid: str) -> str | None:
        """Give the session to another connection, which `attach` will use; return the one that had it."""
        former, self.claimant = self.claimant, sid
        self._part()
        return former

    def attach(self, sid: str, received: int) -> bool:
        """Go on over `sid`, whose worker has all up to `received`; False where another has claimed it."""
        if self.claimant != sid:
            return False
        self.retained.acknowledged(received)
        self._sent = received
        self.sid = sid
        self._wake()
        return True

    def detach(self, sid: str) -> bool:
        """A connection is gone; False where the session was not, or no longer, its own."""
        if self.claimant != sid:
            return False
        self.claimant = None
        self._part()
        return True

    async def wait_attached(self) -> str:
        """Wait for a connection, and return it."""
        while self.sid is None:
            await self._changed.wait()
        return self.sid

    @property
    def delivered(self) -> bool:
        """Whether its worker has all, as far as can be known.

        All was sent, over the connection there is or was last; and a worker that acknowledges results has
        acknowledged them, for a connection that is dead and does not look it takes all that is sent.
        """
        owed = self.retained.acknowledged_to and any(
            each.event == "fragment:processed" for each in self.retained
        )
        return self._sent >= self.retained.last and not owed

    def acknowledged(self, number: int) -> None:
        """The worker has all up to this number."""
        self.retained.acknowledged(number)
        self._wake()

    async def wait_delivered(self, sid: str) -> None:
        """Wait until all is `delivered` over `sid`, or that is not the connection any more."""
        while self.sid == sid and not self.delivered:
            await self._changed.wait()

    async def wait_parted(self, sid: str) -> None:
        """Wait until `sid` is not the connection any more."""
        while self.sid == sid:
            await self._changed.wait()

    async def _emit(self, event: str, payload: dict[str, Any], sid: str) -> bool:
        """Whether it went out, while `sid` was still the one to send to."""
        with trio.CancelScope() as scope:
            self._sending.add(scope)
            try:
                await self._server.emit(event, payload, to=sid)
            finally:
                self._sending.discard(scope)
        # Not `cancelled_caught`: the last step of a send may have ended it before the cancellation came.
        return not scope.cancel_called

    def _part(self) -> None:
        self.sid = None
        for scope in self._sending:
            scope.cancel()
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = trio.Event()
