"""One client in one namespace: what python-socketio calls a sid."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import trio

from sts_actors.gateway.engine.packets import Encoded
from sts_actors.gateway.engine.session import Session
from sts_actors.gateway.packet import Incoming

BREATH_S = 0.005
"""Between a client's admission and what its connect handler emitted, over a WebSocket. A client that awaits
one message after the other loses the second of two that it reads at once, and this is where that happens."""


class Connection:
    """A client's place in a namespace; several share one Engine.IO session.

    Until its connect handler has admitted it, what is emitted to it is held; when it has been asked to end,
    nothing more is sent.

    Attributes:
        nursery: its handlers and tasks; cancelled with it.
        joined: the connect handler admitted it.
        leaving: its end has been asked for, for `reason`.
        left: set when nothing of it is left.
    """

    nursery: trio.Nursery

    def __init__(self, client: "Client", sid: str, namespace: str) -> None:
        self.client = client
        self.session = client.session
        self.sid = sid
        self.namespace = namespace
        self.joined = False
        self.leaving = False
        self.reason: str | None = None
        self.left = trio.Event()
        self.calls: set[Call] = set()
        self._holding = True
        self._held: list[list[Encoded]] = []

    def offer(self, group: list[Encoded]) -> bool:
        """Send now, True, or say that there is no room now, False."""
        if self.leaving:
            return True
        if not self._holding:
            return self.session.queue.put_nowait(group)
        if len(self._held) < self.session.server.limits.outbox_packets:
            self._held.append(group)
        return True

    async def send(self, group: list[Encoded]) -> None:
        """Send, waiting for room."""
        if not self.offer(group):
            await self.session.send(group)

    async def join(self, greeting: list[Encoded], *, breathe: bool = False) -> None:
        """Say that it has been admitted, and then what was held; `breathe` where more will follow."""
        self.joined = True
        await self.session.send(greeting)
        if self.session.upgraded and (self._held or breathe):
            await trio.sleep(BREATH_S)
        await self.flush()

    async def flush(self) -> None:
        """Send what was held, and hold no more."""
        while self._held:
            await self.session.send(self._held.pop(0))
        self._holding = False

    def request_end(self, reason: str) -> None:
        """Ask for its end: its tasks are cancelled, its disconnect handler runs after them."""
        if not self.leaving:
            self.leaving = True
            self.reason = reason
            self.nursery.cancel_scope.cancel()


class Client:
    """An Engine.IO session as Socket.IO sees it: the namespaces it is in, and what it is in the middle of.

    Attributes:
        connections: by namespace.
        settling: set when the connect handler that runs now has ended.
        has_left: it has been in a namespace that it is not in any more.
        patience: the time that it may be in no namespace; cancelled when it tries to join one.
        assembling: a packet whose attachments are still to come.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.connections: dict[str, Connection] = {}
        self.settling: trio.Event | None = None
        self.has_left = False
        self.patience = trio.CancelScope()
        self.assembling: Incoming | None = None


class Call:
    """An event that waits for the client's acknowledgement."""

    def __init__(self) -> None:
        self._done = trio.Event()
        self.answer: tuple[Any, ...] | None = None

    def __call__(self, *args: Any) -> None:
        """Take the acknowledgement; this is the manager's callback."""
        self.answer = args
        self._done.set()

    def give_up(self) -> None:
        """The client has left."""
        self._done.set()

    async def wait(self) -> tuple[Any, ...] | None:
        """The acknowledgement's arguments; None when the client has left."""
        await self._done.wait()
        return self.answer


def forget_callback(callbacks: dict[str, dict[int, Callable[..., Any]]], sid: str, number: int) -> None:
    """Drop a callback that nobody waits for any more."""
    with suppress(KeyError):
        del callbacks[sid][number]
