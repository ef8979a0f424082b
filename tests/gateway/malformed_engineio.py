"""Malformed Engine.IO: queries, payloads, packets and probes."""

from gateway_loopback import BINARY, frame
from malformed import Closed, Malformed, Refused, Start

_SID = "/socket.io/?EIO=4&transport=polling&sid={sid}"


def request(
    target: str, method: str = "GET", *headers: str, body: bytes = b"", length: int | None = None
) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: t", *headers]
    if method == "POST":
        lines.append(f"Content-Length: {len(body) if length is None else length}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def posted(body: bytes, *headers: str) -> bytes:
    return request(_SID, "POST", *headers, body=body)


_POLL = request(_SID)

_HANDSHAKES = {
    "no query": ("", 0),
    "no transport": ("EIO=4", 0),
    "an unknown transport": ("EIO=4&transport=webtransport", 0),
    "an empty transport": ("EIO=4&transport=", 0),
    "a transport in capitals": ("EIO=4&transport=POLLING", 0),
    "no version": ("transport=polling", 5),
    "version 3": ("EIO=3&transport=polling", 5),
    "version 5": ("EIO=5&transport=polling", 5),
    "a version that is no number": ("EIO=four&transport=polling", 5),
    "a version with a blank": ("EIO=%204&transport=polling", 5),
    "a version in other digits": ("EIO=%D9%A4&transport=polling", 5),
    "a session that does not exist": ("EIO=4&transport=polling&sid=none", 1),
    "a session without a name": ("EIO=4&transport=polling&sid=", 1),
    "a session with a NUL in its name": ("EIO=4&transport=polling&sid=%00", 1),
    "the transport of a WebSocket without one": ("EIO=4&transport=websocket", 3),
}

_PAYLOADS = {
    "an empty payload": b"",
    "a packet of no type": b"abc",
    "an unknown packet type in a payload": b"7",
    "a packet type beyond the digits": b":x",
    "a packet type in other digits in a payload": "٤x".encode(),
    "a packet that only a server may send": b"0{}",
    "a ping from a client": b"2",
    "a probe in a payload": b"2probe",
    "an upgrade in a payload": b"5",
    "an empty packet at the end": b'42["a"]\x1e',
    "an empty packet at the start": b"\x1e6",
    "an empty packet in the middle": b"6\x1e\x1e6",
    "separators alone": b"\x1e\x1e",
    "a payload of the version before": b"2:40",
    "base64 with signs in it": b"b=garbage=",
    "base64 without its padding": b"bAQI",
    "base64 with a blank": b"bAQ I=",
    "base64 of the other alphabet": b"b-_-_",
    "base64 with other letters": "bé".encode(),
    "bytes that belong to no event": b"bAQIDBA==",
    "a payload that is no UTF-8": b"4\xff\xfe",
    "a payload of raw bytes": bytes(range(256)),
    "more packets than allowed": b"\x1e".join([b"6"] * 65),
    "a good packet and a bad one": b"6\x1exbad",
}

_UNKNOWN_PACKETS = {
    "a message of no type": "abc",
    "an empty message": "",
    "a message of an unknown type": "7",
    "a message of a type in other digits": "٤x",
    "an open packet from a client": "0{}",
    "a ping that is the server's to send": "2",
    "a stray probe": "2probe",
    "a stray upgrade": "5",
    "a payload of several packets": "\x1e42",
    "base64 where bytes can be sent": "bAQIDBA==",
}

_PROBES = {
    "an empty probe": "2",
    "a probe of another name": "2probes",
    "a message instead of a probe": '42["message"]',
    "an upgrade without a probe": "5",
    "an empty message instead of a probe": "",
    "a ping of another name": "2other",
    "a probe of no type": "abc",
    "a probe in bytes": frame(b"2probe", opcode=BINARY),
}

ENTRIES = (
    *(
        Malformed(f"a query of {name}", request(f"/socket.io/?{query}"), Refused(400, code), Start.CONNECTION)
        for name, (query, code) in _HANDSHAKES.items()
    ),
    *(
        Malformed(
            f"a session opened by {method}",
            request(_SID.partition("&sid")[0], method),
            Refused(400, 2),
            Start.CONNECTION,
        )
        for method in ("POST", "PUT", "DELETE")
    ),
    Malformed(
        "a query of too many fields",
        request("/socket.io/?" + "a=1&" * 40),
        Refused(400, closes=True),
        Start.CONNECTION,
    ),
    *(Malformed(name, posted(body), Refused(400, 3), Start.POLLING) for name, body in _PAYLOADS.items()),
    *(Malformed(name, text, Closed(1002)) for name, text in _UNKNOWN_PACKETS.items()),
    *(Malformed(name, sent, Closed(1000), Start.PROBING) for name, sent in _PROBES.items()),
    Malformed("a probe that is not followed by an upgrade", ("2probe", "6"), Closed(1000), Start.PROBING),
    Malformed("a probe that is never decided", "2probe", Closed(1000), Start.PROBING),
    Malformed("a WebSocket that never probes", (), Closed(1000), Start.PROBING),
    Malformed("a second poll", (_POLL, _POLL), Refused(400, 3), Start.POLLING),
    Malformed(
        "a second request before the first has ended",
        (request(_SID, "POST", body=b"4x", length=10), posted(b"6")),
        Refused(400, 3),
        Start.POLLING,
    ),
    Malformed("a payload too large", posted(b"4" * 100_001), Refused(413, closes=True), Start.POLLING),
    Malformed(
        "a payload that declares 1 GiB",
        request(_SID, "POST", body=b"4", length=2**30),
        Refused(413, closes=True),
        Start.POLLING,
    ),
    Malformed(
        "a payload that never ends",
        request(_SID, "POST", body=b"4x", length=10),
        Refused(408, closes=True),
        Start.POLLING,
    ),
    *(
        Malformed(
            f"a payload in {coding}",
            posted(b"6", f"Content-Encoding: {coding}"),
            Refused(415, closes=True),
            Start.POLLING,
        )
        for coding in ("gzip", "deflate", "br", "gzip, identity")
    ),
    Malformed(
        "a session asked for by DELETE", request(_SID, "DELETE"), Refused(400, 2, lives=True), Start.POLLING
    ),
    Malformed(
        "a session asked for over another transport",
        request(_SID.replace("polling", "websocket")),
        Refused(400, 3, lives=True),
        Start.POLLING,
    ),
)
