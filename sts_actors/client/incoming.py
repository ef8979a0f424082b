"""Engine.IO frames → values. No I/O; whatever a hostile server sends ends as `ProtocolViolation`."""

from typing import Any

import attrs
import engineio.packet
import socketio.packet

from sts_actors.client.errors import one_line
from sts_actors.client.packets import EnginePacket, SocketPacket, frame_bytes

MAX_ATTACHMENTS = 16
MAX_PING_MS = 24 * 3600 * 1000


class ProtocolViolation(Exception):  # noqa: N818 - stays inside this package; callers see ClientError
    """The server does not keep to Engine.IO 4 or Socket.IO 5; the message says where, in one line."""


@attrs.frozen(kw_only=True)
class Opened:
    """Engine.IO is up: how often the server pings, and how large a message it takes (None: unsaid)."""

    ping_interval_s: float
    ping_timeout_s: float
    max_payload_bytes: int | None


@attrs.frozen
class Ping:
    """To be answered with the same data."""

    data: str


@attrs.frozen
class Connected:
    """The namespace is joined; `sid` names this client there."""

    sid: str


@attrs.frozen
class Refused:
    """The namespace is closed to this client."""

    message: str


@attrs.frozen
class Left:
    """The server says goodbye: to the connection, or (`dismissed`) to this client in its namespace."""

    dismissed: bool = False


@attrs.frozen(kw_only=True)
class Event:
    """An event from the server.

    Attributes:
        name: the event's name.
        args: what came with it; attachments are bytes in their places.
        ack_id: not None when the server waits for an answer: see `Client.acknowledge`.
        size_bytes: the event as it came over the wire, attachments included.
        connection: over which of the client's connections it came, from 1.
    """

    name: str
    args: tuple[Any, ...] = attrs.field(default=(), repr=False)
    ack_id: int | None = None
    size_bytes: int = attrs.field(default=0, eq=False)
    connection: int = attrs.field(default=0, eq=False)


@attrs.frozen(kw_only=True)
class Disconnected(Event):
    """The connection was lost, and the client dials again; `connection` says which one it was.

    Everything before this in `events` came over that connection or an earlier one, nothing after it does.
    """

    name: str = "disconnect"
    reason: str


@attrs.frozen(kw_only=True)
class Reconnected(Event):
    """There is a connection again; the server knows this client by a new name, `sid`, and by that alone.

    Rooms, streams and whatever else the server kept for the old name are gone.
    """

    name: str = "connect"
    sid: str


@attrs.frozen(kw_only=True)
class Answer:
    """The server's answer to a call."""

    ack_id: int
    args: tuple[Any, ...] = attrs.field(repr=False)


Incoming = Opened | Ping | Connected | Refused | Left | Event | Answer

_BINARY = {
    socketio.packet.BINARY_EVENT: socketio.packet.EVENT,
    socketio.packet.BINARY_ACK: socketio.packet.ACK,
}


