"""One HTTP/1.1 connection: heads, bodies and responses, each with its deadline."""

import logging
from collections.abc import Callable
from http import HTTPStatus
from http.client import responses
from typing import Final, Protocol

import h11
import trio

from sts_actors.gateway.errors import BadRequest
from sts_actors.gateway.limits import Limits
from sts_actors.gateway.wire.budget import ReceiveBudget
from sts_actors.gateway.wire.messages import HttpRequest, HttpResponse, split_target
from sts_actors.gateway.wire.peer import PeerStream
from sts_actors.gateway.wire.upgrade import Proposal, asks_for_websocket, checked_key

log = logging.getLogger(__name__)

_PIPELINED: Final = 64 * 1024
"""What a peer may send ahead while its request is being answered."""

_SHORT_BODY: Final = 64 * 1024
"""An unwanted body up to this size is read after the answer, rather than the connection closed."""

_BODY_APART: Final = 64 * 1024
"""Bodies from this size on are sent without being joined to their head, which would copy them."""

_BODILESS: Final = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})
"""These end with their head: a length there is that of another response, which they stand for, or none."""


class Application(Protocol):
    """What is served: the Engine.IO endpoint and other routes."""

    async def http(self, request: HttpRequest) -> HttpResponse:
        """Answer a request."""

    async def websocket(self, request: HttpRequest, proposal: Proposal) -> HttpResponse | None:
        """Accept the proposal and stay with the WebSocket until it ends, or refuse with a response."""


