"""Our own server, with the handlers of `client_upstream` that the tests of both servers talk to."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from sts_actors.gateway import ConnectionRefusedError, Server, serve  # noqa: A004 - its name


def equipped() -> Server:
    server = Server(max_http_buffer_size=20_000_000)

    @server.event
    async def connect(sid, environ, auth=None):
        if auth is not None and auth.get("token") == "wrong":
            raise ConnectionRefusedError("the token is not valid")

    @server.event
    async def echo(sid, *args):
        return args

    @server.event
    async def bounce(sid, *args):
        await server.emit("bounced", args, to=sid)

    @server.event
    async def ask_me(sid, question):
        return await server.call("question", question, to=sid, timeout=5)

    @server.event
    async def never(sid):
        await trio.sleep_forever()

    @server.event
    async def leave(sid):
        await server.emit("last words", "goodbye", to=sid)
        await server.disconnect(sid)

    @server.on("connect", namespace="/side")
    async def connect_side(sid, environ, auth=None):
        pass

    @server.on("echo", namespace="/side")
    async def echo_side(sid, *args):
        return ("side", *args)

    return server


@asynccontextmanager
async def serve_gateway(port: int = 0) -> AsyncIterator[str]:
    """Serve on a loopback port; yields the URL, and shuts down in order."""
    async with trio.open_nursery() as nursery:
        [(host, bound)] = await nursery.start(serve, equipped(), "127.0.0.1", port)
        try:
            yield f"http://{host}:{bound}"
        finally:
            nursery.cancel_scope.cancel()
