"""A gateway served in memory, over wires that can be cut, or fall silent in one direction, at any byte."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import attrs
import trio
from trio.testing import memory_stream_pair

from sts_actors.client.errors import Ended
from sts_actors.gateway import Server
from sts_actors.gateway.serving import keep_open


@attrs.define(eq=False)
class Wire:
    """One connection between a client and the server.

    Attributes:
        carries_up, carries_down: whether bytes still pass to the server, to the client; else they vanish.
        left_up, left_down: after so many more bytes the wire is cut; None: never.
        haunted: the server is not told of the cut, and takes the connection for alive.
    """

    client: trio.abc.Stream
    server: trio.abc.Stream
    carries_up: bool = True
    carries_down: bool = True
    left_up: int | None = None
    left_down: int | None = None
    haunted: bool = False
    gone: trio.Event = attrs.field(factory=trio.Event)

    def deafen(self) -> None:
        """The server hears nothing more, and nobody notices."""
        self.carries_up = False

    def mute(self) -> None:
        """The client hears nothing more, and nobody notices."""
        self.carries_down = False

    def cut(self) -> None:
        """The connection breaks."""
        self.gone.set()

    async def run(self) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._up)
            nursery.start_soon(self._down)
            await self.gone.wait()
            nursery.cancel_scope.cancel()
        await trio.aclose_forcefully(self.client)
        if not self.haunted:
            await trio.aclose_forcefully(self.server)

    async def _up(self) -> None:
        while data := await self._receive(self.client):
            if self.left_up is not None:
                data, self.left_up = data[: self.left_up], max(self.left_up - len(data), 0)
            if self.carries_up:
                await self._send(self.server, data)
            if self.left_up == 0:
                break
        self.cut()

    async def _down(self) -> None:
        while data := await self._receive(self.server):
            if self.left_down is not None:
                data, self.left_down = data[: self.left_down], max(self.left_down - len(data), 0)
            if self.carries_down:
                await self._send(self.client, data)
            if self.left_down == 0:
                break
        self.cut()

    async def _receive(self, stream: trio.abc.Stream) -> bytes:
        try:
            return bytes(await stream.receive_some(65536))
        except trio.BrokenResourceError:
            return b""

    async def _send(self, stream: trio.abc.Stream, data: bytes) -> None:
        try:
            await stream.send_all(data)
        except trio.BrokenResourceError:
            self.cut()


@attrs.define(eq=False)
class Wires:
    """All connections of a test's clients.

    Attributes:
        lay: called with each new wire and its number, from 0; False: nobody answers this dial.
        laid: those that were made.
        pair: what the client's end of a wire is made of.
    """

    url: str = "http://wires.example"
    lay: Callable[[Wire, int], bool | None] = lambda _wire, _number: None
    laid: list[Wire] = attrs.field(factory=list)
    dials: int = 0
    pair: Callable[[], tuple[trio.abc.Stream, trio.abc.Stream]] = memory_stream_pair

    @property
    def last(self) -> Wire:
        return self.laid[-1]


@asynccontextmanager
async def serve_over_wires(server: Server, monkeypatch) -> AsyncIterator[Wires]:
    """Clients opened inside the block dial `server`, whatever their URL."""
    wires = Wires()

    async def dial(_: object) -> trio.abc.Stream:
        await trio.lowlevel.checkpoint()
        ours, client = wires.pair()
        theirs, inner = memory_stream_pair()
        wire = Wire(client=client, server=inner)
        wires.dials += 1
        if wires.lay(wire, wires.dials - 1) is False:
            raise Ended("connection refused; is the server running there?")
        wires.laid.append(wire)
        connections.start_soon(house.connections.serve, theirs)
        nursery.start_soon(wire.run)
        return ours

    monkeypatch.setattr("sts_actors.client.client.dialler", lambda _: dial)
    async with trio.open_nursery() as nursery:
        house, connections = await nursery.start(keep_open, server)
        try:
            yield wires
        finally:
            house.stop()
            for wire in wires.laid:
                wire.haunted = False
                wire.cut()
                await trio.aclose_forcefully(wire.server)