class Decoder:
    """Reads one connection's frames in order; joins attachments to the packet they belong to."""

    def __init__(self, namespace: str, *, max_bytes: int, connection: int = 1) -> None:
        """Take at most `max_bytes` for one packet and its attachments; `connection` goes into each event."""
        self._namespace = namespace
        self._connection = connection
        self._max_bytes = max_bytes
        self._waiting: SocketPacket | None = None
        self._size = 0

    def feed(self, frame: str | bytes) -> Incoming | None:
        """The value that `frame` completes; None where it completes none of ours.

        Raises:
            ProtocolViolation: the connection is not worth going on with.
        """
        if isinstance(frame, bytes):
            return self._attach(frame)
        try:
            packet = EnginePacket(encoded_packet=frame)
        except (ValueError, RecursionError):
            raise ProtocolViolation("the server sent what is no Engine.IO packet") from None
        kind, data = packet.packet_type, packet.data
        if kind == engineio.packet.MESSAGE:
            return self._attach(data) if isinstance(data, bytes) else self._message(data, frame_bytes(frame))
        if kind == engineio.packet.PING:
            return Ping(data if isinstance(data, str) else "")
        if kind == engineio.packet.OPEN:
            return _opened(data)
        if kind == engineio.packet.CLOSE:
            return Left()
        if kind in {engineio.packet.NOOP, engineio.packet.PONG}:
            return None
        raise ProtocolViolation(f"the server sent an Engine.IO packet of type {kind}")

    def _message(self, text: Any, size: int) -> Incoming | None:
        if self._waiting is not None:
            raise ProtocolViolation("the server sent a text where an attachment was due")
        if not isinstance(text, str) or not text:
            raise ProtocolViolation("the server sent what is no Socket.IO packet")
        try:
            packet = SocketPacket(encoded_packet=text)
        except (ValueError, TypeError, IndexError, RecursionError):
            raise ProtocolViolation("the server sent what is no Socket.IO packet") from None
        count = packet.attachment_count
        if count > (MAX_ATTACHMENTS if packet.packet_type in _BINARY else 0):
            raise ProtocolViolation(f"the server announced {count} attachments")
        self._size = size
        if count:
            self._waiting = packet
            return None
        return self._complete(packet)

    def _attach(self, data: bytes) -> Incoming | None:
        packet = self._waiting
        if packet is None:
            raise ProtocolViolation("the server sent an attachment that belongs to nothing")
        self._size += len(data)
        if self._size > self._max_bytes:
            raise ProtocolViolation(f"the server sent an event of more than {self._max_bytes} bytes")
        try:
            if not packet.add_attachment(data):
                return None
        except (ValueError, TypeError, IndexError, KeyError, RecursionError):
            raise ProtocolViolation("the server sent attachments that do not fit their packet") from None
        self._waiting = None
        return self._complete(packet)

    def _complete(self, packet: SocketPacket) -> Incoming | None:
        kind, data = _BINARY.get(packet.packet_type, packet.packet_type), packet.data
        if (packet.namespace or "/") != self._namespace:
            return None
        if kind == socketio.packet.EVENT:
            if not isinstance(data, list) or not data or not isinstance(data[0], str):
                raise ProtocolViolation("the server sent an event without a name")
            return Event(
                name=data[0],
                args=tuple(data[1:]),
                ack_id=packet.id,
                size_bytes=self._size,
                connection=self._connection,
            )
        if kind == socketio.packet.ACK:
            if not isinstance(data, list) or packet.id is None:
                raise ProtocolViolation("the server sent an answer to nothing")
            return Answer(ack_id=packet.id, args=tuple(data))
        if kind == socketio.packet.CONNECT:
            if not isinstance(data, dict) or not isinstance(data.get("sid"), str):
                raise ProtocolViolation("the server speaks a Socket.IO older than version 5")
            return Connected(data["sid"])
        if kind == socketio.packet.CONNECT_ERROR:
            return Refused(_refusal(data))
        if kind == socketio.packet.DISCONNECT:
            return Left(dismissed=True)
        raise ProtocolViolation(f"the server sent a Socket.IO packet of type {kind}")


def _opened(data: Any) -> Opened:
    """Read the open packet; times travel in milliseconds."""
    if not isinstance(data, dict) or not isinstance(data.get("sid"), str):
        raise ProtocolViolation("the server's Engine.IO open packet is not valid")
    limit = data.get("maxPayload")
    return Opened(
        ping_interval_s=_seconds(data.get("pingInterval")),
        ping_timeout_s=_seconds(data.get("pingTimeout")),
        max_payload_bytes=limit if type(limit) is int and limit > 0 else None,
    )


def _seconds(ms: Any) -> float:
    if type(ms) not in {int, float} or not 0 <= ms <= MAX_PING_MS:
        raise ProtocolViolation("the server's ping times are not valid")
    return float(ms) / 1000


def _refusal(data: Any) -> str:
    """The words of a connect_error: servers send a text, or an object with a message."""
    told = data.get("message") if isinstance(data, dict) else data
    return one_line(told) if isinstance(told, str) and told.strip() else "it gave no reason"
