"""Malformed HTTP: heads, bodies and WebSocket handshakes, each the first on its connection."""

from functools import partial

from gateway_peers import KEY, handshake
from malformed import Dropped, Malformed, Refused, Start

Malformed = partial(Malformed, start=Start.CONNECTION)

WS = "/socket.io/?EIO=4&transport=websocket"
VERSION = "Sec-WebSocket-Version: 13\r\n"
KEYED = f"Sec-WebSocket-Key: {KEY}\r\n"


def get(*headers: str, line: str = "GET /health HTTP/1.1", host: tuple[str, ...] = ("Host: t",)) -> bytes:
    return "\r\n".join([line, *host, *headers, "", ""]).encode("latin-1")


def post(*headers: str, body: bytes = b"") -> bytes:
    return get(*headers, line="POST /upload HTTP/1.1") + body


def chunked(body: bytes, *headers: str) -> bytes:
    return post("Transfer-Encoding: chunked", *headers, body=body)


_BAD = {
    "a line of one word": b"GARBAGE\r\n\r\n",
    "a request line without a version": get(line="GET /health"),
    "a request line with two spaces": get(line="GET  /health HTTP/1.1"),
    "a request line with a trailing word": get(line="GET /health HTTP/1.1 x"),
    "a version without a dot": get(line="GET /health HTTP/11"),
    "a version of another protocol": get(line="GET /health HTTQ/1.1"),
    "a version in lower case": get(line="GET /health http/1.1"),
    "a method with a colon": get(line="G:T /health HTTP/1.1"),
    "a target with a NUL": b"GET /\x00 HTTP/1.1\r\nHost: t\r\n\r\n",
    "a target with a tab": b"GET /a\tb HTTP/1.1\r\nHost: t\r\n\r\n",
    "a target with raw bytes": b"GET /\xff HTTP/1.1\r\nHost: t\r\n\r\n",
    "no host": get(host=()),
    "two hosts": get("Host: u"),
    "a header with a space in its name": get("Bad Header: x"),
    "a header with a space before its colon": get("X : x"),
    "a header without a name": get(": x"),
    "a header without a colon": get("header"),
    "a header with a NUL in its value": get("X: a\x00b"),
    "a header with a bare CR in its value": get("X: a\rb"),
    "a first header that is a continuation": b"GET /health HTTP/1.1\r\n Host: t\r\n\r\n",
    "the hello of TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "20 kB of blank lines": b"\r\n" * 10_000,
    "a length below zero": post("Content-Length: -1"),
    "a length with a sign": post("Content-Length: +3", body=b"abc"),
    "a length in hexadecimal": post("Content-Length: 0x3", body=b"abc"),
    "a length with a blank in it": post("Content-Length: 1 0", body=b"x" * 10),
    "a length of nothing": post("Content-Length: "),
    "two lengths that contradict": post("Content-Length: 1", "Content-Length: 2", body=b"ab"),
    "two lengths that contradict in one line": post("Content-Length: 1, 2", body=b"ab"),
    "a length of ten thousand digits": post("Content-Length: " + "9" * 10_000),
    "a length and a chunked body": chunked(
        b"0\r\n\r\nGET /health HTTP/1.1\r\nHost: t\r\n\r\n", "Content-Length: 5"
    ),
    "a chunk size that is no number": chunked(b"zz\r\n"),
    "a chunk size below zero": chunked(b"-1\r\n"),
    "a chunk size of thirty digits": chunked(b"f" * 30 + b"\r\n"),
    "a chunk longer than it says": chunked(b"2\r\nabc\r\n0\r\n\r\n"),
    "a trailer that is no header": chunked(b"0\r\nbad trailer\r\n\r\n"),
}

_NOT_IMPLEMENTED = {
    "an unknown transfer coding": post("Transfer-Encoding: gzip"),
    "two transfer codings": post("Transfer-Encoding: gzip, chunked"),
    "two transfer codings in two lines": post("Transfer-Encoding: gzip", "Transfer-Encoding: chunked"),
    "a transfer coding in a disguise": post("Transfer-Encoding: xchunked", "Content-Length: 3", body=b"abc"),
}

_TOO_LARGE = {
    "a header of 20 kB": get("X: " + "x" * 20_000),
    "a thousand headers": get(*(f"X{number}: {'y' * 20}" for number in range(1000))),
    "a target of 20 kB": get(line=f"GET /{'x' * 20_000} HTTP/1.1"),
    "20 kB that never become a line": b"x" * 20_000,
}

