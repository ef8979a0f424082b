"""Why a request is refused, in the protocol's own numbers."""

from typing import Final

import attrs
import orjson

from sts_actors.gateway.wire.messages import HttpResponse


@attrs.frozen
class Refusal:
    """A code of the protocol, its message and its HTTP status."""

    code: int
    message: str
    status: int = 400

    def response(self) -> HttpResponse:
        """What the client gets, with the reason as JSON."""
        body = orjson.dumps({"code": self.code, "message": self.message})
        return HttpResponse(self.status, [("Content-Type", "application/json")], body)


UNKNOWN_TRANSPORT: Final = Refusal(0, "Transport unknown")
UNKNOWN_SID: Final = Refusal(1, "Session ID unknown")
BAD_METHOD: Final = Refusal(2, "Bad handshake method")
BAD_REQUEST: Final = Refusal(3, "Bad request")
FORBIDDEN: Final = Refusal(4, "Forbidden", 403)
BAD_VERSION: Final = Refusal(5, "Unsupported protocol version: only EIO=4 is spoken here")
FULL: Final = Refusal(6, "Too many sessions", 503)
"""Not the protocol's: it knows no full house."""
