"""The events that have come and wait to be read.

The connection never stops reading: were it to wait for a slow consumer, the server's pings would wait
behind the unread events and the server would take this client for dead. So the inbox has bounds, in
events and in bytes, and a consumer that lets it overflow loses the connection, with an error that says
so. Nothing is dropped in silence: what came before can still be read, then the error follows.
"""

from typing import Protocol

import trio

from sts_actors.client.errors import ConnectionLost
from sts_actors.client.incoming import Event

MAX_EVENTS = 1024
MAX_BYTES = 64 * 1024 * 1024


class InboxFull(Exception):  # noqa: N818 - stays inside this package; callers see ConnectionLost
    """The consumer has fallen too far behind."""


class Listener(Protocol):
    """Sees the events come in, before they are read."""

    def hear(self, event: Event) -> bool:
        """Take notice of one; whether it is to be read as well."""

    def close(self, reason: str | None) -> None:
        """No more will come; `reason` says why when that was not in order."""

    def give_up(self) -> None:
        """Another listens in its place."""


class Events:
    """An async iterator over events, oldest first; several tasks may share it, each event goes to one.

    It ends when the last connection has ended in order (either side said goodbye) and everything was read.

    Raises:
        ConnectionLost: from the iteration, where the connection ended otherwise.
    """

    def __init__(self, *, max_events: int = MAX_EVENTS, max_bytes: int = MAX_BYTES) -> None:
        self._send, self._receive = trio.open_memory_channel[Event](max_events)
        self._max_bytes = max_bytes
        self._bytes = 0
        self._lost: str | None = None
        self._listener: Listener | None = None

    def __aiter__(self) -> "Events":
        return self

    async def __anext__(self) -> Event:
        try:
            event = await self._receive.receive()
        except trio.EndOfChannel:
            if self._lost is not None:
                raise ConnectionLost(self._lost) from None
            raise StopAsyncIteration from None
        self._bytes -= event.size_bytes
        return event

    def listen(self, listener: Listener | None) -> None:
        """Let `listener` see each event as it comes, instead of who did so far."""
        former, self._listener = self._listener, listener
        if former is not None:
            former.give_up()

    def put(self, event: Event) -> None:
        """Add an event, unless the listener keeps it.

        Raises:
            InboxFull: one bound or the other is reached.
        """
        if self._listener is not None and not self._listener.hear(event):
            return
        # An event alone is always taken: the decoder has bounded its size already.
        if self._bytes and self._bytes + event.size_bytes > self._max_bytes:
            raise InboxFull(f"this client fell behind: {self._bytes} bytes of events wait unread")
        try:
            self._send.send_nowait(event)
        except trio.WouldBlock:
            waiting = self._send.statistics().current_buffer_used
            raise InboxFull(f"this client fell behind: {waiting} events wait unread") from None
        self._bytes += event.size_bytes

    def close(self, lost: str | None) -> None:
        """No more will come; `lost` says why when that was not in order. To be called once."""
        self._lost = lost
        self._send.close()
        if self._listener is not None:
            self._listener.close(lost)