_HANDSHAKES = {
    "a handshake without a key": (VERSION, 400),
    "a handshake with a short key": (f"{VERSION}Sec-WebSocket-Key: short\r\n", 400),
    "a handshake with a key of 15 bytes": (f"{VERSION}Sec-WebSocket-Key: {'A' * 20}\r\n", 400),
    "a handshake with a key that is no base64": (f"{VERSION}Sec-WebSocket-Key: {'*' * 22}==\r\n", 400),
    "a handshake with a key of other letters": (f"{VERSION}Sec-WebSocket-Key: é\r\n", 400),
    "a handshake with two keys": (VERSION + KEYED + KEYED, 400),
    "a handshake of version 8": (f"Sec-WebSocket-Version: 8\r\n{KEYED}", 426),
    "a handshake of version 130": (f"Sec-WebSocket-Version: 130\r\n{KEYED}", 426),
    "a handshake of no version": (KEYED, 426),
    "a handshake of two versions": (VERSION + VERSION + KEYED, 426),
    "a handshake with a body": (f"{VERSION}{KEYED}Content-Length: 2\r\n", 400),
    "a handshake with a chunked body": (f"{VERSION}{KEYED}Transfer-Encoding: chunked\r\n", 400),
}

ENTRIES = (
    *(Malformed(name, sent, Refused(400, closes=True)) for name, sent in _BAD.items()),
    *(Malformed(name, sent, Refused(501, closes=True)) for name, sent in _NOT_IMPLEMENTED.items()),
    *(Malformed(name, sent, Refused(431, closes=True)) for name, sent in _TOO_LARGE.items()),
    *(
        Malformed(name, handshake(WS, headers), Refused(status, closes=True))
        for name, (headers, status) in _HANDSHAKES.items()
    ),
    Malformed("a version that does not exist", get(line="GET /health HTTP/3.0"), Refused(505, closes=True)),
    Malformed("the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Refused(505, closes=True)),
    Malformed("the version before headers", get(line="GET /health HTTP/0.9"), Refused(505, closes=True)),
    Malformed(
        "a handshake over HTTP/1.0",
        handshake(WS).replace(b"HTTP/1.1", b"HTTP/1.0"),
        Refused(400, closes=True),
    ),
    Malformed("a handshake by POST", handshake(WS).replace(b"GET", b"POST"), Refused(400, closes=True)),
    Malformed(
        "frames sent ahead of the handshake", handshake(WS) + b"\x81\x80\0\0\0\0", Refused(400, closes=True)
    ),
    Malformed("a handshake elsewhere", handshake("/elsewhere"), Refused(404)),
    Malformed(
        "a handshake for another protocol",
        handshake(WS).replace(b"Upgrade: websocket", b"Upgrade: h2c"),
        Refused(400, 3),
    ),
    Malformed(
        "a handshake that does not ask its connection",
        handshake(WS).replace(b"keep-alive, Upgrade", b"keep-alive"),
        Refused(400, 3),
    ),
    Malformed("a target in the form of a proxy's", get(line="CONNECT t:80 HTTP/1.1"), Refused(404)),
    Malformed("a target that is a star", get(line="OPTIONS * HTTP/1.1"), Refused(404)),
    Malformed("a target that climbs", get(line="GET /../../etc/passwd HTTP/1.1"), Refused(404)),
    Malformed("a target of broken escapes", get(line="GET /%zz%f HTTP/1.1"), Refused(404)),
    Malformed("a method that does not exist", get(line="BREW /health HTTP/1.1"), Refused(405)),
    Malformed(
        "a body too large by its length",
        post("Content-Length: 10001", body=b"x" * 10_001),
        Refused(413, closes=True),
    ),
    Malformed(
        "a body too large by its chunks", chunked(b"2711\r\n" + b"x" * 10_001), Refused(413, closes=True)
    ),
    Malformed(
        "a body of 1 TiB",
        post("Content-Length: 1099511627776", body=b"x" * 20_000),
        Refused(413, closes=True),
    ),
    Malformed("a head that never ends", b"GET /health HT", Refused(408, closes=True)),
    Malformed("headers that never end", b"GET /health HTTP/1.1\r\nHost: t\r\n", Refused(408, closes=True)),
    Malformed("a body that never ends", post("Content-Length: 10", body=b"abc"), Refused(408, closes=True)),
    Malformed("a chunk that never ends", chunked(b"5\r\nabc"), Refused(408, closes=True)),
    Malformed("a connection that says nothing", b"", Dropped()),
)
