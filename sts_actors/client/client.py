"""The public face: `open_client` and what it gives."""

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import trio

from sts_actors.client.address import encode_headers, parse_address
from sts_actors.client.connection import Connection, Target, dialler
from sts_actors.client.inbox import MAX_BYTES, MAX_EVENTS, Events
from sts_actors.client.incoming import Event
from sts_actors.client.packets import ack_frames, event_frames
from sts_actors.client.reconnect import Reconnect
from sts_actors.client.reconnecting import Reconnecting


class Client:
    """A connected Socket.IO client: see `open_client`."""

    def __init__(self, connection: Connection | Reconnecting, events: Events) -> None:
        self._connection = connection
        self._events = events
        self._namespace = connection.target.namespace

    @property
    def sid(self) -> str:
        """The server's name for this client in its namespace."""
        return self._connection.sid

    @property
    def events(self) -> Events:
        """What the server emits: an async iterator of `Event`; see `Events` for how it ends."""
        return self._events

    @property
    def connected(self) -> bool:
        """Whether there is a connection now; one that reconnects may be without for a while."""
        return self._connection.connected

    async def wait_connected(self) -> None:
        """Wait until there is a connection.

        Raises:
            ConnectionLost: there will be none any more.
        """
        await self._connection.wait_connected()

    @property
    def closed(self) -> bool:
        """Whether the connection has ended for good, in whatever manner; `events` may still hold some."""
        return self._connection.over.is_set()

    async def wait_closed(self) -> None:
        """Wait until the connection has ended for good."""
        await self._connection.over.wait()

    async def emit(self, name: str, *args: Any) -> None:
        """Send an event; returns when the kernel has all of it, and waits when the server reads slowly.

        Bytes in `args`, at any depth of lists and dictionaries, travel as binary attachments. Events of one
        task go out in the order of its calls. Cancelled before its turn to be written, nothing is sent;
        later, the whole message is.

        Raises:
            ConnectionLost: there is no connection now, or it was lost meanwhile; nothing is sent again.
            MessageTooLarge: the server takes no message of this size.
            TypeError, ValueError: `args` is not JSON, or `name` is reserved.
        """
        await self._connection.emit(event_frames(name, args, namespace=self._namespace))

    async def call(self, name: str, *args: Any, timeout_s: float = 60.0) -> Any:
        """Send an event and return the server's answer: None, one value, or a tuple of several.

        Raises:
            NoAnswer: none came within `timeout_s`, sending included.
            ConnectionLost, MessageTooLarge, TypeError, ValueError: as `emit`.
        """
        answer = await self._connection.call(name, args, timeout_s=timeout_s)
        if len(answer) > 1:
            return answer
        return answer[0] if answer else None

    async def acknowledge(self, event: Event, *args: Any) -> None:
        """Answer an event that the server sent as a call (`event.ack_id` is not None).

        Raises:
            ValueError: the event asks for no answer.
            ConnectionLost, MessageTooLarge, TypeError: as `emit`.
        """
        if event.ack_id is None:
            raise ValueError(f"{event.name} asks for no answer")
        await self._connection.emit(ack_frames(args, namespace=self._namespace, ack_id=event.ack_id))


@asynccontextmanager
async def open_client(
    url: str,
    *,
    auth: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    namespace: str = "/",
    connect_timeout_s: float = 10.0,
    reconnect: Reconnect | None = None,
    tls: ssl.SSLContext | None = None,
    max_buffered_events: int = MAX_EVENTS,
    max_buffered_bytes: int = MAX_BYTES,
) -> AsyncIterator[Client]:
    """Connect to a Socket.IO server over WebSocket, and disconnect on the way out.

    Leaving the block says goodbye and waits for the server's, 2 s at most; when cancelled it does not wait.
    What the block raises comes out as it is, in no exception group.

    Args:
        url: `http(s)://` or `ws(s)://`, host, port, perhaps a path that `/socket.io/` is appended to.
        auth: what the server's connect handler is given.
        headers: for the HTTP handshake.
        namespace: the one to join.
        connect_timeout_s: from the dial to the server's consent.
        reconnect: come back after a lost connection, as this says; None ends with it. What the server did not
            get is not sent again. `events` goes on, with an event `disconnect` (the reason) and an event
            `connect` (the new sid) between what came before and after. The server's own dismissal or refusal
            ends for good, and so does falling behind with reading. The first connection is not tried again.
        tls: which certificates to trust; the system's authorities when None.
        max_buffered_events: how many events may wait unread before the connection is given up.
        max_buffered_bytes: how many bytes of events may wait so.

    Raises:
        ConnectFailed: on entering; one line says why.
    """
    target = Target(
        address=parse_address(url),
        headers=encode_headers(headers),
        namespace=namespace,
        auth=None if auth is None else dict(auth),
    )
    events = Events(max_events=max_buffered_events, max_bytes=max_buffered_bytes)
    connection: Connection | Reconnecting
    if reconnect is None:
        connection = Connection(target, events, max_event_bytes=max_buffered_bytes)
    else:
        connection = Reconnecting(target, events, reconnect, max_event_bytes=max_buffered_bytes)
    failure: Exception | None = None
    async with trio.open_nursery() as nursery:
        try:
            await nursery.start(partial(connection.run, dialler(tls), connect_timeout_s=connect_timeout_s))
            yield Client(connection, events)
        except Exception as error:  # noqa: BLE001 - raised again below, outside the nursery's group
            failure = error
            # The goodbye is bounded; a cancellation in its middle must not replace the caller's error.
            nursery.cancel_scope.shield = True
        connection.stop()
    if failure is not None:
        try:
            raise failure
        finally:
            del failure
