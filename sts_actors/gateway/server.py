"""The Socket.IO server: python-socketio's, with our concurrency and without its trust."""

import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, NoReturn

import socketio
import trio
from socketio import exceptions

from sts_actors.gateway import packet
from sts_actors.gateway.connection import Call, Client, Connection, forget_callback
from sts_actors.gateway.engine.handlers import called, fitting, logged
from sts_actors.gateway.engine.origins import AllowedOrigins
from sts_actors.gateway.engine.server import EngineServer, library_log
from sts_actors.gateway.errors import DisconnectedError, ProtocolViolation
from sts_actors.gateway.limits import MIB, Limits
from sts_actors.gateway.manager import Manager
from sts_actors.gateway.membership import Memberships
from sts_actors.gateway.packet import Incoming, Packet
from sts_actors.gateway.wire.budget import ReceiveBudget
from sts_actors.gateway.wire.messages import Handler


class Server(socketio.AsyncServer):
    """Socket.IO v5 on Trio; see the package's documentation for an example.

    Handlers, decorators, rooms, namespaces and `call` are python-socketio's. What differs: handlers are tasks
    in their connection's nursery and are cancelled with it; `disconnect` asks for the end and returns, the
    disconnect handler runs once the connection's tasks have ended; `call` raises `DisconnectedError` as soon
    as the client leaves; an event emitted to a client whose connect handler still runs is sent after its
    admission, or never.

    Args:
        namespaces: names that clients may join although they have no handlers; "*" for any.
        always_connect: tell the client that it is connected before its connect handler runs.
        client_manager: where rooms are kept.
        limits, ping_interval, ping_timeout, max_http_buffer_size, cors_allowed_origins, cors_credentials,
            transports, allow_upgrades, path, async_handlers: see `EngineServer`.
    """

    eio: EngineServer
    manager: Manager

    def __init__(
        self,
        *,
        limits: Limits | None = None,
        ping_interval: float = 25.0,
        ping_timeout: float = 10.0,
        max_http_buffer_size: int = 16 * MIB,
        cors_allowed_origins: AllowedOrigins = None,
        cors_credentials: bool = False,
        transports: list[str] | str | None = None,
        allow_upgrades: bool = True,
        path: str = "/socket.io/",
        namespaces: list[str] | str | None = None,
        always_connect: bool = False,
        async_handlers: bool = True,
        client_manager: Manager | None = None,
        logger: logging.Logger = library_log,
    ) -> None:
        super().__init__(
            client_manager=client_manager or Manager(),
            logger=logger,
            engineio_logger=logger,
            serializer=Packet,
            namespaces=namespaces,
            always_connect=always_connect,
            async_handlers=async_handlers,
            limits=limits,
            ping_interval=ping_interval,
            ping_timeout=ping_timeout,
            max_http_buffer_size=max_http_buffer_size,
            cors_allowed_origins=cors_allowed_origins,
            cors_credentials=cors_credentials,
            transports=transports,
            allow_upgrades=allow_upgrades,
            path=path,
        )
        self._attached = ReceiveBudget(self.eio.limits.receiving)
        self._memberships = Memberships(self, self.eio.limits, self._trigger_event)
        self._connections = self._memberships.connections
        self._clients: dict[str, Client] = {}

    @property
    def engine(self) -> EngineServer:
        """The Engine.IO server below."""
        return self.eio

    def _engineio_server_class(self) -> type[EngineServer]:
        return EngineServer

    # -- the face -------------------------------------------------------------------------------------------

    def route(self, method: str, path: str, handler: Handler) -> None:
        """Serve another HTTP path; see `EngineServer.route`."""
        self.eio.route(method, path, handler)

    def start_soon(self, sid: str, async_fn: Callable[..., Awaitable[object]], *args: Any) -> None:
        """Run a task in the connection's own nursery: it is cancelled with it, its error logged.

        Raises:
            DisconnectedError: `sid` is not connected, or is leaving.
        """
        self._present(sid).nursery.start_soon(logged, async_fn, *args)

    def connection(self, sid: str) -> Connection | None:
        """The connection of `sid`, or None when it has left."""
        return self._connections.get(sid)

    async def call(
        self,
        event: str,
        data: Any = None,
        to: str | None = None,
        sid: str | None = None,
        namespace: str | None = None,
        timeout: float | None = 60,  # noqa: ASYNC109 - python-socketio's signature
        ignore_queue: bool = False,  # noqa: ARG002, FBT001, FBT002 - python-socketio's signature
    ) -> Any:
        """Emit an event to one client and wait for its acknowledgement: None, its argument, or a tuple.

        Raises:
            DisconnectedError: the client is not there, or leaves meanwhile.
            TimeoutError: python-socketio's, after `timeout` seconds.
            ValueError: there is neither `to` nor `sid`.
        """
        recipient = to or sid
        if recipient is None:
            raise ValueError("call() is for one client: give its sid")
        connection = self._present(recipient)
        namespace = namespace or connection.namespace
        pending = Call()
        number = self.manager._generate_ack_id(recipient, pending)  # noqa: SLF001 - the seam: upstream's bookkeeping is used as it is
        connection.calls.add(pending)
        try:
            with trio.move_on_after(float("inf") if timeout is None else timeout) as scope:
                arguments = list(data) if isinstance(data, tuple) else [] if data is None else [data]
                outgoing = Packet(packet.EVENT, namespace=namespace, data=[event, *arguments], id=number)
                await connection.send(outgoing.group())
                answer = await pending.wait()
        finally:
            connection.calls.discard(pending)
            forget_callback(self.manager.callbacks, recipient, number)
        if scope.cancelled_caught:
            raise exceptions.TimeoutError
        if answer is None:
            raise DisconnectedError(f"{recipient} left")
        return answer if len(answer) > 1 else answer[0] if answer else None

    async def disconnect(
        self,
        sid: str,
        namespace: str | None = None,
        ignore_queue: bool = False,  # noqa: ARG002, FBT001, FBT002 - python-socketio's signature
    ) -> None:
        """Tell a client that it is disconnected, and ask for the end of its tasks, the caller included."""
        await trio.lowlevel.checkpoint()
        connection = self._connections.get(sid)
        if connection is None or connection.leaving or namespace not in {None, connection.namespace}:
            return
        if connection.joined:
            await connection.flush()
            await connection.send(Packet(packet.DISCONNECT, namespace=connection.namespace).group())
        connection.request_end(self.reason.SERVER_DISCONNECT)

    async def wait_sent(self, sid: str) -> None:
        """Wait until all that was emitted to a client is on its way, or the client has left."""
        connection = self._connections.get(sid)
        if connection is not None:
            await connection.session.queue.wait_flushed()

    async def shutdown(self) -> None:
        """Close every session; `serve` does it by itself when it is cancelled."""
        await self.eio.disconnect()

    def attach(self, app: object, socketio_path: str = "socket.io") -> NoReturn:
        """Not here: this server is served by `serve`."""
        raise RuntimeError(f"{app!r} cannot carry this server at {socketio_path}: use serve()")

    async def handle_request(self, *_args: object, **_kwargs: object) -> NoReturn:
        """Not here: this server is served by `serve`."""
        raise RuntimeError("use serve()")

    # -- from Engine.IO -------------------------------------------------------------------------------------

    async def _handle_eio_connect(self, eio_sid: str, environ: dict[str, Any]) -> None:
        await super()._handle_eio_connect(eio_sid, environ)
        client = self._clients[eio_sid] = Client(self.eio.sockets[eio_sid])
        self._memberships.expect_connect(client)

    async def _handle_eio_disconnect(self, eio_sid: str, _reason: str) -> None:
        # The client's connections lived in its session's nursery: they have left before.
        self.environ.pop(eio_sid, None)
        client = self._clients.pop(eio_sid, None)
        if client is not None:
            self._forget_assembling(client)

    async def _handle_eio_message(self, eio_sid: str, data: str | bytes) -> None:
        client = self._clients[eio_sid]
        if client.settling is not None:
            # Its connect handler still runs; what comes after it may depend on how that ends.
            await client.settling.wait()
        incoming = client.assembling
        if incoming is None:
            if isinstance(data, bytes):
                raise ProtocolViolation("bytes that belong to no packet")
            incoming = packet.decode(data, self.eio.limits)
            if incoming.attachments_left:
                client.assembling = incoming
                client.session.expect_by(trio.current_time() + self.eio.limits.attachment_timeout)
        elif isinstance(data, str):
            raise ProtocolViolation("text where an attachment was due")
        else:
            self._attach(incoming, data)
        if not incoming.attachments_left:
            if client.assembling is not None:
                self._forget_assembling(client)
                client.session.expect_by(float("inf"))
            await self._handle_packet(client, incoming)

    def _attach(self, incoming: Incoming, data: bytes) -> None:
        if not self._attached.take(len(data)):
            raise ProtocolViolation("all clients together have attached too much")
        incoming.attach(data, self.eio.limits)

    def _forget_assembling(self, client: Client) -> None:
        if client.assembling is not None:
            self._attached.give_back(client.assembling.size)
            client.assembling = None

    async def _handle_packet(self, client: Client, incoming: Incoming) -> None:
        connection = client.connections.get(incoming.namespace)
        if incoming.kind == packet.CONNECT:
            if connection is not None and not connection.leaving:
                raise ProtocolViolation("connected to this namespace already")
            if connection is not None:
                await connection.left.wait()
            await self._handle_connect(client.session.sid, incoming.namespace, incoming.data)
        elif connection is None:
            # What was on its way when the server disconnected it is no offence.
            if not client.has_left:
                raise ProtocolViolation("not connected to this namespace")
        elif connection.leaving:
            return
        elif incoming.kind == packet.EVENT:
            await self._start_event(connection, incoming)
        elif incoming.kind == packet.ACK:
            await self.manager.trigger_callback(connection.sid, incoming.number, incoming.data)
        else:
            connection.request_end(self.reason.CLIENT_DISCONNECT)

    async def _handle_connect(self, eio_sid: str, namespace: str, data: Any) -> None:
        client = self._clients[eio_sid]
        if not self._knows(namespace):
            refusal = Packet(packet.CONNECT_ERROR, data={"message": "Invalid namespace"}, namespace=namespace)
            await client.session.send(refusal.group())
        elif not client.session.closing:
            await self._memberships.begin(client, namespace, data)

    def _knows(self, namespace: str) -> bool:
        return (
            namespace in self.handlers
            or namespace in self.namespace_handlers
            or self.namespaces == "*"
            or namespace in self.namespaces
        )

    async def _start_event(self, connection: Connection, incoming: Incoming) -> None:
        handle = partial(
            self._handle_event_internal,
            self,
            connection.sid,
            connection.session.sid,
            incoming.data,
            incoming.namespace,
            incoming.number,
        )
        if self.async_handlers:
            await self.eio.start_handler(connection.session, connection.nursery, handle)
        else:
            await logged(handle)

    async def _send_packet(self, eio_sid: str, pkt: Packet) -> None:
        session = self.eio.sockets.get(eio_sid)
        if session is not None:
            await session.send(pkt.group())

    async def _trigger_event(self, event: str, namespace: str, *args: Any) -> Any:
        handler, args = self._get_event_handler(event, namespace, args)
        if handler is None:
            namespaced, args = self._get_namespace_handler(namespace, args)
            if namespaced is None:
                return self.not_handled
            if type(namespaced).trigger_event is not socketio.AsyncNamespace.trigger_event:
                return await namespaced.trigger_event(event, *args)
            handler = getattr(namespaced, f"on_{event}", None)
            if handler is None:
                return self.not_handled
        if event in self.reserved_events:
            # Found out beforehand: to try, and to try again after a TypeError, runs a faulty handler twice.
            args = fitting(handler, *args)
        return await called(handler, *args)

    def _present(self, sid: str) -> Connection:
        connection = self._connections.get(sid)
        if connection is None or connection.leaving:
            raise DisconnectedError(f"{sid} is not connected")
        return connection
