"""One Engine.IO session: whoever carries it, one task owns it."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

import trio
from engineio.base_socket import BaseSocket

from sts_actors.gateway.engine import packets
from sts_actors.gateway.engine.heartbeat import heartbeat
from sts_actors.gateway.engine.outbox import Outbox
from sts_actors.gateway.engine.packets import Encoded
from sts_actors.gateway.errors import PeerTooSlow, ProtocolViolation, WebSocketClosed
from sts_actors.gateway.limits import Limits
from sts_actors.gateway.wire.websocket import WebSocket

log = logging.getLogger(__name__)

_UPGRADING_POLL_S: Final = 0.1
"""While a WebSocket probes, polls are answered after this, so that the client can pause polling."""

_GOING_AWAY: Final = 1001
_PROTOCOL_ERROR: Final = 1002


class SessionServer(Protocol):
    """The server, as far as its sessions need it."""

    limits: Limits
    ping_interval: float
    ping_timeout: float
    reason: Any
    stopping: bool

    async def deliver(self, session: "Session", data: str | bytes) -> None:
        """See `EngineServer.deliver`."""


class Session(BaseSocket):
    """A client's session, from its handshake to its end: over polling, a WebSocket, or one after the other.

    `run` is the owner: it beats the heart, holds the nursery in which the session's handlers run, and tears
    down. Everybody else may only ask for the end, with `request_close`, which never waits.

    Attributes:
        nursery: handlers and tasks of this session; cancelled with it.
        connected: the application has admitted it.
        upgraded: it goes over a WebSocket, from the start or since the upgrade.
        ended: set when nothing of it is left.
        close_reason: one of `BaseServer.reason`, once the end has been asked for.
    """

    nursery: trio.Nursery

    def __init__(self, server: SessionServer, sid: str) -> None:
        super().__init__(server, sid)
        limits = server.limits
        self.queue: Outbox
        self.queue.progress_at = self._progress_at
        self.closing: bool
        self.close_reason: str | None = None
        self.ended = trio.Event()
        self.handler_slots = trio.Semaphore(limits.handlers)
        self._limits = limits
        self._life = trio.CancelScope()
        self._reading = trio.CancelScope()
        self._probing = trio.CancelScope()
        self._heard_at = self._polled_at = trio.current_time()
        self._websocket: WebSocket | None = None
        self._poll: trio.CancelScope | None = None
        self._posting = False
        self._receiving = 0
        self._farewell = packets.NOOP

    # -- the owner ------------------------------------------------------------------------------------------

    async def run(
        self,
        teardown: Callable[["Session"], Awaitable[None]],
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Own the session until its end has been asked for, then cancel its tasks and run `teardown`."""
        try:
            async with trio.open_nursery() as self.nursery:
                task_status.started()
                with self._life:
                    await heartbeat(
                        interval=self.server.ping_interval,
                        patience=self.server.ping_timeout,
                        ping=lambda: self.queue.put_control(packets.PING),
                        alive_since=self._alive_since,
                    )
                    self.request_close(self.server.reason.PING_TIMEOUT)
                if not self.closing:
                    log.info("session %s did not send the rest in time", self.sid)
                    self.request_close(self.server.reason.TRANSPORT_ERROR)
                self.nursery.cancel_scope.cancel()
        except* Exception:
            log.exception("session %s failed", self.sid)
        finally:
            self.request_close(self.server.reason.SERVER_DISCONNECT)
            with trio.move_on_after(self._limits.teardown_timeout, shield=True) as scope:
                await teardown(self)
            if scope.cancelled_caught:
                log.error("the disconnect handler of session %s was cut", self.sid)
            self.closed = True

    def request_close(self, reason: str, *, farewell: str = packets.CLOSE) -> None:
        """Ask for the session's end; only the first reason counts. `farewell` answers a waiting poll."""
        if self.closing:
            return
        self.closing = True
        self.close_reason = reason
        self._farewell = farewell
        self.queue.close(discard=reason != self.server.reason.SERVER_DISCONNECT)
        self._life.cancel()
        self._reading.cancel()
        self._probing.cancel()

    def _progress_at(self) -> float:
        return self._polled_at if self._websocket is None else self._websocket.progress_at

    def _alive_since(self, moment: float) -> bool:
        if self._receiving:
            # We ourselves are not reading: its answer may wait behind what we have not taken.
            return True
        heard_at = (
            self._websocket.heard_at if self._websocket is not None and self.upgraded else self._heard_at
        )
        return heard_at >= moment

    # -- sending --------------------------------------------------------------------------------------------

    async def send(self, group: list[Encoded]) -> None:
        """Queue packets that belong together; a peer that does not take them for too long is cut."""
        try:
            await self.queue.put(group)
        except PeerTooSlow as slow:
            log.info("session %s is cut: %s", self.sid, slow)
            self.request_close(self.server.reason.TRANSPORT_ERROR)

    # -- receiving ------------------------------------------------------------------------------------------

    def heard(self) -> None:
        """Note that the client sent something."""
        self._heard_at = trio.current_time()

    def expect_by(self, deadline: float) -> None:
        """Close the session at `deadline`, on Trio's clock, unless this is called again; inf is never.

        For a layer above that waits for the rest of something.
        """
        self._life.deadline = deadline

    async def receive(self, kind: str, data: str | bytes) -> None:
        """Take one packet.

        Raises:
            ProtocolViolation: a client may not send it.
        """
        if kind == packets.MESSAGE:
            self._receiving += 1
            try:
                await self.server.deliver(self, data)
            finally:
                self._receiving -= 1
        elif kind == packets.PONG:
            self.heard()
        elif kind == packets.CLOSE:
            self.request_close(self.server.reason.CLIENT_DISCONNECT, farewell=packets.NOOP)
        elif kind != packets.NOOP:
            raise ProtocolViolation(f"a client may not send packets of type {kind} now")

    # -- polling --------------------------------------------------------------------------------------------

    async def poll(self) -> list[Encoded] | None:
        """What a poll is answered with; waits for it.

        None when it must not be: another poll waits, and the session closes; or a WebSocket that was probing
        when the poll came has taken over.
        """
        if self._poll is not None:
            self.request_close(self.server.reason.TRANSPORT_ERROR)
            return None
        self._polled_at = trio.current_time()
        probing = self.upgrading
        deadline = self._polled_at + _UPGRADING_POLL_S if probing else float("inf")
        taken: list[Encoded] = []
        self._poll = trio.CancelScope(deadline=deadline)
        with self._poll:
            try:
                taken = await self.queue.take(self._limits.packets_per_payload)
            finally:
                self._poll = None
        if not taken and probing and self.upgraded:
            return None
        if not taken or (self.closing and len(taken) < self._limits.packets_per_payload):
            taken.append(self._farewell)
        return taken

    @property
    def polling_idle(self) -> bool:
        """Whether a poll would have to wait."""
        return not len(self.queue) and not self.closing

    async def post(self, body: Callable[[], Awaitable[bytes]]) -> None:
        """Take the packets of one polling request.

        Raises:
            ProtocolViolation: the payload or one of its packets is invalid, or two requests overlap.
        """
        if self._posting:
            raise ProtocolViolation("two requests at once")
        self._posting = True
        try:
            payload = packets.decode_payload(await body(), max_packets=self._limits.packets_per_request)
            self.heard()
            for kind, data in payload:
                if self.closing:
                    return
                await self.receive(kind, data)
        finally:
            self._posting = False

    # -- WebSocket ------------------------------------------------------------------------------------------

    async def carry(self, websocket: WebSocket) -> None:
        """Carry the session over `websocket` until either ends."""
        self._websocket = websocket
        self.upgraded = True
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._pump, websocket)
                with self._reading:
                    await self._read(websocket)
                # What was queued before the end may still go out, for a moment.
                nursery.cancel_scope.deadline = trio.current_time() + self._limits.close_timeout
        finally:
            self.request_close(self.server.reason.TRANSPORT_CLOSE)
        await websocket.close(*self._close_code())

    async def upgrade(self, accept: Callable[[], Awaitable[WebSocket]]) -> None:
        """Let a WebSocket probe; carry the session over it if the client decides so, else go on polling.

        Raises:
            WebSocketClosed: the client went away before it was accepted.
        """
        # Before the client can know of it: what it does next may be read before this goes on.
        self.upgrading = True
        decided = False
        try:
            websocket = await accept()
            with trio.move_on_after(self._limits.upgrade_timeout) as self._probing:
                decided = not self.closing and await self._probe(websocket)
        finally:
            self.upgrading = False
        if not decided or self.closing:
            await websocket.close()
            return
        self.upgraded = True
        if self._poll is not None:
            self._poll.cancel()
        await self.carry(websocket)

    async def _probe(self, websocket: WebSocket) -> bool:
        try:
            if await websocket.receive() != packets.PROBE:
                return False
            await websocket.send(packets.PROBE_ANSWER)
            if self._poll is not None:
                self._poll.deadline = trio.current_time() + _UPGRADING_POLL_S
            return await websocket.receive() == packets.UPGRADE
        except WebSocketClosed:
            return False

    async def _read(self, websocket: WebSocket) -> None:
        try:
            while True:
                kind, data = packets.decode(await websocket.receive())
                await self.receive(kind, data)
        except WebSocketClosed as closed:
            graceful = closed.code in {1000, 1001, 1005}
            reason = self.server.reason
            self.request_close(reason.TRANSPORT_CLOSE if graceful else reason.TRANSPORT_ERROR)
        except ProtocolViolation as violation:
            log.info("session %s broke the protocol: %s", self.sid, violation)
            self.request_close(self.server.reason.TRANSPORT_ERROR)

    async def _pump(self, websocket: WebSocket) -> None:
        try:
            while taken := await self.queue.take(self._limits.packets_per_payload):
                for packet in taken:
                    await websocket.send(packet)
        except WebSocketClosed:
            self.request_close(self.server.reason.TRANSPORT_ERROR)

    def _close_code(self) -> tuple[int, str]:
        reason = self.server.reason
        if self.close_reason == reason.SERVER_DISCONNECT and self.server.stopping:
            return _GOING_AWAY, "the server stops"
        if self.close_reason == reason.TRANSPORT_ERROR:
            return _PROTOCOL_ERROR, ""
        return 1000, ""
