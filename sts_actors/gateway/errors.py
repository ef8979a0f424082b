"""What can go wrong between a peer and the gateway, and whose fault it is."""

from socketio.exceptions import ConnectionRefusedError as ConnectionRefusedError  # noqa: A004, PLC0414 - python-socketio's own, re-exported under its name
from socketio.exceptions import DisconnectedError as DisconnectedError  # noqa: PLC0414 - idem
from socketio.exceptions import TimeoutError as CallTimeoutError  # noqa: PLC0414 - idem


class GatewayError(Exception):
    """The base of the gateway's own errors."""


class ProtocolViolation(GatewayError):
    """The peer broke the protocol; its session is closed. The message says how, and is only logged."""


class PeerTooSlow(GatewayError):
    """The peer took nothing for too long while others waited to send to it."""


class WebSocketClosed(GatewayError):
    """The WebSocket is closed, by either side; `code` is the close code, 1006 when there was none."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


class BadRequest(GatewayError):
    """The peer's request cannot be served; answered with `status` and, besides, the connection is closed."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason
