"""An HTTP request and its response, as handlers see them."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Protocol
from urllib.parse import parse_qs, unquote

import attrs

from sts_actors.gateway.errors import BadRequest


def _pairs(headers: Mapping[str, str] | Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple(headers.items() if isinstance(headers, Mapping) else headers)


@attrs.frozen
class HttpResponse:
    """A whole response; `Content-Length` and `Connection` are added on the way out.

    `undelivered` is called, synchronously, when the response could not be written in full.
    """

    status: int = 200
    headers: tuple[tuple[str, str], ...] = attrs.field(default=(), converter=_pairs)
    body: bytes = attrs.field(default=b"", repr=False)
    undelivered: Callable[[], None] | None = attrs.field(default=None, kw_only=True, repr=False, eq=False)


class RequestBody(Protocol):
    """The connection that a request came over, as far as its handler needs it."""

    async def read_body(self, limit: int, heard: Callable[[], None] | None) -> bytes:
        """See `HttpRequest.body`."""

    async def wait_gone(self) -> None:
        """See `HttpRequest.wait_gone`."""


@attrs.frozen(kw_only=True, eq=False)
class HttpRequest:
    """A request's head, and a way to its body.

    `path` is decoded and has no query; `headers` are (lower-case name, value) in their order, Latin-1.
    `peer` is the remote (host, port), ("", 0) where the transport has none.
    """

    method: str
    target: str = attrs.field(repr=False)
    path: str
    query_string: str = attrs.field(repr=False)
    headers: tuple[tuple[str, str], ...] = attrs.field(repr=False)
    http_version: str = "1.1"
    scheme: str = "http"
    peer: tuple[str, int] = ("", 0)
    local: tuple[str, int] = ("", 0)
    source: RequestBody = attrs.field(repr=False)

    def header(self, name: str, default: str = "") -> str:
        """The values of a header, joined by commas; `name` in lower case."""
        values = [value for key, value in self.headers if key == name]
        return ", ".join(values) if values else default

    @property
    def query(self) -> dict[str, str]:
        """The query's first value for each name.

        Raises:
            ValueError: it has more than 32 fields.
        """
        fields = parse_qs(self.query_string, keep_blank_values=True, max_num_fields=32)
        return {name: values[0] for name, values in fields.items()}

    async def body(self, limit: int, *, heard: Callable[[], None] | None = None) -> bytes:
        """Receive the body; `heard` is called for each piece of it.

        Raises:
            BadRequest: it has more than `limit` bytes, is encoded, or comes too slowly.
            trio.BrokenResourceError: the peer has gone.
        """
        if self.header("content-encoding", "identity") != "identity":
            raise BadRequest(415, "encoded bodies are not accepted")
        if int(self.header("content-length", "0")) > limit:
            raise BadRequest(413, f"a body may have {limit} bytes")
        return await self.source.read_body(limit, heard)

    async def wait_gone(self) -> None:
        """Wait until the peer has closed the connection."""
        await self.source.wait_gone()

    def environ(self) -> dict[str, Any]:
        """The head as a WSGI environment, which is how python-socketio shows it to connect handlers."""
        environ: dict[str, Any] = {
            "REQUEST_METHOD": self.method,
            "SCRIPT_NAME": "",
            "PATH_INFO": self.path,
            "QUERY_STRING": self.query_string,
            "RAW_URI": self.target,
            "SERVER_PROTOCOL": f"HTTP/{self.http_version}",
            "SERVER_NAME": self.local[0],
            "SERVER_PORT": str(self.local[1]),
            "REMOTE_ADDR": self.peer[0],
            "REMOTE_PORT": str(self.peer[1]),
            "wsgi.url_scheme": self.scheme,
        }
        for name, value in self.headers:
            key = name.upper().replace("-", "_")
            if key not in {"CONTENT_TYPE", "CONTENT_LENGTH"}:
                key = f"HTTP_{key}"
            environ[key] = f"{environ[key]},{value}" if key in environ else value
        return environ


Handler = Callable[[HttpRequest], Awaitable[HttpResponse]]


def split_target(target: str) -> tuple[str, str]:
    """Path (decoded) and query of a request target in origin or absolute form."""
    path, _, query = target.partition("?")
    scheme, mark, rest = path.partition("://")
    if mark and scheme.isalpha():
        path = "/" + rest.partition("/")[2]
    return unquote(path), query
