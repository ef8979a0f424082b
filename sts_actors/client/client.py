"""The public face: `open_client` and what it gives."""

import math
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import trio

from sts_actors.client.address import encode_headers, parse_address
from sts_actors.client.connection import Target, dialler
from sts_actors.client.inbox import MAX_BYTES, MAX_EVENTS, Events
from sts_actors.client.incoming import Event
from sts_actors.client.link import Link
from sts_actors.client.packets import event_frames
from sts_actors.client.reconnect import Reconnect
from sts_actors.client.succession import Succession


class Client:
    """A Socket.IO client: see `open_client`."""

    def __init__(self, succession: Succession, nursery: trio.Nursery) -> None:
        self._succession = succession
        self._nursery = nursery

    @property
    def sid(self) -> str:
        """The server's name for this client in its namespace; a new one after each reconnection."""
        return self._succession.sid

    @property
    def events(self) -> Events:
        """What the server emits: an async iterator of `Event`; see `Events` for how it ends.

        With `reconnect` it goes on over the connections: `Disconnected` and `Reconnected` stand between what
        came over one and what came over the next, and count as events for the bounds.
        """
        return self._succession.events

    @property
    def connected(self) -> bool:
        """Whether there is a connection now, as far as is known."""
        return self._succession.is_connected()

    @property
    def closed(self) -> bool:
        """Whether the last connection has ended, in whatever manner; `events` may still hold some."""
        return self._succession.over.is_set()

    async def wait_closed(self) -> None:
        """Wait until the last connection has ended."""
        await self._succession.over.wait()

    @property
    def reconnects(self) -> bool:
        """Whether a connection that is lost is dialled again."""
        return self._succession.reconnects

    def delays(self) -> Iterator[float]:
        """How long to wait before each try of something that failed, as `reconnect` says; none without it."""
        return self._succession.delays()

    def start_soon(self, async_fn: Callable[..., Awaitable[object]], *args: Any) -> None:
        """Run a task beside the connection; it must end once the client is closed, and must not raise."""
        self._nursery.start_soon(async_fn, *args)

    def standing_link(self) -> Link | None:
        """The connection there is, as `link`; None while there is none."""
        return Link(self._succession.current) if self.connected else None

    async def link(self) -> Link:
        """The connection there is, or the next, to talk over it and no other.

        For what the server keeps by connection, and would not understand over another: a stream, a room.

        Raises:
            ConnectionLost: there is none, nor was one made within the policy's `patience_s`.
        """
        await trio.lowlevel.checkpoint()
        return Link(await self._succession.wait_connected(at_most_s=math.inf))

    async def emit(self, name: str, *args: Any) -> None:
        """Send an event; returns when the kernel has all of it, and waits when the server reads slowly.

        Bytes in `args`, at any depth of lists and dictionaries, travel as binary attachments. Events of one
        task go out in the order of its calls. Cancelled before its turn to be written, nothing is sent;
        later, the whole message is.

        Between two connections it waits for the next, `Reconnect.patience_s` at most. Once it has a
        connection it lives and dies with it. It is never sent a second time: whether the first got there
        nobody here can know, and most events are not harmless twice.

        Raises:
            ConnectionLost: there is no connection, or it went with the message not known to be sent.
            MessageTooLarge: the server takes no message of this size.
            TypeError, ValueError: `args` is not JSON, or `name` is reserved.
        """
        frames = event_frames(name, args, namespace=self._succession.namespace)
        connection = await self._succession.wait_connected(at_most_s=math.inf)
        await connection.emit(frames)

    async def call(self, name: str, *args: Any, timeout_s: float = 60.0) -> Any:
        """Send an event and return the server's answer: None, one value, or a tuple of several.

        A call in flight when its connection goes ends with `ConnectionLost`, and is never sent again on its
        own: the server may have done already what was asked, and only the caller knows whether twice is
        harmless. Nor could the answer still come, for answers belong to their connection.

        Raises:
            NoAnswer: none came within `timeout_s`, sending included.
            ConnectionLost, MessageTooLarge, TypeError, ValueError: as `emit`.
        """
        asked = trio.current_time()
        connection = await self._succession.wait_connected(at_most_s=timeout_s)
        return await Link(connection).call_in_what_is_left(
            name, args, timeout_s=timeout_s, waited_s=trio.current_time() - asked
        )

    async def acknowledge(self, event: Event, *args: Any) -> None:
        """Answer an event that the server sent as a call (`event.ack_id` is not None).

        Raises:
            ValueError: the event asks for no answer.
            ConnectionLost: the connection that it came over has gone, whether or not there is another.
            MessageTooLarge, TypeError: as `emit`.
        """
        await Link(self._succession.current).acknowledge(event, *args)


@asynccontextmanager
async def open_client(
    url: str,
    *,
    auth: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    namespace: str = "/",
    connect_timeout_s: float = 10.0,
    tls: ssl.SSLContext | None = None,
    max_buffered_events: int = MAX_EVENTS,
    max_buffered_bytes: int = MAX_BYTES,
    reconnect: Reconnect | None = None,
) -> AsyncIterator[Client]:
    """Connect to a Socket.IO server over WebSocket, and disconnect on the way out.

    The first connection is made or fails, once. With `reconnect`, one that is lost later is dialled again, in
    the same way (address, headers, auth, namespace), after growing, jittered delays; the server gives the
    client a new `sid`, and `events` tells. Not so where the server disconnected this client from its
    namespace or refuses to let it in again, nor where the events were not read: those end the client.

    Leaving the block says goodbye and waits for the server's, 2 s at most; when cancelled it does not wait.
    What the block raises comes out as it is, in no exception group.

    Args:
        url: `http(s)://` or `ws(s)://`, host, port, perhaps a path that `/socket.io/` is appended to.
        auth: what the server's connect handler is given.
        headers: for the HTTP handshake.
        namespace: the one to join.
        connect_timeout_s: from the dial to the server's consent.
        tls: which certificates to trust; the system's authorities when None.
        max_buffered_events: how many events may wait unread before the connection is given up.
        max_buffered_bytes: how many bytes of events may wait so.
        reconnect: whether and when to dial again; None: one connection, and its end is the end.

    Raises:
        ConnectFailed: on entering; one line says why.
    """
    target = Target(
        address=parse_address(url),
        headers=encode_headers(headers),
        namespace=namespace,
        auth=None if auth is None else dict(auth),
    )
    succession = Succession(
        target,
        Events(max_events=max_buffered_events, max_bytes=max_buffered_bytes),
        max_event_bytes=max_buffered_bytes,
        reconnect=reconnect,
    )
    failure: Exception | None = None
    async with trio.open_nursery() as nursery:
        try:
            await nursery.start(partial(succession.run, dialler(tls), connect_timeout_s=connect_timeout_s))
            yield Client(succession, nursery)
        except Exception as error:  # noqa: BLE001 - raised again below, outside the nursery's group
            failure = error
            # The goodbye is bounded; a cancellation in its middle must not replace the caller's error.
            nursery.cancel_scope.shield = True
        succession.stop()
    if failure is not None:
        try:
            raise failure
        finally:
            del failure
