"""Malformed WebSocket frames, sent by a client that has joined."""

from gateway_loopback import BINARY, CLOSE, CONTINUATION, PING, PONG, frame
from malformed import Closed, Malformed

_RULES = {
    "a frame with the first reserved bit": frame(b"4x", rsv=0x40),
    "a frame with the second reserved bit": frame(b"4x", rsv=0x20),
    "a frame with the third reserved bit": frame(b"4x", rsv=0x10),
    "a frame with all reserved bits": frame(b"4x", rsv=0x70),
    "a close frame with a reserved bit": frame(b"\x03\xe8", opcode=CLOSE, rsv=0x40),
    "a continuation with a reserved bit": frame(b"4", fin=False) + frame(opcode=CONTINUATION, rsv=0x40),
    "a frame without a mask": frame(b"4x", masked=False),
    "a ping without a mask": frame(b"x", opcode=PING, masked=False),
    "a close frame without a mask": frame(b"\x03\xe8", opcode=CLOSE, masked=False),
    "the first reserved data opcode": frame(opcode=3),
    "the last reserved data opcode": frame(opcode=7),
    "the first reserved control opcode": frame(opcode=11),
    "the last reserved control opcode": frame(opcode=15),
    "a ping of 126 bytes": frame(b"x" * 126, opcode=PING),
    "a pong of 126 bytes": frame(b"x" * 126, opcode=PONG),
    "a close frame of 126 bytes": frame(b"\x03\xe8" + b"x" * 124, opcode=CLOSE),
    "a ping that declares 64 KiB": frame(opcode=PING, size=65536),
    "a ping in fragments": frame(b"x", opcode=PING, fin=False),
    "a pong in fragments": frame(b"x", opcode=PONG, fin=False),
    "a close frame in fragments": frame(b"\x03\xe8", opcode=CLOSE, fin=False),
    "a continuation of nothing": frame(opcode=CONTINUATION),
    "an unfinished continuation of nothing": frame(b"x", opcode=CONTINUATION, fin=False),
    "a continuation of a message that has ended": frame(b"6") + frame(opcode=CONTINUATION),
    "a text within an unfinished text": frame(b"4x", fin=False) + frame(b"4x"),
    "bytes within an unfinished text": frame(b"4x", fin=False) + frame(b"x", opcode=BINARY),
    "a text within unfinished bytes": frame(b"x", opcode=BINARY, fin=False) + frame(b"4x"),
    "a length of 5 in two bytes": b"\x81\xfe\x00\x05\0\0\0\0hello",
    "a length of 125 in two bytes": b"\x81\xfe\x00\x7d\0\0\0\0" + b"x" * 125,
    "a length of 5 in eight bytes": b"\x81\xff" + (5).to_bytes(8, "big") + b"\0\0\0\0hello",
    "a length of 65,535 in eight bytes": b"\x81\xff" + (65535).to_bytes(8, "big") + b"\0\0\0\0",
    "a length of more than 63 bits": frame(size=2**63),
    "the largest length there is": frame(size=2**64 - 1),
    "HTTP where a frame is due": b"GET / HTTP/1.1\r\nHost: t\r\n\r\n",
    "zeros where a frame is due": b"\0" * 64,
}

_TOO_BIG = {
    "a frame that declares 1 GiB": frame(b"4", size=2**30),
    "a frame that declares 63 bits": frame(b"4", size=2**63 - 1),
    "a frame one byte too large": frame(b"4", size=100_001),
    "bytes one too many": frame(opcode=BINARY, size=100_001),
    "fragments too large together": frame(b"4" * 60_000, fin=False)
    + frame(b"4" * 60_000, opcode=CONTINUATION),
    "a fragment that declares 1 GiB after a short one": (
        frame(b"4", fin=False) + frame(opcode=CONTINUATION, size=2**30)
    ),
}

_NO_TEXT = {
    "a text of two bytes that are no UTF-8": frame(b"4\xff\xfe"),
    "a text that ends within a character": frame(b"4\xe2\x82"),
    "a text with a surrogate": frame(b"4\xed\xa0\x80"),
    "a text with an overlong zero": frame(b"4\xc0\x80"),
    "a text with a character beyond the last one": frame(b"4\xf4\x90\x80\x80"),
    "a fragmented text that is no UTF-8": frame(b"4\xe2", fin=False) + frame(b"x", opcode=CONTINUATION),
    "a close reason that is no UTF-8": frame(b"\x03\xe8\xff\xfe", opcode=CLOSE),
}

_CLOSE_CODES = (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535)

ENTRIES = (
    *(Malformed(name, sent, Closed(1002)) for name, sent in _RULES.items()),
    *(Malformed(name, sent, Closed(1009)) for name, sent in _TOO_BIG.items()),
    *(Malformed(name, sent, Closed(1007)) for name, sent in _NO_TEXT.items()),
    *(
        Malformed(
            f"a close frame of code {code}",
            frame(code.to_bytes(2, "big"), opcode=CLOSE),
            Closed(1002),
        )
        for code in _CLOSE_CODES
    ),
    Malformed("a close frame of one byte", frame(b"\x03", opcode=CLOSE), Closed(1002)),
    Malformed(
        "a message in more frames than allowed",
        frame(b"4", fin=False) + frame(opcode=CONTINUATION, fin=False) * 64,
        Closed(1008),
    ),
    Malformed("a message that never ends", frame(b"4", fin=False), Closed(1008)),
    Malformed("a frame that never ends", frame(b"4", size=1000), Closed(1008)),
)
