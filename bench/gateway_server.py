"""A Socket.IO server to be measured: ours, or python-socketio's on one of uvicorn's WebSockets."""

import sys
import time
import warnings

import socketio
import trio
import uvicorn

from sts_actors.gateway import Limits, Server, serve

OURS = "sts_actors"
MAX_MESSAGE = 16 * 1024 * 1024
PEERS = 4000
DOWN = {"audio": "A" * 342_000, "n": 1}


def equip(server):
    """The handlers that the benchmarks talk to."""

    @server.on("processor_s")
    async def processor_s(_sid):
        return time.process_time()

    @server.on("fragment")
    async def fragment(_sid, data):
        return len(data["audio"])

    @server.on("small")
    async def small(_sid, text):
        return text

    @server.on("down")
    async def down(sid, count):
        for _ in range(count):
            await server.emit("fragment", DOWN, to=sid)


def main(kind, port):
    if kind == OURS:
        ours = Server(
            max_http_buffer_size=MAX_MESSAGE,
            limits=Limits(connections=PEERS, sessions=PEERS, handshakes=PEERS),
        )
        equip(ours)
        trio.run(serve, ours, "127.0.0.1", port)
    else:
        theirs = socketio.AsyncServer(async_mode="asgi", max_http_buffer_size=MAX_MESSAGE, logger=False)
        equip(theirs)
        # The oldest of uvicorn's implementations is deprecated there, and still the default.
        warnings.filterwarnings("ignore", message="The `websockets` implementation")
        uvicorn.run(
            socketio.ASGIApp(theirs),
            host="127.0.0.1",
            port=port,
            ws=kind,
            ws_max_size=MAX_MESSAGE,
            ws_per_message_deflate=False,
            log_level="warning",
        )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
