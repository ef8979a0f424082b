"""Connections to one server, one after the other, that look like a single one.

Nothing is kept over a cut: an event that was under way may or may not have arrived, and to send it again
could make it happen twice. Whoever emits or calls is told by `ConnectionLost`, and decides.
"""

from collections.abc import Callable
from random import Random
from typing import Any

import trio

from sts_actors.client.connection import Connection, Dial, Target
from sts_actors.client.errors import ConnectFailed, ConnectionLost
from sts_actors.client.inbox import Events, InboxFull
from sts_actors.client.incoming import Event
from sts_actors.client.packets import Frames
from sts_actors.client.reconnect import Reconnect

CONNECT, DISCONNECT = "connect", "disconnect"
"""Names that no server can emit."""


class _Shared:
    """The events of all connections: the end of one is not their end."""

    def __init__(self, events: Events) -> None:
        self._events = events

    def put(self, event: Event) -> None:
        self._events.put(event)

    def close(self, lost: str | None) -> None:
        """What comes next is for `Reconnecting` to say."""


class _Told:
    """A task status that calls back."""

    def __init__(self, on_started: Callable[[], None]) -> None:
        self._on_started = on_started

    def started(self, value: None = None) -> None:  # noqa: ARG002 - Trio's signature
        self._on_started()


class Reconnecting:
    """See `Connection`; `run` in a task of its own, everything else from any task.

    The events of all connections come out of one `Events`, and between them `disconnect` (with the reason)
    when one was lost, and `connect` (with the new sid) when the next has been let in.
    """

    def __init__(
        self,
        target: Target,
        events: Events,
        policy: Reconnect,
        *,
        max_event_bytes: int,
        rng: Random | None = None,
    ) -> None:
        self.target = target
        self.over = trio.Event()
        self._events = events
        self._policy = policy
        self._max_event_bytes = max_event_bytes
        self._rng = rng or Random()  # noqa: S311 - spreads clients out, keeps no secret
        self._connection = self._next()
        self._back = trio.Event()
        self._pause = trio.CancelScope()
        self._stopped = False
        self._lost: str | None = None

    @property
    def sid(self) -> str:
        """The server's name for this client, a new one after each cut; empty in between."""
        return self._connection.sid if self.connected else ""

    @property
    def connected(self) -> bool:
        """Whether there is a connection now."""
        return self._connection.connected

    async def wait_connected(self) -> None:
        """Wait until there is a connection.

        Raises:
            ConnectionLost: there will be none any more.
        """
        await trio.lowlevel.checkpoint()
        while not self.connected:
            if self.over.is_set():
                raise self._away()
            await self._back.wait()

    def stop(self) -> None:
        """Begin the goodbye, or give up coming back."""
        self._stopped = True
        self._pause.cancel()
        self._connection.stop()

    async def emit(self, frames: Frames) -> None:
        """Send a message over the connection that there is.

        Raises:
            ConnectionLost: there is none now, or it was lost with the message under way.
            MessageTooLarge: as `Connection.emit`.
        """
        await self._here().emit(frames)

    async def call(self, name: str, args: tuple[Any, ...], *, timeout_s: float) -> tuple[Any, ...]:
        """Send an event and wait for its answer over the connection that there is.

        Raises:
            ConnectionLost: there is none now, or it was lost before the answer came.
            MessageTooLarge, NoAnswer: as `Connection.call`.
        """
        return await self._here().call(name, args, timeout_s=timeout_s)

    async def run(
        self,
        dial: Dial,
        *,
        connect_timeout_s: float,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Connect, report that as started, and come back after each loss until there is no point in it.

        Raises:
            ConnectFailed: the first connection was not to be had; afterwards nothing is raised.
        """
        orderly = False
        try:
            await self._connection.run(dial, connect_timeout_s=connect_timeout_s, task_status=task_status)
            while not self._is_done() and self._tell(DISCONNECT, self._lost):
                if not await self._come_back(dial, connect_timeout_s):
                    break
            end = self._connection.end
            orderly = self._stopped or (end is not None and end.orderly and end.final)
        finally:
            self.over.set()
            self._back.set()
            self._events.close(None if orderly else str(self._away()))

    async def _come_back(self, dial: Dial, connect_timeout_s: float) -> bool:
        """Dial until the server lets us in, and stay; False when there is no point in going on."""
        for delay_s in self._policy.delays(self._rng):
            with trio.move_on_after(delay_s) as self._pause:
                if not self._stopped:
                    await trio.sleep_forever()
            if self._stopped:
                return False
            self._connection = self._next()
            try:
                await self._connection.run(
                    dial, connect_timeout_s=connect_timeout_s, task_status=_Told(self._is_back)
                )
            except ConnectFailed as failed:
                self._lost = failed.reason
            if self._connection.ever_connected:
                return True
            if self._is_done():
                return False
        self._lost = f"{self._lost}; gave up after {self._policy.attempts} attempts"
        return False

    def _is_done(self) -> bool:
        """Whether the connection that has ended was the last one."""
        end = self._connection.end
        if end is not None:
            self._lost = end.reason
        return self._stopped or (end is not None and end.final)

    def _is_back(self) -> None:
        self._tell(CONNECT, self._connection.sid)
        self._back.set()
        self._back = trio.Event()

    def _tell(self, name: str, what: str | None) -> bool:
        try:
            self._events.put(Event(name=name, args=(what,)))
        except InboxFull as full:
            self._lost = str(full)
            self.stop()
            self._stopped = False  # the end is not in order
            return False
        return True

    def _next(self) -> Connection:
        return Connection(self.target, _Shared(self._events), max_event_bytes=self._max_event_bytes)

    def _here(self) -> Connection:
        if not self.connected:
            raise self._away()
        return self._connection

    def _away(self) -> ConnectionLost:
        if self._stopped:
            return ConnectionLost(f"the connection to {self.target.address} is closed")
        return ConnectionLost(f"no connection to {self.target.address} now: {self._lost or 'being cut'}")
