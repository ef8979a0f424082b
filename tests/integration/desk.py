"""The service's wire events without sockets, in virtual time: real sessions, connections that fail.

`Wire` stands where the gateway's server stands: handlers run in their connection's nursery, a cut cancels
them, and what is emitted to a connection that is gone is gone.
"""

from contextlib import asynccontextmanager

import attrs
import trio
from engineio.base_server import BaseServer
from faulty_models import mortal_models

from sts_actors.actors.compute import inline
from sts_actors.connection import attach
from sts_actors.dubbing import Dubbing
from sts_actors.metrics import Metrics
from sts_actors.settings import load_settings


@attrs.define(eq=False)
class Socket:
    """A worker's end of a connection. `deaf`: it looks alive to the service, and nothing comes through.

    `full`: it takes nothing more, so whoever sends to it waits.
    """

    wire: "Wire"
    sid: str
    deaf: bool = False
    full: bool = False
    gone: bool = False
    inbox: list = attrs.field(factory=list)
    sent: list = attrs.field(factory=list)
    nursery: trio.Nursery | None = None
    reason: str = ""
    changed: trio.Event = attrs.field(factory=trio.Event)

    def send(self, event, data=None):
        """What the worker sends; handlers begin in order and are not waited for."""
        if not (self.gone or self.deaf):
            self.sent.append((self.wire.handlers[event], data))
            self.wake()

    def end(self, reason):
        """The connection ends, as the service sees it."""
        if not self.gone:
            self.gone = True
            self.reason = reason
            self.nursery.cancel_scope.cancel()
            self.wake()

    def cut(self):
        """It breaks: both sides know, and what is on its way is lost."""
        self.inbox.clear()
        self.end(self.wire.reason.TRANSPORT_ERROR)

    def fall_silent(self, *, full=False):
        """It breaks, and the service does not know: it is the worker that gives it up."""
        self.inbox.clear()
        self.full = full
        self.deaf = True
        self.wake()

    def take(self, event, payload):
        if not (self.gone or self.deaf):
            self.inbox.append((event, payload))
            self.wake()

    def wake(self):
        self.changed.set()
        self.changed = trio.Event()

    async def next(self):
        """The next event, or None when the connection is gone."""
        while not self.inbox:
            if self.gone or self.deaf:
                return None
            await self.changed.wait()
        return self.inbox.pop(0)

    async def next_named(self, name):
        """The payload of the next event of that name; those before it are passed over."""
        while (item := await self.next()) is not None:
            if item[0] == name:
                return item[1]
        return None


class Wire:
    reason = BaseServer.reason

    def __init__(self, nursery):
        self.handlers = {}
        self.sockets = {}
        self.opened = 0
        self._nursery = nursery

    def on(self, event, handler):
        self.handlers[event] = handler

    async def connect(self):
        self.opened += 1
        socket = Socket(self, f"sid-{self.opened}")
        await self.handlers["connect"](socket.sid, {}, None)
        await self._nursery.start(self._live, socket)
        return socket

    async def _live(self, socket, task_status=trio.TASK_STATUS_IGNORED):
        async with trio.open_nursery() as socket.nursery:
            self.sockets[socket.sid] = socket
            task_status.started()
            while True:
                while socket.sent:
                    begun = trio.Event()
                    socket.nursery.start_soon(self._handle, socket.sid, *socket.sent.pop(0), begun)
                    await begun.wait()
                await socket.changed.wait()
        del self.sockets[socket.sid]
        await self.handlers["disconnect"](socket.sid, socket.reason)

    async def _handle(self, sid, handler, data, begun):
        begun.set()
        await handler(sid, data)

    async def emit(self, event, payload, to):
        await trio.lowlevel.checkpoint()
        while to in self.sockets and self.sockets[to].full and not self.sockets[to].gone:
            await self.sockets[to].changed.wait()
        if to in self.sockets:
            self.sockets[to].take(event, payload)

    async def wait_sent(self, sid):
        await trio.lowlevel.checkpoint()
        while sid in self.sockets and self.sockets[sid].full and not self.sockets[sid].gone:
            await self.sockets[sid].changed.wait()

    def start_soon(self, sid, async_fn, *args):
        self.sockets[sid].nursery.start_soon(async_fn, *args)

    async def disconnect(self, sid):
        await trio.lowlevel.checkpoint()
        if sid in self.sockets:
            self.sockets[sid].end(self.reason.SERVER_DISCONNECT)


@attrs.frozen
class Desk:
    wire: Wire
    dubbing: Dubbing
    models: object
    nursery: trio.Nursery
    asked: list

    @property
    def connect(self):
        return self.wire.connect


def counted(asked, engine):
    async def ask(request, **context):
        asked.append(request.text)
        return await engine(request, **context)

    return ask


@asynccontextmanager
async def open_desk(*, deaths=None, load_s=0.05, server=None, **overrides):
    """A service without its server, or with `server`; `asked` lists the texts that were to be translated."""
    settings = load_settings(profile="fake", overrides=overrides, environment={})
    asked = []
    all_deaths = [] if deaths is None else [deaths]
    async with mortal_models(*all_deaths, load_s=load_s) as plain, trio.open_nursery() as nursery:
        models = _Counted(plain, asked)
        wire = server or Wire(nursery)
        dubbing = Dubbing(settings=settings, models=models, metrics=Metrics(), compute=inline)
        attach(wire, dubbing, nursery)
        yield Desk(wire, dubbing, models, nursery, asked)
        nursery.cancel_scope.cancel()


class _Counted:
    """The models, with what is billed counted."""

    def __init__(self, models, asked):
        self._models = models
        self.translator = counted(asked, models.translator)

    def __getattr__(self, name):
        return getattr(self._models, name)


__all__ = ["Desk", "Socket", "Wire", "open_desk"]
