"""From an HTTP request to a WebSocket, on the stream that the request came over."""

import base64
import binascii

import trio
from websockets.utils import accept_key

from sts_actors.gateway.errors import BadRequest, WebSocketClosed
from sts_actors.gateway.limits import Limits
from sts_actors.gateway.wire.budget import ReceiveBudget
from sts_actors.gateway.wire.frames import FrameGuard
from sts_actors.gateway.wire.messages import HttpRequest
from sts_actors.gateway.wire.peer import PeerStream
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
        key: str,
        stream: PeerStream,
        *,
        limits: Limits,
        budget: ReceiveBudget,
    ) -> None:
        self._key = key
        self._stream = stream
        self._limits = limits
        self._budget = budget
        self.websocket: WebSocket | None = None

    async def accept(self, *, max_message: int) -> WebSocket:
        """Complete the handshake; no extension, compression included, is ever negotiated.

        Raises:
            WebSocketClosed: the peer went away meanwhile.
        """
        head = (
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {accept_key(self._key)}\r\n\r\n"
        )
        try:
            with trio.fail_after(self._limits.handshake_timeout):
                await self._stream.send_all(head.encode("ascii"))
        except (trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError):
            raise WebSocketClosed(1006, "during the handshake") from None
        guard = FrameGuard(
            max_message=max_message,
            max_frames=self._limits.frames_per_message,
            budget=self._budget,
            patience=self._limits.body_timeout,
            min_rate=self._limits.min_body_rate,
        )
        self.websocket = WebSocket(self._stream, guard, close_timeout=self._limits.close_timeout)
        return self.websocket


def checked_key(request: HttpRequest) -> str:
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
    return key
