"""Requests: which session they belong to, and whether they may."""

import logging
from collections.abc import Mapping
from functools import partial
from typing import Any, Final, Protocol

import attrs
import trio

from sts_actors.gateway.engine import packets, refusals
from sts_actors.gateway.engine.origins import OriginPolicy
from sts_actors.gateway.engine.packets import Encoded
from sts_actors.gateway.engine.refusals import Refusal
from sts_actors.gateway.engine.routes import Routes
from sts_actors.gateway.engine.session import Session
from sts_actors.gateway.errors import BadRequest, ProtocolViolation, WebSocketClosed
from sts_actors.gateway.wire.messages import Handler, HttpRequest, HttpResponse
from sts_actors.gateway.wire.upgrade import Proposal

log = logging.getLogger(__name__)

_TEXT: Final = ("Content-Type", "text/plain; charset=UTF-8")
_FRESH: Final = ("Cache-Control", "no-store")


class SessionHouse(Protocol):
    """The server, as far as its endpoint needs it: where sessions are opened and found."""

    sockets: dict[str, Session]
    transports: list[str]
    allow_upgrades: bool
    max_http_buffer_size: int
    reason: Any

    async def open(self, request: HttpRequest, transport: str) -> Session | Refusal | HttpResponse:
        """See `EngineServer.open`."""

    def greeting(self, sid: str, transport: str) -> str:
        """See `EngineServer.greeting`."""


class Endpoint:
    """Where a server's requests arrive: Engine.IO at `path`, other routes elsewhere."""

    def __init__(self, server: SessionHouse, *, path: str, origins: OriginPolicy) -> None:
        self._server = server
        self._path = path
        self._origins = origins
        self._routes = Routes()

    def route(self, method: str, path: str, handler: Handler) -> None:
        """Serve `path` with `handler`; see `Routes`."""
        self._routes.add(method, path, handler)

    async def http(self, request: HttpRequest) -> HttpResponse:
        """Answer a request: of Engine.IO, or of another route.

        Raises:
            BadRequest: it cannot be served, and its connection no further.
        """
        if request.path.rstrip("/") != self._path:
            return await self._routes.serve(request)
        if not self._origins.permits(request):
            return refusals.FORBIDDEN.response()
        if request.method == "OPTIONS":
            response = HttpResponse(204)
        else:
            answer = await self._polling(request)
            response = answer.response() if isinstance(answer, Refusal) else answer
        return attrs.evolve(response, headers=(*response.headers, *self._origins.headers(request)))

    async def _polling(self, request: HttpRequest) -> HttpResponse | Refusal:
        query = _query(request)
        refusal = self._check(query, "polling")
        if refusal is not None:
            return refusal
        sid = query.get("sid")
        if sid is None:
            return await self._handshake(request, query)
        session = self._session(sid)
        if session is None:
            return refusals.UNKNOWN_SID
        if session.upgraded:
            return refusals.BAD_REQUEST
        serve = {"GET": self._poll, "POST": self._post}.get(request.method)
        return refusals.BAD_METHOD if serve is None else await serve(session, request)

    def _session(self, sid: str) -> Session | None:
        session = self._server.sockets.get(sid)
        return session if session is not None and session.connected and not session.closing else None

    async def _handshake(self, request: HttpRequest, query: Mapping[str, str]) -> HttpResponse | Refusal:
        if request.method != "GET":
            return refusals.BAD_METHOD
        if query.get("EIO") != "4":
            return refusals.BAD_VERSION
        session = await self._server.open(request, "polling")
        if not isinstance(session, Session):
            return session

        def undelivered() -> None:
            session.request_close(self._server.reason.TRANSPORT_CLOSE)

        body = packets.encode_payload([self._server.greeting(session.sid, "polling")])
        return HttpResponse(200, [_TEXT, _FRESH], body, undelivered=undelivered)

    async def _poll(self, session: Session, request: HttpRequest) -> HttpResponse | Refusal:
        taken: list[Encoded] | None = None
        if session.polling_idle:

            async def watch() -> None:
                await request.wait_gone()
                session.request_close(self._server.reason.TRANSPORT_CLOSE)

            async with trio.open_nursery() as nursery:
                nursery.start_soon(watch)
                taken = await session.poll()
                nursery.cancel_scope.cancel()
        else:
            taken = await session.poll()
        if taken is None:
            return refusals.BAD_REQUEST

        def undelivered() -> None:
            session.request_close(self._server.reason.TRANSPORT_ERROR)

        return HttpResponse(200, [_TEXT, _FRESH], packets.encode_payload(taken), undelivered=undelivered)

    async def _post(self, session: Session, request: HttpRequest) -> HttpResponse | Refusal:
        async def body() -> bytes:
            return await request.body(self._server.max_http_buffer_size, heard=session.heard)

        try:
            await session.post(body)
        except ProtocolViolation as violation:
            log.info("session %s broke the protocol: %s", session.sid, violation)
            session.request_close(self._server.reason.TRANSPORT_ERROR)
            return refusals.BAD_REQUEST
        except (BadRequest, trio.BrokenResourceError):
            session.request_close(self._server.reason.TRANSPORT_ERROR)
            raise
        return HttpResponse(200, [_TEXT, _FRESH], b"ok")

    async def websocket(self, request: HttpRequest, proposal: Proposal) -> HttpResponse | None:
        """Open a session over a WebSocket, or let it probe for an upgrade; None once it was accepted."""
        if request.path.rstrip("/") != self._path:
            return HttpResponse(404)
        answer = await self._websocket(request, proposal)
        return answer.response() if isinstance(answer, Refusal) else answer

    async def _websocket(self, request: HttpRequest, proposal: Proposal) -> HttpResponse | Refusal | None:
        if not self._origins.permits(request):
            return refusals.FORBIDDEN
        query = _query(request)
        refusal = self._check(query, "websocket")
        if refusal is not None:
            return refusal
        sid = query.get("sid")
        if sid is None:
            return await self._open_websocket(request, query, proposal)
        session = self._session(sid)
        if session is None or not self._server.allow_upgrades:
            return refusals.UNKNOWN_SID
        accept = partial(proposal.accept, max_message=self._server.max_http_buffer_size)
        try:
            if session.upgraded or session.upgrading:
                # Accepted first: clients take a refused handshake for a fault of the whole session.
                await (await accept()).close()
            else:
                await session.upgrade(accept)
        except WebSocketClosed:
            log.debug("session %s: a WebSocket left during its handshake", session.sid)
        return None

    async def _open_websocket(
        self, request: HttpRequest, query: Mapping[str, str], proposal: Proposal
    ) -> HttpResponse | Refusal | None:
        if query.get("EIO") != "4":
            return refusals.BAD_VERSION
        session = await self._server.open(request, "websocket")
        if not isinstance(session, Session):
            return session
        try:
            websocket = await proposal.accept(max_message=self._server.max_http_buffer_size)
        except WebSocketClosed:
            session.request_close(self._server.reason.TRANSPORT_ERROR)
            return None
        await session.carry(websocket)
        return None

    def _check(self, query: Mapping[str, str], transport: str) -> Refusal | None:
        asked = query.get("transport")
        if asked not in self._server.transports:
            return refusals.UNKNOWN_TRANSPORT
        if asked != transport:
            return refusals.BAD_REQUEST
        return None


def _query(request: HttpRequest) -> dict[str, str]:
    try:
        return request.query
    except ValueError:
        raise BadRequest(400, "too many query fields") from None
