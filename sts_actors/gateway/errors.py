"""What can go wrong between a peer and the gateway, and whose fault it is."""

from socketio.exceptions import ConnectionRefusedError, DisconnectedError  # noqa: A004 - its name
from socketio.exceptions import TimeoutError as CallTimeoutError

__all__ = [
    "BadRequest",
    "CallTimeoutError",
    "ConnectionRefusedError",
    "DisconnectedError",
    "GatewayError",
    "PeerTooSlow",
    "ProtocolViolation",
    "WebSocketClosed",
]


class GatewayError(Exception):
    """The base of the gateway's own errors."""


class ProtocolViolation(GatewayError):  # noqa: N818 - says what happened
    """The peer broke the protocol; its session is closed. The message says how, and is only logged."""


class PeerTooSlow(GatewayError):  # noqa: N818 - says what happened
    """The peer took nothing for too long while others waited to send to it."""


class WebSocketClosed(GatewayError):  # noqa: N818 - says what happened
    """The WebSocket is closed, by either side; `code` is the close code, 1006 when there was none."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


class BadRequest(GatewayError):  # noqa: N818 - says what happened
    """The peer's request cannot be served; answered with `status` and, besides, the connection is closed."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason
