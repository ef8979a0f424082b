"""A server on a real loopback socket, and peers that may send it any bytes."""

import json
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial

import h11
import trio
import trio.testing
from gateway_peers import Reply, handshake

from sts_actors.gateway import EngineServer, Server
from sts_actors.gateway.serving import House, keep_open

TEXT, BINARY, CLOSE = 1, 2, 8
CONTINUATION, PING, PONG = 0, 9, 10


def frame(
    payload: bytes = b"",
    *,
    opcode: int = TEXT,
    fin: bool = True,
    rsv: int = 0,
    masked: bool = True,
    size: int | None = None,
) -> bytes:
    """A WebSocket frame; `size` is what its header declares, where that differs from what it has."""
    size = len(payload) if size is None else size
    first = opcode | (0x80 if fin else 0) | rsv
    if size < 126:
        head = bytes([first, size | (0x80 if masked else 0)])
    elif size < 65536:
        head = bytes([first, 126 | (0x80 if masked else 0)]) + struct.pack("!H", size)
    else:
        head = bytes([first, 127 | (0x80 if masked else 0)]) + struct.pack("!Q", size)
    return head + (b"\0\0\0\0" if masked else b"") + payload


class Raw:
    """A stream that is read to its end, be it in order or by a reset; writing to a closed one is no error."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self._received = b""
        self.head = ""

    async def send(self, data: bytes) -> None:
        with suppress(trio.BrokenResourceError):
            await self.stream.send_all(data)

    async def drop(self) -> None:
        await trio.aclose_forcefully(self.stream)

    async def more(self) -> bool:
        """Receive; False at the end."""
        try:
            data = await self.stream.receive_some(65536)
        except trio.BrokenResourceError:
            return False
        self._received += data
        return bool(data)

    async def exactly(self, size: int) -> bytes | None:
        while len(self._received) < size:
            if not await self.more():
                return None
        taken, self._received = self._received[:size], self._received[size:]
        return taken

    async def reply(self) -> Reply | None:
        """One HTTP response; None when the stream ends without."""
        parser = h11.Connection(h11.CLIENT)
        parser.send(h11.Request(method="GET", target="/", headers=[("Host", "t")]))
        parser.send(h11.EndOfMessage())
        if self._received:
            parser.receive_data(self._received)
            self._received = b""
        status, headers, body = 0, {}, b""
        while True:
            event = parser.next_event()
            if event is h11.NEED_DATA:
                if not await self.more():
                    assert not status, "the stream ended within a response"
                    return None
                parser.receive_data(self._received)
                self._received = b""
            elif isinstance(event, h11.Response):
                status = event.status_code
                headers = {name.decode(): value.decode() for name, value in event.headers}
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                self._received = parser.trailing_data[0]
                return Reply(status, headers, body)

    async def frame(self) -> tuple[int, bytes] | None:
        """One frame of the server's; None at the end."""
        head = await self.exactly(2)
        if head is None:
            return None
        size = head[1]
        assert not size & 0x80, "a server's frame is not masked"
        if size >= 126:
            extended = await self.exactly(2 if size == 126 else 8)
            if extended is None:
                return None
            size = int.from_bytes(extended, "big")
        payload = await self.exactly(size)
        return None if payload is None else (head[0] & 0x0F, payload)

    async def message(self) -> str | bytes | None:
        """The next message, pings left out; None when the WebSocket is closed."""
        while (received := await self.frame()) is not None:
            opcode, payload = received
            if opcode == CLOSE:
                return None
            if opcode in {TEXT, BINARY}:
                return payload.decode() if opcode == TEXT else payload
        return None


class Loopback:
    """Connects to a server over TCP."""

    def __init__(self, server: Server | EngineServer, house: House, port: int) -> None:
        self.server = server
        self.house = house
        self.port = port
        self.path = server.engine.endpoint._path
        self._raws: list[Raw] = []

    async def raw(self) -> Raw:
        raw = Raw(await trio.open_tcp_stream("127.0.0.1", self.port))
        self._raws.append(raw)
        return raw

    async def drop_all(self) -> None:
        for raw in self._raws:
            await raw.drop()

    async def request(self, method: str, target: str, body: bytes = b"") -> Reply:
        raw = await self.raw()
        length = f"Content-Length: {len(body)}\r\n" if method == "POST" else ""
        await raw.send(f"{method} {target} HTTP/1.1\r\nHost: t\r\n{length}\r\n".encode() + body)
        reply = await raw.reply()
        await raw.drop()
        assert reply is not None
        return reply

    def target(self, transport: str, sid: str = "") -> str:
        return f"{self.path}/?EIO=4&transport={transport}" + (f"&sid={sid}" if sid else "")

    async def polling(self) -> str:
        """Open a session over polling; its id."""
        reply = await self.request("GET", self.target("polling"))
        return json.loads(reply.text[1:])["sid"]

    async def websocket(self, sid: str = "", headers: str | None = None) -> Raw:
        raw = await self.raw()
        await raw.send(handshake(self.target("websocket", sid), headers))
        while b"\r\n\r\n" not in raw._received:
            assert await raw.more(), raw._received
        head, _, raw._received = raw._received.partition(b"\r\n\r\n")
        raw.head = head.decode()
        assert raw.head.startswith("HTTP/1.1 101 "), head
        if not sid:
            opened = await raw.message()
            assert isinstance(opened, str)
            assert opened[0] == "0"
        return raw

    async def joined(self) -> Raw:
        raw = await self.websocket()
        await raw.send(frame(b"40"))
        answer = await raw.message()
        assert isinstance(answer, str)
        assert answer.startswith('40{"sid":')
        return raw

    async def settled(self, tasks: int) -> None:
        """Wait until no more than `tasks` tasks live."""
        while trio.lowlevel.current_statistics().tasks_living > tasks:
            await trio.testing.wait_all_tasks_blocked(0.001)


@asynccontextmanager
async def listening(server: Server | EngineServer) -> AsyncIterator[Loopback]:
    """A server that listens on loopback, with its inside in view."""
    async with trio.open_nursery() as nursery:
        house, connections = await nursery.start(keep_open, server)
        async with trio.open_nursery() as accepting:
            listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
            accept = partial(trio.serve_listeners, handler_nursery=connections)
            accepting.start_soon(accept, house.connections.serve, listeners)
            peers = Loopback(server, house, listeners[0].socket.getsockname()[1])
            try:
                yield peers
            finally:
                with trio.CancelScope(shield=True):
                    await peers.drop_all()
                house.stop()
                accepting.cancel_scope.cancel()
