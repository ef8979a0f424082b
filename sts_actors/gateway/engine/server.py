"""The Engine.IO server: who may open a session, and which session a request belongs to."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

import trio
from engineio.base_server import BaseServer

from sts_actors.gateway import strict_json
from sts_actors.gateway.engine import packets
from sts_actors.gateway.engine.endpoint import Endpoint
from sts_actors.gateway.engine.handlers import called, fitting, in_slot, logged
from sts_actors.gateway.engine.origins import AllowedOrigins, OriginPolicy
from sts_actors.gateway.engine.outbox import Outbox
from sts_actors.gateway.engine.refusals import FULL, Refusal
from sts_actors.gateway.engine.session import Session
from sts_actors.gateway.errors import DisconnectedError
from sts_actors.gateway.limits import MIB, Limits
from sts_actors.gateway.wire.messages import Handler, HttpRequest, HttpResponse

log = logging.getLogger(__name__)

library_log = logging.getLogger("sts_actors.gateway.library")
"""For python-engineio and python-socketio, which write a line for each packet at level INFO."""
library_log.setLevel(logging.WARNING)

_TEXT: Final = ("Content-Type", "text/plain; charset=UTF-8")
_JSON: Final = ("Content-Type", "application/json")
_FRESH: Final = ("Cache-Control", "no-store")


class EngineServer(BaseServer):
    """Engine.IO v4 on Trio, with python-engineio's face.

    Handlers are registered with `on("connect" | "message" | "disconnect")`: `connect(sid, environ)`, where
    False refuses the client; `message(sid, data)` with `str` or `bytes` exactly as they were sent (JSON is
    not parsed); `disconnect(sid, reason)`. They may be async or not. `message` handlers of one session start
    in the order of arrival and run in the session's own nursery.

    Args:
        limits: every bound but the ones below.
        ping_interval: seconds between pings; fractions are allowed.
        ping_timeout: seconds that a client has for its pong.
        max_http_buffer_size: bytes of one inbound packet, or polling request; told to clients.
        cors_allowed_origins: None for the same origin, "*", an origin, several, or a callable.
        cors_credentials: let browsers send cookies; not with "*".
        transports: "polling", "websocket" or both.
        allow_upgrades: let a polling session go on over a WebSocket.
        path: where the endpoint is.
        async_handlers: False runs `message` handlers one after another.
    """

    def __init__(
        self,
        *,
        limits: Limits | None = None,
        ping_interval: float = 25.0,
        ping_timeout: float = 10.0,
        max_http_buffer_size: int = 16 * MIB,
        cors_allowed_origins: AllowedOrigins = None,
        cors_credentials: bool = False,
        transports: list[str] | str | None = None,
        allow_upgrades: bool = True,
        path: str = "/engine.io/",
        async_handlers: bool = True,
        logger: logging.Logger = library_log,
    ) -> None:
        super().__init__(
            ping_interval=ping_interval,
            ping_timeout=ping_timeout,
            max_http_buffer_size=max_http_buffer_size,
            allow_upgrades=allow_upgrades,
            cors_credentials=cors_credentials,
            transports=transports,
            async_handlers=async_handlers,
            logger=logger,
            http_compression=False,
            monitor_clients=False,
        )
        self.limits = limits or Limits()
        self.sockets: dict[str, Session] = {}
        self.stopping = False
        self.endpoint = Endpoint(
            self,
            path="/" + path.strip("/"),
            origins=OriginPolicy(cors_allowed_origins, credentials=cors_credentials),
        )
        self._nursery: trio.Nursery | None = None

    @property
    def engine(self) -> "EngineServer":
        """The Engine.IO server, which this is; a Socket.IO server has one."""
        return self

    # -- what python-engineio asks of a subclass ------------------------------------------------------------

    def is_asyncio_based(self) -> bool:
        """Whether handlers may be coroutines: this is what the library means by it."""
        return True

    def async_modes(self) -> list[str]:
        """The library's driver for ASGI, the one that imports nothing; none of it is used."""
        return ["asgi"]

    def create_queue(self, *_args: Any, **_kwargs: Any) -> Outbox:
        """What a session sends from."""
        return Outbox(
            max_bytes=self.limits.outbox_bytes,
            max_packets=self.limits.outbox_packets,
            timeout=self.limits.send_timeout,
        )

    def create_event(self, *_args: Any, **_kwargs: Any) -> trio.Event:
        """An event of Trio."""
        return trio.Event()

    async def sleep(self, seconds: float = 0) -> None:
        """Sleep, as `trio.sleep` does."""
        await trio.sleep(seconds)

    # -- the face -------------------------------------------------------------------------------------------

    def route(self, method: str, path: str, handler: Handler) -> None:
        """Serve `path` with `handler`, or with `/*` at its end all below it; GET serves HEAD as well."""
        self.endpoint.route(method, path, handler)

    async def send(self, sid: str, data: str | bytes | dict[str, Any] | list[Any]) -> None:
        """Send a message; it waits while the client's outbox is full. Unknown clients are sent nothing."""
        await trio.lowlevel.checkpoint()
        session = self.sockets.get(sid)
        if session is not None:
            await session.send([packets.message(data)])

    async def disconnect(self, sid: str | None = None) -> None:
        """Close a session, or all; what is queued is still sent. Returns at once."""
        await trio.lowlevel.checkpoint()
        sessions = list(self.sockets.values()) if sid is None else [self.sockets.get(sid)]
        for session in sessions:
            if session is not None:
                session.request_close(self.reason.SERVER_DISCONNECT)

    def start_soon(self, sid: str, async_fn: Callable[..., Awaitable[object]], *args: Any) -> None:
        """Run a task in the session's own nursery: it is cancelled with it, its error logged.

        Raises:
            DisconnectedError: there is no such session any more.
        """
        session = self.sockets.get(sid)
        if session is None or session.closing:
            raise DisconnectedError(f"{sid} is not connected")
        session.nursery.start_soon(logged, async_fn, *args)

    def start_background_task(
        self, target: Callable[..., Awaitable[object]], *args: Any, **kwargs: Any
    ) -> None:
        """Run a task as long as the server: it is cancelled with it, its error logged."""
        if self._nursery is None:
            raise RuntimeError("the server is not being served")

        async def run() -> None:
            await target(*args, **kwargs)

        self._nursery.start_soon(logged, run)

    async def get_session(self, sid: str) -> dict[str, Any]:
        """The application's own data of a session.

        Raises:
            KeyError: there is no such session.
        """
        session: dict[str, Any] = self.sockets[sid].session
        return session

    async def save_session(self, sid: str, session: dict[str, Any]) -> None:
        """Replace the application's own data of a session."""
        self.sockets[sid].session = session

    @property
    def served(self) -> bool:
        """Whether it is being served."""
        return self._nursery is not None

    # -- life -----------------------------------------------------------------------------------------------

    async def run(
        self, stopping: trio.Event, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Hold the sessions until `stopping`, then close them all and wait for their ends.

        Raises:
            RuntimeError: it is being served already.
        """
        if self.served:
            raise RuntimeError("the server is being served already")
        self.stopping = False
        try:
            async with trio.open_nursery() as self._nursery:
                task_status.started()
                await stopping.wait()
                self.stopping = True
                for session in list(self.sockets.values()):
                    session.request_close(self.reason.SERVER_DISCONNECT)
                while self.sockets:
                    await next(iter(self.sockets.values())).ended.wait()
                self._nursery.cancel_scope.cancel()
        finally:
            self._nursery = None

    async def open(self, request: HttpRequest, transport: str) -> Session | Refusal | HttpResponse:
        """Open a session for a handshake, or refuse it: the house is full, or the application says so."""
        if self._nursery is None or self.stopping or len(self.sockets) >= self.limits.sessions:
            return FULL
        sid = self.generate_id()
        session = Session(self, sid)
        self.sockets[sid] = session
        await self._nursery.start(session.run, self._end)
        if transport == "websocket":
            session.queue.put_control(self.greeting(sid, transport))
        refused = await self._refusal_of_application(session, request)
        if refused is not None:
            session.request_close(self.reason.SERVER_DISCONNECT)
            return refused
        session.connected = True
        return session

    async def _refusal_of_application(self, session: Session, request: HttpRequest) -> HttpResponse | None:
        handler = self.handlers.get("connect")
        if handler is None:
            return None
        try:
            verdict = await called(handler, session.sid, request.environ())
        except Exception:
            log.exception("the connect handler failed")
            verdict = False
        if verdict is None or verdict is True:
            return None
        return HttpResponse(401, [_JSON], strict_json.dumps(verdict or "Unauthorized").encode())

    async def _end(self, session: Session) -> None:
        """The session's owner calls this when everything of it has ended."""
        handler = self.handlers.get("disconnect")
        try:
            if handler is not None and session.connected:
                await called(handler, *fitting(handler, session.sid, session.close_reason))
        except Exception:
            log.exception("the disconnect handler failed")
        finally:
            del self.sockets[session.sid]
            session.ended.set()

    def greeting(self, sid: str, transport: str) -> str:
        """The first packet of a session."""
        can_upgrade = transport == "polling" and self.allow_upgrades and "websocket" in self.transports
        return packets.OPEN + strict_json.dumps(
            {
                "sid": sid,
                "upgrades": ["websocket"] if can_upgrade else [],
                "pingInterval": round(self.ping_interval * 1000),
                "pingTimeout": round(self.ping_timeout * 1000),
                "maxPayload": self.max_http_buffer_size,
            }
        )

    # -- messages -------------------------------------------------------------------------------------------

    async def deliver(self, session: Session, data: str | bytes) -> None:
        """Give a message to its handler, which has begun when this returns.

        Raises:
            ProtocolViolation: a layer above found the message against its protocol.
        """
        handler = self.handlers.get("message")
        if handler is None:
            return
        if self.async_handlers:
            await self.start_handler(session, session.nursery, lambda: called(handler, session.sid, data))
        else:
            await called(handler, session.sid, data)

    async def start_handler(
        self, session: Session, nursery: trio.Nursery, handler: Callable[[], Awaitable[object]]
    ) -> None:
        """Start a handler in `nursery` when the session has a slot for it; it has begun when this returns.

        Waiting for its beginning is what keeps a client's events in order: Trio runs tasks that were started
        together in any order. Waiting for what earlier handlers send is what keeps a client that asks and
        takes no answers from filling the memory with them.
        """
        await session.queue.wait_for_senders()
        try:
            session.handler_slots.acquire_nowait()
        except trio.WouldBlock:
            await session.handler_slots.acquire()
        if session.closing:
            session.handler_slots.release()
            return
        begun = trio.Event()
        nursery.start_soon(in_slot, session.handler_slots, begun, handler)
        await begun.wait()
