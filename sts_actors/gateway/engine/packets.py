"""Engine.IO packets as text and bytes on the wire.

A packet is kept as it travels: `str` (its type's digit, then its data) or `bytes` (a binary message), so
that a message to a hundred peers is encoded once. python-engineio's own codec is not strict enough: it takes
any numeral for a type, any garbage for base64, and parses JSON where the protocol has text.
"""

import base64
import binascii
from typing import Any, Final

from engineio import packet as engineio_packet

from sts_actors.gateway import strict_json
from sts_actors.gateway.errors import ProtocolViolation

OPEN: Final = str(engineio_packet.OPEN)
CLOSE: Final = str(engineio_packet.CLOSE)
PING: Final = str(engineio_packet.PING)
PONG: Final = str(engineio_packet.PONG)
MESSAGE: Final = str(engineio_packet.MESSAGE)
UPGRADE: Final = str(engineio_packet.UPGRADE)
NOOP: Final = str(engineio_packet.NOOP)

PROBE: Final = PING + "probe"
PROBE_ANSWER: Final = PONG + "probe"

_SEPARATOR: Final = "\x1e"
_BASE64: Final = "b"
_TYPES: Final = frozenset({OPEN, CLOSE, PING, PONG, MESSAGE, UPGRADE, NOOP})

Encoded = str | bytes


def message(data: str | bytes | bytearray | memoryview | dict[str, Any] | list[Any]) -> Encoded:
    """The packet of one message; dicts and lists go as JSON text."""
    if isinstance(data, str):
        return MESSAGE + data
    if isinstance(data, bytes | bytearray | memoryview):
        return bytes(data)
    return MESSAGE + strict_json.dumps(data)


def decode(packet: Encoded) -> tuple[str, str | bytes]:
    """Type and data of a packet.

    Raises:
        ProtocolViolation: it is none.
    """
    if isinstance(packet, bytes):
        return MESSAGE, packet
    kind = packet[:1]
    if kind not in _TYPES:
        raise ProtocolViolation("unknown packet type")
    return kind, packet[1:]


def encode_payload(packets: list[Encoded]) -> bytes:
    """The body of a polling response."""
    return _SEPARATOR.join(
        packet if isinstance(packet, str) else _BASE64 + base64.b64encode(packet).decode("ascii")
        for packet in packets
    ).encode()


def decode_payload(body: bytes, *, max_packets: int) -> list[tuple[str, str | bytes]]:
    """The packets of a polling request.

    Raises:
        ProtocolViolation: it is not UTF-8, has too many packets or an invalid one.
    """
    try:
        texts = body.decode().split(_SEPARATOR, max_packets)
    except UnicodeDecodeError:
        raise ProtocolViolation("the payload is not UTF-8") from None
    if len(texts) > max_packets:
        raise ProtocolViolation(f"more than {max_packets} packets in one payload")
    return [_decode_text(text) for text in texts]


def _decode_text(text: str) -> tuple[str, str | bytes]:
    if not text.startswith(_BASE64):
        return decode(text)
    try:
        return MESSAGE, base64.b64decode(text[1:], validate=True)
    except (binascii.Error, ValueError):
        raise ProtocolViolation("malformed base64") from None
