"""From an HTTP request to a WebSocket, on the stream that the request came over."""

import base64
import binascii

import trio
from trio_websocket import ConnectionClosed, wrap_server_stream

from sts_actors.gateway.errors import BadRequest, WebSocketClosed
from sts_actors.gateway.limits import Limits
from sts_actors.gateway.wire.budget import ReceiveBudget
from sts_actors.gateway.wire.frames import FrameGuard
from sts_actors.gateway.wire.messages import HttpRequest
from sts_actors.gateway.wire.peer import RECEIVE_SIZE, PeerStream
from sts_actors.gateway.wire.websocket import WebSocket

_KEY_SIZE = 16


def asks_for_websocket(request: HttpRequest) -> bool:
    """Whether the request's headers ask for an upgrade to WebSocket."""
    tokens = {token.strip().lower() for token in request.header("connection").split(",")}
    return "upgrade" in tokens and request.header("upgrade").strip().lower() == "websocket"


class Proposal:
    """A WebSocket that a peer asks for; whoever answers either accepts it or returns a response."""

    def __init__(
        self,
        key: bytes,
        stream: PeerStream,
        nursery: trio.Nursery,
        *,
        limits: Limits,
        budget: ReceiveBudget,
    ) -> None:
        self._key = key
        self._stream = stream
        self._nursery = nursery
        self._limits = limits
        self._budget = budget
        self.websocket: WebSocket | None = None

    async def accept(self, *, max_message: int) -> WebSocket:
        """Complete the handshake; no extension, compression included, is ever negotiated.

        Raises:
            WebSocketClosed: the peer went away meanwhile.
        """
        # Only what the handshake needs is told again: nothing else of a peer's headers is parsed twice.
        head = (
            b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + self._key + b"\r\n\r\n"
        )
        self._stream.push_back(head)
        try:
            with trio.fail_after(self._limits.handshake_timeout):
                proposal = await wrap_server_stream(
                    self._nursery,
                    self._stream,
                    max_message_size=max_message,
                    receive_buffer_size=RECEIVE_SIZE,
                )
                # The reader has taken the head and waits; what follows it is frames.
                self._stream.guard = FrameGuard(
                    max_message=max_message,
                    max_frames=self._limits.frames_per_message,
                    budget=self._budget,
                    patience=self._limits.body_timeout,
                    min_rate=self._limits.min_body_rate,
                )
                connection = await proposal.accept()
        except (ConnectionClosed, trio.BrokenResourceError, trio.TooSlowError):
            raise WebSocketClosed(1006, "during the handshake") from None
        self.websocket = WebSocket(connection, self._stream, close_timeout=self._limits.close_timeout)
        return self.websocket


def checked_key(request: HttpRequest) -> bytes:
    """The handshake's key.

    Raises:
        BadRequest: the handshake is malformed.
    """
    if request.method != "GET" or request.http_version != "1.1":
        raise BadRequest(400, "a WebSocket is asked for with GET and HTTP/1.1")
    if request.header("sec-websocket-version").strip() != "13":
        raise BadRequest(426, "only version 13 of WebSocket is spoken here")
    key = request.header("sec-websocket-key").strip()
    try:
        size = len(base64.b64decode(key, validate=True))
    except (binascii.Error, ValueError):
        size = 0
    if size != _KEY_SIZE:
        raise BadRequest(400, "Sec-WebSocket-Key is missing or malformed")
    return key.encode("ascii")
