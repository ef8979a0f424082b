"""Socket.IO and Engine.IO servers on Trio.

    server = Server()

    @server.event
    async def shout(sid, text):
        return text.upper()                              # the client's acknowledgement

    trio.run(serve, server, "127.0.0.1", 8000)

To who knows python-socketio: names, decorators, namespaces, rooms, return values and
`ConnectionRefusedError` are the same, and its own code keeps the books. To who knows Trio: each connection
has a nursery; its handlers run there, `server.start_soon(sid, async_fn, ...)` adds to it, all are cancelled
when the client leaves, and only then the disconnect handler runs. A handler's error is logged once and
closes nothing else. Handlers of a connection start in the order of its events. `emit` waits while the
client's outbox is full: that is the backpressure; a client that takes nothing for ten seconds is cut. Every
size, number and time is bounded by `Limits`. `serve` ends when it is cancelled: it stops listening, closes
the sessions, runs their disconnect handlers, and leaves within `Limits.shutdown_timeout`. Other HTTP routes
are added with `server.route("GET", path, handler)`. `EngineServer` is for who wants the transport alone:
`on("connect" | "message" | "disconnect")` and `send`.

From the bottom: `wire` (TCP, HTTP/1.1, WebSocket), `engine` (sessions, heartbeat, polling, upgrade), then
`packet`, `connection`, `membership`, `manager` and `server` for Socket.IO; `serving` opens and closes the
whole.
"""

from socketio import AsyncNamespace

from sts_actors.gateway.engine.server import EngineServer
from sts_actors.gateway.errors import (
    BadRequest,
    CallTimeoutError,
    ConnectionRefusedError,  # noqa: A004 - python-socketio's name
    DisconnectedError,
    GatewayError,
)
from sts_actors.gateway.limits import Limits
from sts_actors.gateway.server import Server
from sts_actors.gateway.serving import serve
from sts_actors.gateway.wire.messages import HttpRequest, HttpResponse

__all__ = [
    "AsyncNamespace",
    "BadRequest",
    "CallTimeoutError",
    "ConnectionRefusedError",
    "DisconnectedError",
    "EngineServer",
    "GatewayError",
    "HttpRequest",
    "HttpResponse",
    "Limits",
    "Server",
    "serve",
]
