"""What a malformed input is: what is sent, from where on, and the one way in which it must end."""

from enum import Enum

import attrs


class Start(Enum):
    """What the peer has done before."""

    CONNECTION = "has connected, and asked for nothing"
    POLLING = "has opened a session over polling; each part goes over a connection of its own"
    PROBING = "has opened a session over polling, and a WebSocket to go on with it"
    ENGINE = "has opened a session over a WebSocket, and joined no namespace"
    JOINED = "has joined the main namespace over a WebSocket"


@attrs.frozen
class Refused:
    """The last request is answered with `status`, and the Engine.IO error `code` if it is one.

    `closes`: the stream ends after it; `lives`: the session it was sent in goes on.
    """

    status: int
    code: int | None = None
    closes: bool = attrs.field(default=False, kw_only=True)
    lives: bool = attrs.field(default=False, kw_only=True)


@attrs.frozen
class Closed:
    """The WebSocket is closed with a close frame of `code`."""

    code: int


@attrs.frozen
class ConnectError:
    """A connect error refuses the namespace and the session goes on."""

    packet: str


@attrs.frozen
class Dropped:
    """The stream ends without a word."""


Ending = Refused | Closed | ConnectError | Dropped


@attrs.frozen
class Malformed:
    """One input. `sent`: text is a message, bytes go out as they are; in HTTP `{sid}` is the session's id.

    Attributes:
        reason: what the disconnect handler of a joined client is told.
    """

    name: str
    sent: tuple[str | bytes, ...] = attrs.field(
        converter=lambda sent: sent if isinstance(sent, tuple) else (sent,)
    )
    ending: Ending
    start: Start = Start.JOINED
    reason: str = attrs.field(default="transport error", kw_only=True)
