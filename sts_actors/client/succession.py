"""One connection after another: when to dial again, when to stop, and what the application is told.

The rules are those of the Socket.IO clients. A connection that breaks off, falls silent, breaks the
protocol or is closed below Socket.IO is dialled again. One that the server ends in so many words is not: a
disconnect from the namespace, or a refusal to let this client in. Nor is one that was lost because the
application did not read its events: what waits unread leaves no room for the next one's.
"""

import random
from collections.abc import Iterator

import trio

from sts_actors.client.connection import Connection, Dial, Target
from sts_actors.client.errors import ConnectFailed, ConnectionLost, End
from sts_actors.client.inbox import Events, InboxFull
from sts_actors.client.incoming import Disconnected, Reconnected
from sts_actors.client.reconnect import Reconnect


class Succession:
    """The connections of one client; `run` in a task of its own, everything else from any task.

    Attributes:
        events: what came over all of them, with a `Disconnected` and a `Reconnected` between each two.
        current: the one there is, or is being made, or was the last.
        sid: the name of the last one that was connected.
        over: set when there will be no further connection.
    """

    def __init__(
        self, target: Target, events: Events, *, max_event_bytes: int, reconnect: Reconnect | None
    ) -> None:
        self.events = events
        self.sid = ""
        self.over = trio.Event()
        self._target = target
        self._max_event_bytes = max_event_bytes
        self._policy = reconnect
        self._joined = 0
        self.current = self._next()
        self._reason = ""
        self._changed = trio.Event()
        self._outage = trio.CancelScope()
        self._stopping = False

    @property
    def namespace(self) -> str:
        """Which one all connections join."""
        return self._target.namespace

    @property
    def reconnects(self) -> bool:
        """Whether a connection that is lost is dialled again."""
        return self._policy is not None

    def delays(self) -> Iterator[float]:
        """How long to wait before each try of one outage, in seconds; none where nothing is tried again."""
        # The jitter keeps no secret.
        return iter(()) if self._policy is None else self._policy.delays(random.random)

    def is_connected(self) -> bool:
        """Whether there is a connection now, as far as is known."""
        return self.current.connected and not self.current.over.is_set()

    async def run(
        self,
        dial: Dial,
        *,
        connect_timeout_s: float,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Connect, report that as started, and go on until no connection shall follow or `stop` is called.

        Raises:
            ConnectFailed: before it was started; afterwards nothing is raised.
        """

        def first() -> None:
            self._welcome()
            task_status.started()

        try:
            await self.current.run(dial, first, connect_timeout_s=connect_timeout_s)
            while self._policy is not None and not self._stopping and not self.over.is_set():
                await self._recover(dial, connect_timeout_s)
        finally:
            self._finish(f"the connection to {self._target.address} is closed", quietly=True)

    def stop(self) -> None:
        """Begin the goodbye; `run` returns within `CLOSE_S`."""
        self._stopping = True
        self.current.stop()
        if not self.current.connected:
            self._outage.cancel()

    async def wait_connected(self, *, at_most_s: float) -> Connection:
        """The connection there is, or the next, for which the policy's patience and `at_most_s` are waited.

        Raises:
            ConnectionLost: no other was made so soon, or ever will be.
        """
        if self.is_connected():
            return self.current
        patience_s = self._policy.patience_s if self._policy else 0
        with trio.move_on_after(min(patience_s, at_most_s)):
            while not self.is_connected() and not self.over.is_set():
                await self._changed.wait()
        if self.over.is_set():
            raise ConnectionLost(self._reason)
        if not self.is_connected():
            raise ConnectionLost(
                f"there is no connection to {self._target.address}; it is being dialled again"
            )
        return self.current

    async def _recover(self, dial: Dial, connect_timeout_s: float) -> None:
        """Dial until there is a connection, and live through it; or see that there will be none."""
        lost, failure = self.current, End("never dialled")
        with trio.CancelScope() as self._outage:
            for delay_s in self.delays():
                self.current = self._next()
                await trio.sleep(delay_s)
                try:
                    await self.current.run(dial, self._welcome, connect_timeout_s=connect_timeout_s)
                except ConnectFailed:
                    # It has an end: only `stop` and cancellation leave none, and they do not come here.
                    failure = self.current.end or failure
                else:
                    return
                if failure.final:
                    break
            self._finish(f"{lost.gone().reason}; then dialled in vain: {failure.reason}", quietly=False)

    def _next(self) -> Connection:
        return Connection(
            self._target,
            self.events.put,
            self._part,
            max_event_bytes=self._max_event_bytes,
            number=self._joined + 1,
        )

    def _welcome(self) -> None:
        self._joined += 1
        self.sid = self.current.sid
        if self._joined > 1:
            self.events.put(Reconnected(sid=self.sid, connection=self._joined))
        self._wake()

    def _part(self, connection: Connection) -> None:
        """Decide, at the very moment that a connection is over, whether another shall follow."""
        if not connection.connected:
            return  # a try that failed; `_recover` counts those
        end = connection.end
        if self._policy is None or end is None or end.final:
            self._finish(connection.gone().reason, quietly=end is None or end.orderly)
            return
        try:
            self.events.put(Disconnected(reason=connection.gone().reason, connection=connection.number))
        except InboxFull as full:
            self._finish(f"{connection.gone().reason}; {full}", quietly=False)

    def _finish(self, reason: str, *, quietly: bool) -> None:
        """No connection will follow; the first call counts. `quietly`: the events just end."""
        if self.over.is_set():
            return
        self._reason = reason
        self.over.set()
        self.events.close(None if quietly else reason)
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = trio.Event()
