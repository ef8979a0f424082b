"""The Engine.IO server: who may open a session, and which session a request belongs to."""

import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import attrs
import orjson
import trio
from engineio.base_server import BaseServer

from sts_actors.gateway import strict_json
from sts_actors.gateway.engine import packets
from sts_actors.gateway.engine.origins import AllowedOrigins, OriginPolicy
from sts_actors.gateway.engine.outbox import Outbox
from sts_actors.gateway.engine.packets import Encoded
from sts_actors.gateway.engine.session import Session
from sts_actors.gateway.errors import BadRequest, DisconnectedError, ProtocolViolation, WebSocketClosed
from sts_actors.gateway.limits import MIB, Limits
from sts_actors.gateway.wire.messages import Handler, HttpRequest, HttpResponse
from sts_actors.gateway.wire.upgrade import Proposal

log = logging.getLogger(__name__)

library_log = logging.getLogger("sts_actors.gateway.library")
"""For python-engineio and python-socketio, which write a line for each packet at level INFO."""
library_log.setLevel(logging.WARNING)

_TEXT: Final = ("Content-Type", "text/plain; charset=UTF-8")
_JSON: Final = ("Content-Type", "application/json")
_FRESH: Final = ("Cache-Control", "no-store")


@attrs.frozen
class _Refusal:
    code: int
    message: str
    status: int = 400


