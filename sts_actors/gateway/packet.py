"""Socket.IO v5 packets: encoded in one pass, decoded strictly."""

from typing import Any, Final

from socketio import packet as socketio_packet

from sts_actors.gateway import strict_json
from sts_actors.gateway.engine.packets import MESSAGE, Encoded
from sts_actors.gateway.errors import ProtocolViolation
from sts_actors.gateway.limits import Limits

CONNECT: Final[int] = socketio_packet.CONNECT
DISCONNECT: Final[int] = socketio_packet.DISCONNECT
EVENT: Final[int] = socketio_packet.EVENT
ACK: Final[int] = socketio_packet.ACK
CONNECT_ERROR: Final[int] = socketio_packet.CONNECT_ERROR
BINARY_EVENT: Final[int] = socketio_packet.BINARY_EVENT
BINARY_ACK: Final[int] = socketio_packet.BINARY_ACK

_BINARY_OF: Final = {EVENT: BINARY_EVENT, ACK: BINARY_ACK}
_PLAIN_OF: Final = {BINARY_EVENT: EVENT, BINARY_ACK: ACK}

RESERVED_EVENTS: Final = frozenset(
    {"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"}
)
"""A client that sends one of these wants a lifecycle handler run with what it made up."""

_DIGITS: Final = frozenset("0123456789")
_MAX_ID_DIGITS: Final = 16
_MAX_NAMESPACE: Final = 256


class Packet(socketio_packet.Packet):
    """python-socketio's packet with a codec of our own.

    Upstream walks the data three times in Python to find its binary parts; here the JSON library meets them
    on its only way through. `packet_type` stays `EVENT` or `ACK` until encoding shows attachments.
    """

    @classmethod
    def data_is_binary(cls, _data: Any) -> bool:
        """Not known before it is encoded."""
        return False

    def encode(self) -> str | list[str | bytes]:
        """The text, or the text and its attachments.

        Raises:
            TypeError: the data cannot be sent as JSON and bytes.
        """
        text, attachments = self._parts("")
        return [text, *attachments] if attachments else text

    def group(self) -> list[Encoded]:
        """The Engine.IO packets that carry it, to be sent together."""
        text, attachments = self._parts(MESSAGE)
        return [text, *attachments]

    def _parts(self, prefix: str) -> tuple[str, list[bytes]]:
        attachments: list[bytes] = []

        def attach(value: Any) -> dict[str, Any]:
            if not isinstance(value, bytes | bytearray | memoryview):
                raise TypeError(f"a {type(value).__name__} cannot be sent")
            attachments.append(bytes(value))
            return {"_placeholder": True, "num": len(attachments) - 1}

        json = "" if self.data is None else strict_json.dumps(self.data, attach)
        kind = str(self.packet_type)
        if attachments:
            if self.packet_type not in _BINARY_OF:
                raise TypeError("only events and acknowledgements can carry bytes")
            kind = f"{_BINARY_OF[self.packet_type]}{len(attachments)}-"
        namespace = "" if self.namespace in {None, "/"} else f"{self.namespace},"
        number = "" if self.id is None else str(self.id)
        return f"{prefix}{kind}{namespace}{number}{json}", attachments


class Incoming:
    """A received packet, complete once `attachments_left` is 0. `kind` is never one of the binary types.

    `size` is the bytes attached so far.
    """

    def __init__(self, kind: int, namespace: str, number: int | None, data: Any, attachments: int) -> None:
        self.kind = kind
        self.namespace = namespace
        self.number = number
        self.data = data
        self.attachments_left = attachments
        self._attachments: list[bytes] = []
        self.size = 0

    def attach(self, data: bytes, limits: Limits) -> None:
        """Take the next attachment; the last one puts them all into `data`.

        Raises:
            ProtocolViolation: they are too large, or the data refers to one that does not exist.
        """
        self.size += len(data)
        if self.size > limits.attachment_bytes:
            raise ProtocolViolation("too many bytes attached")
        self._attachments.append(data)
        self.attachments_left -= 1
        if not self.attachments_left:
            self.data = self._filled(self.data)

    def _filled(self, data: Any) -> Any:
        # As deep as `json_depth` at most: `loads` has seen to that.
        if isinstance(data, list):
            return [self._filled(item) if isinstance(item, dict | list) else item for item in data]
        if data.get("_placeholder") is True:
            number = data.get("num")
            if type(number) is not int or not 0 <= number < len(self._attachments):
                raise ProtocolViolation("an attachment is missing")
            return self._attachments[number]
        return {
            key: self._filled(item) if isinstance(item, dict | list) else item for key, item in data.items()
        }


def decode(text: str, limits: Limits) -> Incoming:
    """Parse a packet's text.

    Raises:
        ProtocolViolation: it is not a packet that a client may send.
    """
    kind = ord(text[0]) - ord("0") if text else -1
    if kind not in {CONNECT, DISCONNECT, EVENT, ACK, BINARY_EVENT, BINARY_ACK}:
        raise ProtocolViolation("unknown packet type")
    at = 1
    attachments = 0
    if kind in _PLAIN_OF:
        count, at = _number(text, at, text.find("-", at, at + 8))
        if count is None or count > limits.attachments or text[at : at + 1] != "-":
            raise ProtocolViolation("malformed number of attachments")
        attachments, at, kind = count, at + 1, _PLAIN_OF[kind]
    namespace, at = _namespace(text, at)
    number, at = _number(text, at, at + _MAX_ID_DIGITS)
    data = strict_json.loads(text[at:], max_depth=limits.json_depth) if at < len(text) else _ABSENT
    _check(kind, number, data)
    return Incoming(kind, namespace, number, None if data is _ABSENT else data, attachments)


_ABSENT: Final = object()


def _namespace(text: str, at: int) -> tuple[str, int]:
    if text[at : at + 1] != "/":
        return "/", at
    comma = text.find(",", at, at + _MAX_NAMESPACE)
    if comma < 0:
        if len(text) - at >= _MAX_NAMESPACE:
            raise ProtocolViolation("the namespace is too long")
        comma = len(text)
    return text[at:comma].partition("?")[0], comma + 1


def _number(text: str, at: int, end: int) -> tuple[int | None, int]:
    start = at
    while at < min(end, len(text)) and text[at] in _DIGITS:
        at += 1
    return (int(text[start:at]) if at > start else None), at


def _check(kind: int, number: int | None, data: Any) -> None:
    if kind == EVENT:
        valid = isinstance(data, list) and bool(data) and isinstance(data[0], str)
        if valid and data[0] in RESERVED_EVENTS:
            raise ProtocolViolation(f"the event name {data[0]} is reserved")
    elif kind == ACK:
        valid = isinstance(data, list) and number is not None
    elif kind == CONNECT:
        valid = number is None and (data is _ABSENT or isinstance(data, dict))
    else:
        valid = number is None and data is _ABSENT
    if not valid:
        raise ProtocolViolation("invalid payload")
