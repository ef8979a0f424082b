"""What can go wrong for a client: a handful of types, one line of text each.

The text may quote the server, so it is cut and cleaned first; it never quotes the URL's query,
headers or `auth`, where secrets live. The names say what happened, as Trio's and httpcore's do.
"""

import attrs

MAX_CHARACTERS = 300


def one_line(text: str) -> str:
    """`text` as a single printable line of at most `MAX_CHARACTERS`."""
    flat = " ".join(text.split())
    clean = "".join(character if character.isprintable() else "?" for character in flat)
    return clean if len(clean) <= MAX_CHARACTERS else clean[: MAX_CHARACTERS - 1] + "…"


class ClientError(Exception):
    """Whatever stops a client; `reason` and `str()` are one line, fit for a terminal."""

    def __init__(self, reason: str) -> None:
        self.reason = one_line(reason)
        super().__init__(self.reason)


class ConnectFailed(ClientError):  # noqa: N818 - see above
    """There is no connection: a bad URL, nobody there, another protocol, or the server's own refusal."""


class ConnectionLost(ClientError):  # noqa: N818 - see above
    """There was a connection and it has gone; what was sent last may or may not have arrived."""


class NoAnswer(ClientError):  # noqa: N818 - see above
    """The server is there, but did not answer in time; the connection goes on."""


class MessageTooLarge(ClientError):  # noqa: N818 - see above
    """A message was not sent because the server said at the start that it takes none so large."""


class BadAnswer(ClientError):  # noqa: N818 - see above
    """The server's payload breaks the contract; the message names the event and the field."""


class StreamRefused(ClientError):  # noqa: N818 - see above
    """The server answered `stream:init` with an `error`; `code` is the contract's."""

    def __init__(self, code: str, message: str) -> None:
        self.code = one_line(code)
        self.message = one_line(message)
        super().__init__(f"{self.code}: {self.message}")
        # Pickles and copies rebuild an exception from its arguments.
        self.args = (code, message)

    def __str__(self) -> str:
        return self.reason


@attrs.frozen
class End:
    """How a connection ended.

    Attributes:
        orderly: either side said goodbye.
        final: dialling again would be wrong: the server has shown this client the door, or the cause is here.
    """

    reason: str
    orderly: bool = False
    final: bool = False


class Ended(Exception):  # noqa: N818 - a signal between our own layers; callers see ClientError
    """The connection has ended. Stays inside this package."""

    def __init__(self, reason: str, *, orderly: bool = False, final: bool = False) -> None:
        super().__init__(reason)
        self.end = End(reason, orderly, final)
