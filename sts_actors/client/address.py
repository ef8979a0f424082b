"""From a URL and headers as people write them to what the handshake needs."""

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import attrs

from sts_actors.client.errors import ConnectFailed

_TLS = {"http": False, "ws": False, "https": True, "wss": True}
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OURS = frozenset({"host", "connection", "upgrade", "content-length", "transfer-encoding"})

Headers = tuple[tuple[bytes, bytes], ...]


@attrs.frozen(kw_only=True)
class Address:
    """Where a server is. `str()` shows no path, query or password: those can hold secrets."""

    host: str
    port: int
    tls: bool
    resource: str = attrs.field(repr=False)

    @property
    def host_header(self) -> str:
        """The `Host` header's value: the port only where it is not the scheme's own."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        return name if self.port == (443 if self.tls else 80) else f"{name}:{self.port}"

    def __str__(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.host_header}"


def parse_address(url: str) -> Address:
    """Read a server's URL: `http`, `https`, `ws` or `wss`, a host, perhaps a port, path and query.

    A path is the prefix that a proxy serves the server under: `/socket.io/` is appended, unless the path
    ends so already. A query is passed on.

    Raises:
        ConnectFailed: what is wrong with the URL; never quotes it.
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError as error:
        raise ConnectFailed(f"bad URL: {error}") from None
    if parts.scheme not in _TLS or not parts.hostname:
        raise ConnectFailed("bad URL: write it like http://127.0.0.1:8000 or https://example.org")
    if parts.username is not None or parts.password is not None:
        raise ConnectFailed("bad URL: it may not hold a user or password; send them as auth or as a header")
    tls = _TLS[parts.scheme]
    if port is None:
        port = 443 if tls else 80
    return Address(
        host=_ascii_host(parts.hostname), port=port, tls=tls, resource=_resource(parts.path, parts.query)
    )


def encode_headers(headers: Mapping[str, str] | None) -> Headers:
    """Headers as the handshake takes them.

    Raises:
        ConnectFailed: a name or value that HTTP forbids, or a header that belongs to the handshake itself.
    """
    encoded = []
    for name, value in (headers or {}).items():
        if not _TOKEN.fullmatch(name):
            raise ConnectFailed(f"bad header name {name!r}")
        if name.lower() in _OURS or name.lower().startswith("sec-websocket-"):
            raise ConnectFailed(f"the header {name} belongs to the WebSocket handshake and cannot be set")
        # The value is not quoted: it is often a token.
        if not value.isascii() or not value.isprintable():
            raise ConnectFailed(f"the value of the header {name} may hold printable ASCII only")
        encoded.append((name.encode("ascii"), value.strip().encode("ascii")))
    return tuple(encoded)


def _ascii_host(host: str) -> str:
    if ":" in host:  # IPv6; a zone such as %eth0 stays as it is
        return host
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        raise ConnectFailed("bad URL: its host name is not valid") from None


def _resource(path: str, query: str) -> str:
    prefix = quote(path.rstrip("/"), safe="/%:@!$&'()*+,;=~")
    if not prefix.endswith("/socket.io"):
        prefix += "/socket.io"
    ours = {"EIO": "4", "transport": "websocket"}
    theirs = [pair for pair in parse_qsl(query, keep_blank_values=True) if pair[0] not in ours]
    return f"{prefix}/?{urlencode([*theirs, *ours.items()])}"
