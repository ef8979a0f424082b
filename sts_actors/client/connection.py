"""One Socket.IO connection from the dial to the goodbye.

One task reads and never waits for anything but the server: answers to pings go through a task of their
own, events into a bounded inbox. One task writes, a message at a time, attachments behind their packet;
who emits waits until its message is with the kernel, so nothing piles up here. Cancelled before its turn,
an emit sends nothing; once its turn has come the message goes out whole, for half a frame would end
the connection.
"""

import itertools
import math
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import attrs
import trio

from sts_actors.client.address import Address, Headers
from sts_actors.client.dial import dial
from sts_actors.client.errors import ConnectFailed, ConnectionLost, End, Ended, MessageTooLarge, NoAnswer
from sts_actors.client.inbox import InboxFull
from sts_actors.client.incoming import (
    Answer,
    Connected,
    Decoder,
    Event,
    Incoming,
    Left,
    Opened,
    Ping,
    ProtocolViolation,
    Refused,
)
from sts_actors.client.packets import (
    Frames,
    connect_frames,
    disconnect_frames,
    event_frames,
    frame_bytes,
    pong_frame,
)
from sts_actors.client.tap import Tap
from sts_actors.client.transport import WebSocketTransport

CLOSE_S = 2.0
"""For the goodbye: the message being written, ours, and the server's close frame."""
MIN_PATIENCE_S = 1.0
"""Some servers round ping times below a second down to 0."""
STALL_S = 1.0

Dial = Callable[[Address], Awaitable[trio.abc.Stream]]


@attrs.define(eq=False)
class _Parcel:
    """A message on its way to the writer, and whether it got out."""

    frames: Frames
    done: trio.Event = attrs.field(factory=trio.Event)
    sent: bool = False


@attrs.define(eq=False)
class _Pending:
    """A call that waits for its answer."""

    settled: trio.Event = attrs.field(factory=trio.Event)
    args: tuple[Any, ...] | None = None


@attrs.frozen(kw_only=True)
class Target:
    """Whom to talk to, and how to introduce oneself."""

    address: Address
    headers: Headers = attrs.field(default=(), repr=False)
    namespace: str = "/"
    auth: Any = attrs.field(default=None, repr=False)


