"""python-socketio's own AsyncServer on aiohttp, in a thread: the reference that the client is tested against.

Run as a script it serves alone and prints its port, to be killed by a test.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Self

import socketio
import trio
from aiohttp import web


class Upstream:
    """A server in a thread of its own; `sio` may be used from `run` only."""

    def __init__(
        self, equip: Callable[[socketio.AsyncServer], None], *, port: int = 0, **options: Any
    ) -> None:
        self._equip = equip
        self._options = {"max_http_buffer_size": 20_000_000, **options}
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve_in_thread, daemon=True)
        self.port = port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        assert not self._thread.is_alive()

    async def run(self, job: Callable[[socketio.AsyncServer], Coroutine[Any, Any, Any]]) -> Any:
        """Await `job(sio)` in the server's loop, from Trio."""
        return await trio.to_thread.run_sync(
            lambda: asyncio.run_coroutine_threadsafe(job(self.sio), self._loop).result(10)
        )

    def _serve_in_thread(self) -> None:
        asyncio.run(self.serve(self._ready.set))

    async def serve(self, on_ready: Callable[[], Awaitable[None] | None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self.sio = socketio.AsyncServer(async_mode="aiohttp", **self._options)
        self._equip(self.sio)
        app = web.Application()
        self.sio.attach(app)
        runner = web.AppRunner(app, shutdown_timeout=0.2)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", self.port)
        await site.start()
        self.port = runner.addresses[0][1]
        on_ready()
        await self._stop.wait()
        await self.sio.shutdown()
        await runner.cleanup()


def equip(sio: socketio.AsyncServer) -> None:  # noqa: C901 - a list of handlers, not a branch
    """The handlers that the tests talk to."""
    sio.heard = []  # (event, what) in order

    @sio.event
    def connect(sid, environ, auth):
        if auth is not None and auth.get("token") == "wrong":
            raise socketio.exceptions.ConnectionRefusedError("the token is not valid")
        sio.heard.append(("connect", {"auth": auth, "worker": environ.get("HTTP_X_WORKER_ID")}))

    @sio.event
    def disconnect(sid, reason):
        sio.heard.append(("disconnect", {"sid": sid, "reason": reason}))

    @sio.event
    def echo(sid, *args):
        return args

    @sio.event
    async def bounce(sid, *args):
        await sio.emit("bounced", args, to=sid)

    @sio.event
    def note(sid, *args):
        sio.heard.append(("note", args))

    @sio.event
    def heard_so_far(sid):
        return [args[0] for name, args in sio.heard if name == "note"]

    @sio.event
    async def ask_me(sid, question):
        return await sio.call("question", question, to=sid, timeout=5)

    @sio.event
    async def never(sid):
        await asyncio.sleep(3600)

    @sio.event
    async def leave(sid):
        await sio.emit("last words", "goodbye", to=sid)
        await sio.disconnect(sid)

    @sio.on("connect", namespace="/side")
    def connect_side(sid, environ, auth):
        pass

    @sio.on("echo", namespace="/side")
    def echo_side(sid, *args):
        return ("side", *args)


if __name__ == "__main__":
    alone = Upstream(equip)
    asyncio.run(alone.serve(lambda: print(alone.port, flush=True)))  # noqa: T201 - the port is its output