class HttpConnection:
    """Serves the requests of one peer, one after another.

    `past_handshake` is called once, when the first request's head has been read.
    """

    def __init__(
        self,
        stream: PeerStream,
        application: Application,
        *,
        limits: Limits,
        budget: ReceiveBudget,
        peer: tuple[str, int] = ("", 0),
        local: tuple[str, int] = ("", 0),
        past_handshake: Callable[[], None] = lambda: None,
    ) -> None:
        self._stream = stream
        self._application = application
        self._limits = limits
        self._budget = budget
        self._peer = peer
        self._local = local
        self._past_handshake = past_handshake
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=limits.header_size)
        self._linger = False
        self._idle: trio.CancelScope | None = None
        self._finishing = False

    def finish(self) -> None:
        """Serve no further request; an idle connection ends now."""
        self._finishing = True
        if self._idle is not None:
            self._idle.cancel()

    async def run(self) -> None:
        """Serve until the peer leaves, errs or asks for a WebSocket; then close the stream."""
        try:
            await self._serve_requests()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            log.debug("connection of %s broke", self._peer[0])
        except (h11.RemoteProtocolError, BadRequest) as error:
            await self._refuse(error)
        finally:
            with trio.move_on_after(self._limits.close_timeout, shield=True):
                if self._linger:
                    await self._stream.linger(self._limits.close_timeout)
            await self._stream.aclose()

    async def _serve_requests(self) -> None:
        timeout = self._limits.header_timeout
        while True:
            event = await self._next_head(timeout)
            if event is None:
                return
            self._past_handshake()
            request = self._request(event)
            if asks_for_websocket(request):
                response = await self._upgrade(request)
                if response is None:
                    return
            else:
                response = await self._answer(request)
            await self._send(request, response)
            if self._h11.their_state is h11.SEND_BODY and self._h11.our_state is h11.DONE:
                await self._drain()
            if self._h11.our_state is h11.MUST_CLOSE or self._h11.their_state is not h11.DONE:
                self._linger = True
                return
            self._h11.start_next_cycle()
            timeout = self._limits.keep_alive_timeout

    async def _next_head(self, idle_timeout: float) -> h11.Request | None:
        """The next request, or None when the peer has left in between, or sent nothing in time."""
        begun = False
        with trio.move_on_after(idle_timeout) as scope:
            self._idle = scope
            if self._finishing:
                scope.cancel()
            while (event := self._h11.next_event()) is h11.NEED_DATA:
                data = await self._stream.receive_some()
                self._h11.receive_data(data)
                if data and not begun:
                    begun = True
                    self._idle = None
                    scope.deadline = trio.current_time() + self._limits.header_timeout
        self._idle = None
        if scope.cancelled_caught:
            if begun:
                raise BadRequest(408, "the request's head took too long")
            return None
        if not isinstance(event, h11.Request):
            return None
        headers = _checked(event, self._limits.header_size)
        if not headers & {b"content-length", b"transfer-encoding"}:
            # The end of its empty body: the connection can be used again whatever the handler reads.
            self._h11.next_event()
        return event

    def _request(self, event: h11.Request) -> HttpRequest:
        target = event.target.decode("latin-1")
        path, query_string = split_target(target)
        return HttpRequest(
            method=event.method.decode("ascii"),
            target=target,
            path=path,
            query_string=query_string,
            headers=tuple((name.decode("ascii"), value.decode("latin-1")) for name, value in event.headers),
            http_version=event.http_version.decode("ascii"),
            peer=self._peer,
            local=self._local,
            source=self,
        )

    async def _answer(self, request: HttpRequest) -> HttpResponse:
        try:
            return await self._application.http(request)
        except (BadRequest, trio.BrokenResourceError, h11.RemoteProtocolError):
            raise
        except Exception:
            log.exception("a handler of %s %s failed", request.method, request.path)
            return HttpResponse(500, {"Content-Type": "text/plain"}, b"Internal Server Error")

    async def _upgrade(self, request: HttpRequest) -> HttpResponse | None:
        if self._h11.trailing_data[0] or self._h11.their_state is h11.SEND_BODY:
            raise BadRequest(400, "nothing may be sent before the handshake has ended")
        key = checked_key(request)
        proposal = Proposal(key, self._stream, limits=self._limits, budget=self._budget)
        try:
            response = await self._application.websocket(request, proposal)
        except BadRequest as error:
            response = _refusal(error)
        finally:
            if proposal.websocket is not None:
                await proposal.websocket.close()  # noqa: ASYNC102 - shielded inside, and bounded
        return None if proposal.websocket is not None else response

    async def read_body(self, limit: int, heard: Callable[[], None] | None) -> bytes:
        """See `HttpRequest.body`."""
        if self._h11.their_state is h11.DONE:
            return b""
        if self._h11.they_are_waiting_for_100_continue:
            await self._stream.send_all(
                self._h11.send(h11.InformationalResponse(status_code=100, headers=[])) or b""
            )
        pieces: list[bytes] = []
        size = 0
        started = trio.current_time()
        try:
            with trio.CancelScope() as scope:
                while True:
                    scope.deadline = started + self._limits.body_timeout + size / self._limits.min_body_rate
                    event = self._h11.next_event()
                    if isinstance(event, h11.Data):
                        piece = event.data
                        if size + len(piece) > limit:
                            raise BadRequest(413, f"a body may have {limit} bytes")
                        if not self._budget.take(len(piece)):
                            raise BadRequest(503, "too much is being received at once")
                        size += len(piece)
                        pieces.append(piece)
                        if heard is not None:
                            heard()
                    elif isinstance(event, h11.EndOfMessage):
                        return b"".join(pieces)
                    elif event is h11.NEED_DATA:
                        self._h11.receive_data(await self._stream.receive_some())
                    else:
                        raise trio.BrokenResourceError("the peer left in the middle of a body")
            raise BadRequest(408, "the body took too long")
        finally:
            self._budget.give_back(size)

    async def _drain(self) -> None:
        """Discard a short body that no handler wanted, so that the connection can be used again."""
        with trio.move_on_after(self._limits.close_timeout):
            while (event := self._h11.next_event()) is h11.NEED_DATA or isinstance(event, h11.Data):
                if event is h11.NEED_DATA:
                    self._h11.receive_data(await self._stream.receive_some())

    async def wait_gone(self) -> None:
        """See `HttpRequest.wait_gone`."""
        ahead = 0
        while ahead < _PIPELINED:
            try:
                data = await self._stream.receive_some()
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return
            self._h11.receive_data(data)
            if not data:
                return
            ahead += len(data)
        await trio.sleep_forever()

    async def _send(self, request: HttpRequest, response: HttpResponse) -> None:
        headers = [(name.encode("ascii"), value.encode("latin-1")) for name, value in response.headers]
        if response.status not in _BODILESS:
            headers.append((b"Content-Length", b"%d" % len(response.body)))
        if self._finishing or (self._h11.their_state is h11.SEND_BODY and not _is_short(request)):
            headers.append((b"Connection", b"close"))
        status = response.status
        reason = responses.get(status, "")
        head = (
            self._h11.send(h11.Response(status_code=status, headers=headers, reason=reason.encode())) or b""
        )
        # HEAD, 204 and 304 have no body; h11 knows, and gives no bytes for it.
        body = b"" if request.method == "HEAD" else self._h11.send(h11.Data(data=response.body)) or b""
        end = self._h11.send(h11.EndOfMessage()) or b""
        delivered = False
        try:
            if len(body) < _BODY_APART:
                await self._stream.send_all(head + body + end)
            else:
                await self._stream.send_all(head)
                await self._stream.send_all(body)
            delivered = True
        finally:
            if not delivered and response.undelivered is not None:
                response.undelivered()

    async def _refuse(self, error: BadRequest | h11.RemoteProtocolError) -> None:
        if self._h11.our_state not in {h11.IDLE, h11.SEND_RESPONSE} or self._stream.torn:
            return
        if isinstance(error, h11.RemoteProtocolError):
            error = BadRequest(error.error_status_hint, "malformed request")
        response = _refusal(error)
        headers = [(name.encode(), value.encode()) for name, value in response.headers]
        headers += [(b"Content-Length", b"%d" % len(response.body)), (b"Connection", b"close")]
        data = self._h11.send(h11.Response(status_code=response.status, headers=headers)) or b""
        data += self._h11.send(h11.Data(data=response.body)) or b""
        self._linger = True
        try:
            await self._stream.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            log.debug("%s left before its refusal", self._peer[0])


def _checked(head: h11.Request, max_size: int) -> set[bytes]:
    """The names of the head's headers.

    Raises:
        BadRequest: it asks for what is not spoken here, is too large, or says two things at once.
    """
    if head.http_version not in {b"1.0", b"1.1"}:
        raise BadRequest(505, "only HTTP/1.0 and HTTP/1.1 are spoken here")
    size = len(head.target) + sum(len(name) + len(value) for name, value in head.headers)
    if size > max_size:  # h11 looks only while the head is incomplete.
        raise BadRequest(431, "the request's head is too large")
    headers = {name for name, _ in head.headers}
    if headers >= {b"content-length", b"transfer-encoding"}:
        # A proxy may believe the one and we the other: what follows would be somebody else's request.
        raise BadRequest(400, "a body has a length or is chunked, not both")
    return headers


def _is_short(request: HttpRequest) -> bool:
    length = request.header("content-length")
    return length.isdecimal() and int(length) <= _SHORT_BODY and not request.header("expect")


def _refusal(error: BadRequest) -> HttpResponse:
    extra = {"Sec-WebSocket-Version": "13"} if error.status == HTTPStatus.UPGRADE_REQUIRED else {}
    return HttpResponse(error.status, {"Content-Type": "text/plain", **extra}, error.reason.encode())
