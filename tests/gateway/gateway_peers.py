"""Peers for the gateway's tests: raw HTTP and WebSocket over memory streams, so that time can be virtual."""

import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import attrs
import h11
import trio
import trio.testing
from trio_websocket import ConnectionClosed, WebSocketConnection, wrap_client_stream

from sts_actors.gateway import EngineServer, Limits, Server
from sts_actors.gateway.serving import House, keep_open

HEADERS = (("Host", "test"),)
KEY = "x3JJHMbDL1EzLkh9GBhXDw=="


def handshake(target: str, headers: str | None = None) -> bytes:
    """A WebSocket's opening request, as bytes; `headers` instead of the version and the key."""
    if headers is None:
        headers = f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n"
    lines = f"GET {target} HTTP/1.1\r\nHost: t\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
    return f"{lines}{headers}\r\n".encode()


@attrs.frozen
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self):
        return json.loads(self.body)


class Http:
    """One HTTP/1.1 connection, kept alive."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self._h11 = h11.Connection(h11.CLIENT)

    async def request(
        self, method: str, target: str, body: bytes = b"", headers: Iterable[tuple[str, str]] = HEADERS
    ) -> Reply:
        await self.send(method, target, body, headers)
        return await self.reply()

    async def send(
        self, method: str, target: str, body: bytes = b"", headers: Iterable[tuple[str, str]] = HEADERS
    ) -> None:
        if self._h11.our_state is h11.DONE:
            self._h11.start_next_cycle()
        extra = [("Content-Length", str(len(body)))] if body or method == "POST" else []
        data = self._h11.send(h11.Request(method=method, target=target, headers=[*headers, *extra]))
        data += self._h11.send(h11.Data(data=body)) + self._h11.send(h11.EndOfMessage())
        await self.stream.send_all(data)

    async def reply(self) -> Reply:
        status, headers, body = 0, {}, b""
        while True:
            event = self._h11.next_event()
            if event is h11.NEED_DATA:
                self._h11.receive_data(await self.stream.receive_some(65536))
            elif isinstance(event, h11.Response):
                status = event.status_code
                headers = {name.decode(): value.decode() for name, value in event.headers}
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                return Reply(status, headers, body)
            elif isinstance(event, h11.ConnectionClosed):
                raise EOFError

    async def drop(self) -> None:
        await trio.aclose_forcefully(self.stream)


class Ws:
    """A WebSocket that speaks in whole messages."""

    def __init__(self, connection: WebSocketConnection) -> None:
        self.connection = connection

    async def send(self, message: str | bytes) -> None:
        await self.connection.send_message(message)

    async def receive(self) -> str | bytes:
        return await self.connection.get_message()

    async def closed(self) -> int:
        """Wait for the end, whatever comes before; its close code."""
        try:
            while True:
                await self.connection.get_message()
        except ConnectionClosed as closed:
            return closed.reason.code if closed.reason else 1006


class Peers:
    """Connects to an open server, in memory."""

    def __init__(
        self, server: Server | EngineServer, house: House, connections: trio.Nursery, nursery
    ) -> None:
        self.server = server
        self.engine = server.engine
        self.house = house
        self._connections = connections
        self._nursery = nursery
        self.path = self.engine.endpoint._path

    def stream(self, pair=trio.testing.memory_stream_pair) -> trio.abc.Stream:
        ours, theirs = pair()
        self._connections.start_soon(self.house.connections.serve, theirs)
        return ours

    def http(self) -> Http:
        return Http(self.stream())

    def target(self, transport: str = "polling", **query: str) -> str:
        fields = {"EIO": "4", "transport": transport} | query
        return f"{self.path}/?" + "&".join(f"{name}={value}" for name, value in fields.items())

    async def ws(self, target: str | None = None, *, stream=None, headers=()) -> Ws:
        connection = await wrap_client_stream(
            self._nursery,
            stream or self.stream(),
            "test",
            target or self.target("websocket"),
            extra_headers=[(name.encode(), value.encode()) for name, value in headers],
            max_message_size=2**26,
        )
        await connection._open_handshake.wait()
        return Ws(connection)

    async def ws_refused(self, target: str, headers=()) -> Reply:
        """What a refused handshake is answered with."""
        http = self.http()
        offered = [
            ("Connection", "Upgrade"),
            ("Upgrade", "websocket"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", KEY),
        ]
        return await http.request("GET", target, headers=[*HEADERS, *offered, *headers])

    async def polling(self) -> "Polling":
        http = self.http()
        reply = await http.request("GET", self.target())
        assert reply.status == 200, reply
        assert reply.text[0] == "0"
        return Polling(self, http, json.loads(reply.text[1:]))

    async def socketio(self, namespace: str = "", auth: str = "") -> Ws:
        """A WebSocket session that has joined a namespace."""
        ws = await self.ws()
        assert (await ws.receive())[0] == "0"
        await ws.send(f"40{namespace}{auth}")
        answer = await ws.receive()
        assert answer.startswith(f'40{namespace}{{"sid":'), answer
        return ws


class Polling:
    """A polling session; GETs and POSTs have a connection each, as browsers do it."""

    def __init__(self, peers: Peers, http: Http, opened: dict) -> None:
        self.opened = opened
        self.sid = opened["sid"]
        self._get = http
        self._post = peers.http()
        self.target = peers.target(sid=self.sid)

    async def poll(self) -> Reply:
        return await self._get.request("GET", self.target)

    async def post(self, body: str | bytes) -> Reply:
        return await self._post.request("POST", self.target, body.encode() if isinstance(body, str) else body)


@asynccontextmanager
async def opened(server: Server | EngineServer) -> AsyncIterator[Peers]:
    """An open server; leaving the block stops it and waits for its end."""
    async with trio.open_nursery() as clients:
        async with trio.open_nursery() as nursery:
            house, connections = await nursery.start(keep_open, server)
            try:
                yield Peers(server, house, connections, clients)
            finally:
                house.stop()
        clients.cancel_scope.cancel()


def echo_engine(**options) -> EngineServer:
    """The protocol suite's server: sends messages back."""
    server = EngineServer(**({"limits": quick()} | options))

    @server.on("message")
    async def message(sid: str, data: str | bytes) -> None:
        await server.send(sid, data)

    return server


def quick(**limits) -> Limits:
    """The default limits, but for the patience with peers that close and say nothing."""
    return Limits(**({"close_timeout": 0.1} | limits))


def echo_server(**options) -> Server:
    """The protocol suite's server: two namespaces that send back what they get."""
    server = Server(**({"limits": quick()} | options))
    for namespace in ("/", "/custom"):

        @server.on("connect", namespace=namespace)
        async def connect(sid: str, environ: dict, auth=None, namespace=namespace) -> None:
            await server.emit("auth", auth or {}, to=sid, namespace=namespace)

        @server.on("message", namespace=namespace)
        async def message(sid: str, *args, namespace=namespace) -> None:
            await server.emit("message-back", args, to=sid, namespace=namespace)

        @server.on("message-with-ack", namespace=namespace)
        async def message_with_ack(sid: str, *args):
            return args

    return server
