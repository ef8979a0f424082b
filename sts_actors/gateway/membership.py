"""A client's life in a namespace: admitted by a connect handler, said goodbye to by a disconnect handler."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import trio
from socketio import exceptions

from sts_actors.gateway import packet
from sts_actors.gateway.connection import Client, Connection
from sts_actors.gateway.engine.handlers import logged
from sts_actors.gateway.limits import Limits
from sts_actors.gateway.manager import Manager
from sts_actors.gateway.packet import Packet

log = logging.getLogger(__name__)


class MembershipServer(Protocol):
    """The server, as far as memberships need it."""

    manager: Manager
    environ: dict[str, Any]
    always_connect: bool
    reason: Any


class Memberships:
    """Who is in which namespace, each with a task of its own.

    `trigger(event, namespace, *args)` runs the application's handler of an event.

    Attributes:
        connections: by sid, those that are still to be admitted included.
    """

    def __init__(
        self, server: MembershipServer, limits: Limits, trigger: Callable[..., Awaitable[Any]]
    ) -> None:
        self._server = server
        self._limits = limits
        self._trigger = trigger
        self.connections: dict[str, Connection] = {}

    async def begin(self, client: Client, namespace: str, auth: Any) -> None:
        """Let a client into a namespace, if its connect handler will have it; does not wait for it."""
        sid = await self._server.manager.pre_connect(client.session.sid, namespace)
        connection = self.connections[sid] = Connection(client, sid, namespace)
        client.connections[namespace] = connection
        client.patience.cancel()
        client.settling = trio.Event()
        client.session.nursery.start_soon(self._live, connection, auth, client.settling)

    async def _live(self, connection: Connection, auth: Any, settled: trio.Event) -> None:
        """Own a connection: admit it, hold its nursery until its end is asked for, say goodbye."""
        try:
            async with trio.open_nursery() as connection.nursery:
                try:
                    admitted = await self._admit(connection, auth)
                finally:
                    settled.set()
                    connection.client.settling = None
                if admitted:
                    await trio.sleep_forever()
                connection.nursery.cancel_scope.cancel()
        finally:
            with trio.move_on_after(self._limits.teardown_timeout, shield=True) as scope:
                await self._leave(connection)
            if scope.cancelled_caught:
                log.error("the disconnect handler of %s was cut", connection.sid)

    async def _admit(self, connection: Connection, auth: Any) -> bool:
        namespace, sid = connection.namespace, connection.sid
        greeting = Packet(packet.CONNECT, {"sid": sid}, namespace=namespace).group()
        if self._server.always_connect:
            await self._server.manager.connect(sid, namespace)
            await connection.join(greeting, breathe=True)
        refusal = await self._refusal(connection, auth)
        if refusal is None:
            if not self._server.always_connect:
                await self._server.manager.connect(sid, namespace)
                await connection.join(greeting)
            return True
        kind = packet.DISCONNECT if self._server.always_connect else packet.CONNECT_ERROR
        data = None if self._server.always_connect else refusal
        connection.joined = False
        await connection.session.send(Packet(kind, data=data, namespace=namespace).group())
        return False

    async def _refusal(self, connection: Connection, auth: Any) -> dict[str, Any] | None:
        """What the client is told when its connect handler does not admit it."""
        refusal: dict[str, Any] = exceptions.ConnectionRefusedError().error_args
        environ = self._server.environ.get(connection.session.sid, {})
        try:
            verdict = await self._trigger("connect", connection.namespace, connection.sid, environ, auth)
        except exceptions.ConnectionRefusedError as refused:
            refusal = refused.error_args
        except ConnectionRefusedError as refused:
            # Raised by hand it has a message; raised by a socket it has an errno, which is nobody's business.
            told = refused.args[0] if len(refused.args) == 1 else "Connection refused by server"
            refusal = {"message": str(told)}
        except Exception:
            log.exception("the connect handler failed")
        else:
            if verdict is not False:
                return None
        return refusal

    async def _leave(self, connection: Connection) -> None:
        client, sid, namespace = connection.client, connection.sid, connection.namespace
        connection.leaving = True
        del self.connections[sid]
        for pending in connection.calls:
            pending.give_up()
        try:
            if connection.joined:
                client.has_left = True
                self._server.manager.pre_disconnect(sid, namespace)
                reason = (
                    connection.reason or client.session.close_reason or self._server.reason.SERVER_DISCONNECT
                )
                await logged(self._trigger, "disconnect", namespace, sid, reason)
        finally:
            self._server.manager.basic_disconnect(sid, namespace)
            del client.connections[namespace]
            connection.left.set()
            self.expect_connect(client)

    def expect_connect(self, client: Client) -> None:
        """Close a session that belongs to no namespace in time."""

        async def watch(patience: trio.CancelScope) -> None:
            with patience:
                await trio.sleep(self._limits.connect_timeout)
                client.session.request_close(self._server.reason.SERVER_DISCONNECT)

        if not (client.session.closing or client.connections):
            client.patience = trio.CancelScope()
            client.session.nursery.start_soon(watch, client.patience)