_UNKNOWN_TRANSPORT = _Refusal(0, "Transport unknown")
_UNKNOWN_SID = _Refusal(1, "Session ID unknown")
_BAD_METHOD = _Refusal(2, "Bad handshake method")
_BAD_REQUEST = _Refusal(3, "Bad request")
_FORBIDDEN = _Refusal(4, "Forbidden", 403)
_BAD_VERSION = _Refusal(5, "Unsupported protocol version: only EIO=4 is spoken here")
_FULL = _Refusal(6, "Too many sessions", 503)


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
        self._origins = OriginPolicy(cors_allowed_origins, credentials=cors_credentials)
        self._path = "/" + path.strip("/")
        self._routes: dict[str, dict[str, Handler]] = {}
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
        """Serve `path` (exactly) with `handler`; GET serves HEAD as well."""
        self._routes.setdefault(path, {})[method.upper()] = handler

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

    # -- life -----------------------------------------------------------------------------------------------

    async def run(
        self, stopping: trio.Event, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Hold the sessions until `stopping`, then close them all and wait for their ends."""
        if self._nursery is not None:
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

    async def _open(self, request: HttpRequest, transport: str) -> Session | _Refusal | HttpResponse:
        if self._nursery is None or self.stopping or len(self.sockets) >= self.limits.sessions:
            return _FULL
        sid = self.generate_id()
        session = Session(self, sid)
        self.sockets[sid] = session
        await self._nursery.start(session.run, self._end)
        if transport == "websocket":
            session.queue.put_control(self._greeting(sid, transport))
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

    def _greeting(self, sid: str, transport: str) -> str:
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
        together in any order.
        """
        await session.handler_slots.acquire()
        if session.closing:
            session.handler_slots.release()
            return
        begun = trio.Event()
        nursery.start_soon(_in_slot, session.handler_slots, begun, handler)
        await begun.wait()

    # -- requests -------------------------------------------------------------------------------------------

    async def http(self, request: HttpRequest) -> HttpResponse:
        """Answer a request: of Engine.IO, or of another route."""
        if request.path.rstrip("/") != self._path:
            return await self._other_route(request)
        if not self._origins.permits(request):
            return _response(_FORBIDDEN)
        if request.method == "OPTIONS":
            response = HttpResponse(204)
        else:
            answer = await self._polling(request)
            response = _response(answer) if isinstance(answer, _Refusal) else answer
        return attrs.evolve(response, headers=(*response.headers, *self._origins.headers(request)))

    async def _polling(self, request: HttpRequest) -> HttpResponse | _Refusal:
        query = _query(request)
        refusal = self._check(query, "polling")
        if refusal is not None:
            return refusal
        sid = query.get("sid")
        if sid is None:
            return await self._handshake(request, query)
        session = self.sockets.get(sid)
        if session is None or session.closing or not session.connected:
            return _UNKNOWN_SID
        if session.upgraded:
            return _BAD_REQUEST
        if request.method == "GET":
            return await self._poll(session, request)
        if request.method == "POST":
            return await self._post(session, request)
        return _BAD_METHOD

    async def _handshake(self, request: HttpRequest, query: Mapping[str, str]) -> HttpResponse | _Refusal:
        if request.method != "GET":
            return _BAD_METHOD
        if query.get("EIO") != "4":
            return _BAD_VERSION
        session = await self._open(request, "polling")
        if not isinstance(session, Session):
            return session

        def undelivered() -> None:
            session.request_close(self.reason.TRANSPORT_CLOSE)

        body = packets.encode_payload([self._greeting(session.sid, "polling")])
        return HttpResponse(200, [_TEXT, _FRESH], body, undelivered=undelivered)

    async def _poll(self, session: Session, request: HttpRequest) -> HttpResponse | _Refusal:
        taken: list[Encoded] | None = None
        if session.polling_idle:

            async def watch() -> None:
                await request.wait_gone()
                session.request_close(self.reason.TRANSPORT_CLOSE)

            async with trio.open_nursery() as nursery:
                nursery.start_soon(watch)
                taken = await session.poll()
                nursery.cancel_scope.cancel()
        else:
            taken = await session.poll()
        if taken is None:
            return _BAD_REQUEST

        def undelivered() -> None:
            session.request_close(self.reason.TRANSPORT_ERROR)

        return HttpResponse(200, [_TEXT, _FRESH], packets.encode_payload(taken), undelivered=undelivered)

    async def _post(self, session: Session, request: HttpRequest) -> HttpResponse | _Refusal:
        try:
            await session.post(lambda: request.body(self.max_http_buffer_size, heard=session.heard))
        except ProtocolViolation as violation:
            log.info("session %s broke the protocol: %s", session.sid, violation)
            session.request_close(self.reason.TRANSPORT_ERROR)
            return _BAD_REQUEST
        except (BadRequest, trio.BrokenResourceError):
            session.request_close(self.reason.TRANSPORT_ERROR)
            raise
        return HttpResponse(200, [_TEXT, _FRESH], b"ok")

    async def websocket(self, request: HttpRequest, proposal: Proposal) -> HttpResponse | None:
        """Open a session over a WebSocket, or let it probe for an upgrade; None once it was accepted."""
        if request.path.rstrip("/") != self._path:
            return HttpResponse(404)
        answer = await self._websocket(request, proposal)
        return _response(answer) if isinstance(answer, _Refusal) else answer

    async def _websocket(self, request: HttpRequest, proposal: Proposal) -> HttpResponse | _Refusal | None:
        if not self._origins.permits(request):
            return _FORBIDDEN
        query = _query(request)
        refusal = self._check(query, "websocket")
        if refusal is not None:
            return refusal
        sid = query.get("sid")
        if sid is None:
            return await self._open_websocket(request, query, proposal)
        session = self.sockets.get(sid)
        if session is None or session.closing or not session.connected or not self.allow_upgrades:
            return _UNKNOWN_SID
        try:
            websocket = await proposal.accept(max_message=self.max_http_buffer_size)
        except WebSocketClosed:
            return None
        if session.upgraded or session.upgrading or session.closing:
            # Refused only now: clients take a refused handshake for a fault of the whole session.
            await websocket.close()
        else:
            await session.upgrade(websocket)
        return None

    async def _open_websocket(
        self, request: HttpRequest, query: Mapping[str, str], proposal: Proposal
    ) -> HttpResponse | _Refusal | None:
        if query.get("EIO") != "4":
            return _BAD_VERSION
        session = await self._open(request, "websocket")
        if not isinstance(session, Session):
            return session
        try:
            websocket = await proposal.accept(max_message=self.max_http_buffer_size)
        except WebSocketClosed:
            session.request_close(self.reason.TRANSPORT_ERROR)
            return None
        await session.carry(websocket)
        return None

    def _check(self, query: Mapping[str, str], transport: str) -> _Refusal | None:
        asked = query.get("transport")
        if asked not in self.transports:
            return _UNKNOWN_TRANSPORT
        if asked != transport:
            return _BAD_REQUEST
        return None

    async def _other_route(self, request: HttpRequest) -> HttpResponse:
        methods = self._routes.get(request.path)
        if methods is None:
            return HttpResponse(404, [_TEXT], b"Not Found")
        handler = methods.get("GET" if request.method == "HEAD" else request.method)
        if handler is None:
            return HttpResponse(405, [_TEXT, ("Allow", ", ".join(methods))], b"Method Not Allowed")
        return await handler(request)


def _query(request: HttpRequest) -> dict[str, str]:
    try:
        return request.query
    except ValueError:
        raise BadRequest(400, "too many query fields") from None


def _response(refusal: _Refusal) -> HttpResponse:
    body = orjson.dumps({"code": refusal.code, "message": refusal.message})
    return HttpResponse(refusal.status, [_JSON], body)


async def _in_slot(
    slots: trio.Semaphore, begun: trio.Event, handler: Callable[[], Awaitable[object]]
) -> None:
    begun.set()
    try:
        await logged(handler)
    finally:
        slots.release()


async def logged(async_fn: Callable[..., Awaitable[object]], *args: Any) -> None:
    """Await `async_fn(*args)`; an error is logged and goes no further."""
    try:
        await async_fn(*args)
    except Exception:
        log.exception("a handler or task of the application failed")


async def called(handler: Callable[..., Any], *args: Any) -> Any:
    """Call a handler, async or not."""
    result = handler(*args)
    return await result if inspect.isawaitable(result) else result


def fitting(handler: Callable[..., Any], *args: Any) -> tuple[Any, ...]:
    """`args`, or all but the last where the handler takes no more: older handlers know no reason or auth."""
    try:
        inspect.signature(handler).bind(*args)
    except TypeError:
        return args[:-1]
    except ValueError:  # A callable without a signature, from an extension module.
        return args
    return args