class Connection:
    """One connection; `run` in a task of its own, everything else from any task.

    Attributes:
        number: which of its client's connections this is, from 1.
        sid: the server's name for this client; empty before it has one.
        connected: the namespace was joined, at some time.
        end: how it ended; None while it has not, or where it was our own doing.
        over: set when it has ended, before the last goodbyes.
    """

    def __init__(
        self,
        target: Target,
        deliver: Callable[[Event], None],
        on_over: Callable[["Connection"], None],
        *,
        max_event_bytes: int,
        number: int,
    ) -> None:
        """Give each event to `deliver`, which may raise `InboxFull`; call `on_over` once, at the end."""
        self.target = target
        self.number = number
        self.sid = ""
        self.connected = False
        self.end: End | None = None
        self.over = trio.Event()
        self._deliver = deliver
        self._on_over = on_over
        self._decoder = Decoder(target.namespace, max_bytes=max_event_bytes, connection=number)
        self._opened: Opened | None = None
        self._listening = trio.CancelScope()
        self._calls: dict[int, _Pending] = {}
        # From 1: some servers lose count when an answer names id 0.
        self._ids = itertools.count(1)
        # Capacity 0: a parcel that nobody has taken goes away with the task that brought it.
        self._parcels, self._outgoing = trio.open_memory_channel[_Parcel](0)
        # One pong answers every ping before it.
        self._pings, self._unanswered = trio.open_memory_channel[str](1)

    async def run(
        self,
        dial: Dial,
        on_connected: Callable[[], None],
        *,
        connect_timeout_s: float,
    ) -> None:
        """Connect, report that, and go on until the connection has ended or `stop` is called.

        Raises:
            ConnectFailed: before it was connected; afterwards nothing is raised.
        """
        patience = trio.CancelScope(deadline=trio.current_time() + connect_timeout_s)

        def lift_deadline() -> None:
            patience.deadline = math.inf
            on_connected()

        try:
            with patience:
                try:
                    await self._live(Tap(await dial(self.target.address)), lift_deadline)
                except Ended as ended:
                    self.end = ended.end
            if patience.cancelled_caught:
                self.end = End(f"no answer within {connect_timeout_s:g} s")
        finally:
            self._shut()
        if not self.connected:
            reason = self.end.reason if self.end else "given up"
            raise ConnectFailed(f"cannot connect to {self.target.address}: {reason}")

    def stop(self) -> None:
        """Begin the goodbye; `run` returns within `CLOSE_S`."""
        self._listening.cancel()

    def abandon(self, reason: str) -> None:
        """Part from a server that stays; `run` returns within `CLOSE_S`. Another connection may follow."""
        if self.end is None and not self.over.is_set():
            self.end = End(reason, orderly=True)
            self._listening.cancel()

    async def emit(self, frames: Frames) -> None:
        """Send a message; returns when the kernel has all of it.

        Raises:
            ConnectionLost: the connection has ended, or does so with the message half sent.
            MessageTooLarge: the server said that it takes none so large.
        """
        limit = self._opened.max_payload_bytes if self._opened else None
        largest = max(map(frame_bytes, frames))
        if limit is not None and largest > limit:
            raise MessageTooLarge(f"a message of {largest} bytes is too large: the server takes {limit}")
        if not await self._post(frames):
            # The reader knows why; it may have something left to read first.
            await self.over.wait()
            raise self.gone()

    async def call(
        self, name: str, args: tuple[Any, ...], *, timeout_s: float, waited_s: float = 0.0
    ) -> tuple[Any, ...]:
        """Send an event and wait for the server's answer; `waited_s` of the `timeout_s` are gone already.

        Raises:
            ConnectionLost, MessageTooLarge: as `emit`, or no answer can come any more.
            NoAnswer: none came within `timeout_s`.
        """
        ack_id = next(self._ids)
        pending = self._calls[ack_id] = _Pending()
        try:
            with trio.move_on_after(max(timeout_s - waited_s, 0)):
                await self.emit(event_frames(name, args, namespace=self.target.namespace, ack_id=ack_id))
                await pending.settled.wait()
        finally:
            del self._calls[ack_id]
        if pending.args is not None:
            return pending.args
        if self.over.is_set():
            raise self.gone()
        raise NoAnswer(f"the server did not answer {name} within {timeout_s:g} s")

    async def _live(self, tap: Tap, on_connected: Callable[[], None]) -> None:
        transport = WebSocketTransport(tap)
        try:
            async with trio.open_nursery() as nursery:
                try:
                    await nursery.start(transport.run, self.target.address, self.target.headers)
                    nursery.start_soon(self._write, transport)
                    nursery.start_soon(self._answer_pings, transport)
                    with self._listening:
                        opened = await self._open(transport)
                        nursery.start_soon(self._watch, tap, opened)
                        await self._listen(transport, on_connected)
                except Ended as ended:
                    self.end = ended.end
                except ProtocolViolation as violation:
                    self.end = End(str(violation))
                except InboxFull as full:
                    # What waits unread would still wait there for the next connection's events.
                    self.end = End(str(full), final=True)
                await self._leave(transport)
                nursery.cancel_scope.cancel()
        finally:
            await trio.aclose_forcefully(tap)

    async def _open(self, transport: WebSocketTransport) -> Opened:
        """Engine.IO's first packet, and the request to join that follows it."""
        opened = self._decoder.feed(await transport.receive())
        if not isinstance(opened, Opened):
            raise ProtocolViolation("what answers there does not speak Engine.IO 4")
        self._opened = opened
        # The reader may wait here alone: the server owes nothing else before this has reached it.
        for frame in connect_frames(self.target.namespace, self.target.auth):
            await transport.send(frame)
        return opened

    async def _listen(self, transport: WebSocketTransport, on_connected: Callable[[], None]) -> None:
        """Take in whatever comes, until an exception or `stop` ends it."""
        while True:
            arrived = self._decoder.feed(await transport.receive())
            if isinstance(arrived, Connected):
                if not self.connected:
                    self.sid = arrived.sid
                    self.connected = True
                    on_connected()
            elif arrived is not None:
                self._take(arrived)

    def _take(self, arrived: Incoming) -> None:
        match arrived:
            case Event():
                self._deliver(arrived)
            case Ping(data=data):
                with suppress(trio.WouldBlock):  # then a pong is on its way already
                    self._pings.send_nowait(data)
            case Answer(ack_id=ack_id, args=args):
                pending = self._calls.get(ack_id)
                if pending is not None:  # else the caller has given up
                    pending.args = args
                    pending.settled.set()
            case Refused(message=message):
                raise Ended(f"the server refused: {message}", final=True)
            case Left(dismissed=dismissed):
                raise Ended("the server closed the connection", orderly=True, final=dismissed)
            case _:
                raise ProtocolViolation("the server opened the connection twice")

    async def _post(self, frames: Frames) -> bool:
        """Pass a message to the writer; whether all of it got out."""
        parcel = _Parcel(frames)
        try:
            await self._parcels.send(parcel)
        except trio.BrokenResourceError:
            return False
        await parcel.done.wait()
        return parcel.sent

    async def _write(self, transport: WebSocketTransport) -> None:
        # Closed when the writer leaves, or by `_shut`: both turn away whoever still waits.
        with self._outgoing, suppress(trio.ClosedResourceError):
            async for parcel in self._outgoing:
                try:
                    for frame in parcel.frames:
                        await transport.send(frame)
                    parcel.sent = True
                except Ended:
                    return  # the reader meets the same end, and knows the reason
                finally:
                    parcel.done.set()

    async def _answer_pings(self, transport: WebSocketTransport) -> None:
        # Apart from the writer: a pong goes between the frames of a long message, not behind them all.
        async for data in self._unanswered:
            try:
                await transport.send(pong_frame(data))
            except Ended:
                return

    async def _watch(self, tap: Tap, opened: Opened) -> None:
        """End the connection when the server has been silent for a ping interval and its timeout.

        Any byte counts: a ping may be stuck behind a large message.
        """
        patience_s = max(opened.ping_interval_s + opened.ping_timeout_s, MIN_PATIENCE_S)
        while tap.last_heard + patience_s > trio.current_time():
            due = tap.last_heard + patience_s
            await trio.sleep_until(due)
            if trio.current_time() - due > STALL_S:
                # This loop stood still: what the server sent meanwhile may not be read yet.
                await trio.sleep(max(opened.ping_timeout_s, STALL_S))
        self.end = End(f"the server has been silent for {patience_s:g} s")
        self._listening.cancel()

    async def _leave(self, transport: WebSocketTransport) -> None:
        """Say goodbye where there is somebody to say it to."""
        if self.end is not None:
            self._shut()
        if not self.connected or (self.end is not None and not self.end.orderly):
            return
        with trio.move_on_after(CLOSE_S):
            if self.end is not None or await self._post(disconnect_frames(self.target.namespace)):
                await transport.aclose()

    def _shut(self) -> None:
        """Wake everybody who waits for this connection; idempotent."""
        if self.over.is_set():
            return
        self._outgoing.close()
        self.over.set()
        self._on_over(self)
        for pending in self._calls.values():
            pending.settled.set()

    def gone(self) -> ConnectionLost:
        """What to tell who would still use it."""
        if self.end is None:
            return ConnectionLost(f"the connection to {self.target.address} is closed")
        if self.end.orderly:
            return ConnectionLost(f"no connection to {self.target.address}: {self.end.reason}")
        return ConnectionLost(f"connection to {self.target.address} lost: {self.end.reason}")


def dialler(tls: ssl.SSLContext | None) -> Dial:
    """A `Dial` over TCP that trusts what `tls` trusts."""

    async def over_tcp(address: Address) -> trio.abc.Stream:
        return await dial(address, tls)

    return over_tcp
