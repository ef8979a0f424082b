"""A server made by hand, byte by byte: it can be as hostile as a test wants it."""

import base64
import hashlib
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

import attrs
import orjson
import trio
from trio.testing import memory_stream_pair

from sts_actors.client.errors import Ended

OPEN = {
    "sid": "peer",
    "upgrades": [],
    "pingInterval": 25_000,
    "pingTimeout": 10_000,
    "maxPayload": 20_000_000,
}
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CLOSE = 8


class Peer:
    """The server's end of one connection."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self._buffer = bytearray()
        self.request = b""

    async def read(self, count: int) -> bytes:
        while len(self._buffer) < count:
            data = await self.stream.receive_some(65536)
            if not data:
                raise EOFError
            self._buffer += data
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken

    async def read_request(self) -> bytes:
        while not self.request.endswith(b"\r\n\r\n"):
            self.request += await self.read(1)
        return self.request

    async def accept(self) -> None:
        """The WebSocket handshake."""
        head = (await self.read_request()).lower()
        line = next(line for line in head.split(b"\r\n") if line.startswith(b"sec-websocket-key:"))
        start = self.request.lower().index(line) + len(b"sec-websocket-key:")
        key = self.request[start : start + len(line) - len(b"sec-websocket-key:")].strip()
        token = base64.b64encode(hashlib.sha1(key + GUID, usedforsecurity=False).digest())
        await self.stream.send_all(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + token + b"\r\n\r\n"
        )

    async def welcome(self, joined: str = "joined", **changes: Any) -> None:
        """All handshakes, up to the joined namespace."""
        await self.accept()
        await self.text("0" + orjson.dumps({**OPEN, **changes}).decode())
        assert (await self.frame()).startswith("40")
        await self.text(f'40{{"sid":"{joined}"}}')

    async def text(self, text: str) -> None:
        await self.stream.send_all(encode(1, text.encode()))

    async def binary(self, data: bytes) -> None:
        await self.stream.send_all(encode(2, data))

    async def event(self, *event: Any) -> None:
        await self.text("42" + orjson.dumps(event).decode())

    async def close(self, code: int = 1000) -> None:
        await self.stream.send_all(encode(CLOSE, struct.pack("!H", code)))

    async def frame(self) -> Any:
        """The client's next frame: text, bytes, or `(close code,)`."""
        first, second = await self.read(2)
        length = second & 0x7F
        if length == 126:
            (length,) = struct.unpack("!H", await self.read(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", await self.read(8))
        assert second & 0x80, "a client's frames are masked"
        mask = await self.read(4)
        data = await self.read(length)
        key = int.from_bytes((mask * (length // 4 + 1))[:length], "big")
        plain = (int.from_bytes(data, "big") ^ key).to_bytes(length, "big")
        if first & 0x0F == CLOSE:
            return struct.unpack("!H", plain[:2])
        return plain.decode() if first & 0x0F == 1 else plain

    async def part(self) -> None:
        """Read whatever comes until the client says goodbye, and answer that."""
        while not isinstance(await self.frame(), tuple):
            pass
        await self.close()
        await self.drain()

    async def drain(self) -> None:
        """Read whatever comes until the client is gone."""
        with suppress(trio.BrokenResourceError):
            while await self.stream.receive_some(65536):
                pass


def encode(opcode: int, data: bytes, *, length: int | None = None) -> bytes:
    """A server's WebSocket frame; `length` lies about how much follows."""
    size = len(data) if length is None else length
    if size < 126:
        head = struct.pack("!BB", 0x80 | opcode, size)
    elif size < 65536:
        head = struct.pack("!BBH", 0x80 | opcode, 126, size)
    else:
        head = struct.pack("!BBQ", 0x80 | opcode, 127, size)
    return head + data


Script = Callable[[Peer], Awaitable[None]]


@asynccontextmanager
async def serve_script(script: Script) -> AsyncIterator[str]:
    """Serve each connection with `script` on a loopback port, hanging up when it returns; yields the URL."""

    async def handle(stream: trio.SocketStream) -> None:
        async with stream:
            with suppress(EOFError, trio.BrokenResourceError):
                await script(Peer(stream))

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, handle, 0, host="127.0.0.1"))
        yield f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def script_in_memory(script: Script, monkeypatch, pair=memory_stream_pair) -> AsyncIterator[str]:
    """As `serve_script`, for one connection without a socket, so that a mock clock may drive it."""
    ours, theirs = pair()

    async def dial(_: Any) -> trio.abc.Stream:
        await trio.lowlevel.checkpoint()
        return ours

    async def handle() -> None:
        async with theirs:
            with suppress(EOFError, trio.BrokenResourceError):
                await script(Peer(theirs))

    monkeypatch.setattr("sts_actors.client.client.dialler", lambda _: dial)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(handle)
        yield "http://peer.example"
        nursery.cancel_scope.cancel()


@attrs.define
class Dials:
    """What the clients of `dials_in_memory` did.

    Attributes:
        times: when they dialled, refused ones included.
        standing: how many connections have an end that is not closed.
    """

    url: str = "http://peer.example"
    times: list[float] = attrs.field(factory=list)
    standing: int = 0


@asynccontextmanager
async def dials_in_memory(
    answer: Callable[[int], Script | None], monkeypatch, pair=memory_stream_pair
) -> AsyncIterator[Dials]:
    """As `script_in_memory`, for many connections; `answer` says who answers dial 0, 1, …: None refuses."""
    dials = Dials()

    async def dial(_: Any) -> trio.abc.Stream:
        await trio.lowlevel.checkpoint()
        dials.times.append(trio.current_time())
        script = answer(len(dials.times) - 1)
        if script is None:
            raise Ended("connection refused; is the server running there?")
        ours, theirs = pair()
        dials.standing += 1
        nursery.start_soon(handle, script, theirs)
        return ours

    async def handle(script: Script, stream: trio.abc.Stream) -> None:
        async with stream:
            with suppress(EOFError, trio.BrokenResourceError):
                await script(Peer(stream))
        dials.standing -= 1

    monkeypatch.setattr("sts_actors.client.client.dialler", lambda _: dial)
    async with trio.open_nursery() as nursery:
        yield dials
        nursery.cancel_scope.cancel()
