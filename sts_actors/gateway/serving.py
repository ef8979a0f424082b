"""Serving: listeners, connections and sessions, taken down in that order."""

from typing import Protocol

import trio

from sts_actors.gateway.engine.server import EngineServer
from sts_actors.gateway.wire.listener import ConnectionHouse


class Served(Protocol):
    """A server that can be served: `Server` or `EngineServer`."""

    @property
    def engine(self) -> EngineServer:
        """What answers its requests."""


class House:
    """A server that is open: it takes streams until it is told to stop."""

    def __init__(self, engine: EngineServer) -> None:
        self.connections = ConnectionHouse(engine.endpoint, engine.limits)
        self.stopping = trio.Event()

    def stop(self) -> None:
        """Ask for the end: sessions are closed, then connections, each within its time."""
        self.stopping.set()


async def keep_open(server: Served, *, task_status: trio.TaskStatus[tuple[House, trio.Nursery]]) -> None:
    """Keep a server open until it is told to stop; reports its house, and the nursery for its connections.

    Once it is open, cancelling this does nothing: the way out is orderly, and bounded by
    `Limits.shutdown_timeout`.
    """
    engine = server.engine
    house = House(engine)
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as connections:
            async with trio.open_nursery() as sessions:
                await sessions.start(engine.run, house.stopping)
                task_status.started((house, connections))
                # Who was cancelled while waiting for the start has no house that could be stopped.
                await trio.lowlevel.checkpoint_if_cancelled()
                scope.shield = True
                await house.stopping.wait()
                scope.deadline = trio.current_time() + engine.limits.shutdown_timeout
            # Whoever carried a session is saying goodbye, and requests are answered; for a moment.
            house.connections.finish()
            connections.cancel_scope.deadline = trio.current_time() + 2 * engine.limits.close_timeout


async def serve(
    server: Served,
    host: str | None,
    port: int,
    *,
    task_status: trio.TaskStatus[list[tuple[str, int]]] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until cancelled, then close every session and connection in order, within a bounded time.

    `host` None is every address; `port` 0 is any free port. `task_status` gets the bound (host, port) pairs.

    Raises:
        OSError: an address cannot be bound.
        RuntimeError: the server is being served already.
    """
    if server.engine.served:
        raise RuntimeError("the server is being served already")
    listeners = await trio.open_tcp_listeners(port, host=host)
    try:
        async with trio.open_nursery() as nursery:
            house, connections = await nursery.start(keep_open, server)
            try:
                # Bound and listening since: whoever connects from now on is taken.
                task_status.started([listener.socket.getsockname()[:2] for listener in listeners])
                await trio.serve_listeners(house.connections.serve, listeners, handler_nursery=connections)
            finally:
                house.stop()
    finally:
        # Cancelled before they were served, they are still open.
        for listener in listeners:
            listener.socket.close()
