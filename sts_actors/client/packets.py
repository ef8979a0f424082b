"""Values → Engine.IO frames, through python-engineio's and python-socketio's own packet classes.

The classes are subclassed for their `json` alone: upstream's attribute is shared by the whole process,
and a server in the same process may use another.
"""

from collections.abc import Sequence
from typing import Any

import engineio.packet
import orjson
import socketio.packet

Frames = tuple[str | bytes, ...]
"""What must go out in this order with no other message in between: a packet and its attachments."""

RESERVED_EVENTS = frozenset({"connect", "connect_error", "disconnect", "newListener", "removeListener"})


class _Json:
    """orjson in the shape the packet classes call."""

    loads = staticmethod(orjson.loads)

    @staticmethod
    def dumps(value: Any, **_: Any) -> str:
        return orjson.dumps(value).decode()


class EnginePacket(engineio.packet.Packet):  # type: ignore[misc] # upstream is untyped
    """An Engine.IO packet."""

    json = _Json


class SocketPacket(socketio.packet.Packet):  # type: ignore[misc] # upstream is untyped
    """A Socket.IO packet."""

    json = _Json


def connect_frames(namespace: str, auth: Any) -> Frames:
    """The request to join `namespace`."""
    return _frames(SocketPacket(socketio.packet.CONNECT, data=auth, namespace=namespace))


def disconnect_frames(namespace: str) -> Frames:
    """The goodbye to `namespace`."""
    return _frames(SocketPacket(socketio.packet.DISCONNECT, namespace=namespace))


def event_frames(name: str, args: Sequence[Any], *, namespace: str, ack_id: int | None = None) -> Frames:
    """An event; bytes inside lists and dictionaries of `args` travel as attachments.

    Raises:
        TypeError: an argument is not JSON (orjson's rules: text keys, integers of 64 bits).
        ValueError: `name` is one that clients and servers use among themselves.
    """
    if name in RESERVED_EVENTS:
        raise ValueError(f"{name} is no event that may be sent")
    return _frames(SocketPacket(socketio.packet.EVENT, data=[name, *args], namespace=namespace, id=ack_id))


def ack_frames(args: Sequence[Any], *, namespace: str, ack_id: int) -> Frames:
    """The answer to an event that asked for one.

    Raises:
        TypeError: as `event_frames`.
    """
    return _frames(SocketPacket(socketio.packet.ACK, data=list(args), namespace=namespace, id=ack_id))


def pong_frame(data: str) -> str:
    """The answer to a ping; repeats what the ping said."""
    frame = EnginePacket(engineio.packet.PONG, data=data).encode()
    assert isinstance(frame, str)  # noqa: S101 - tells mypy what upstream does for text
    return frame


def frame_bytes(frame: str | bytes) -> int:
    """How many bytes a frame is on the wire, WebSocket's own header aside."""
    if isinstance(frame, bytes) or frame.isascii():
        return len(frame)
    return len(frame.encode())


def _frames(packet: SocketPacket) -> Frames:
    encoded = packet.encode()
    parts = encoded if isinstance(encoded, list) else [encoded]
    frames = (EnginePacket(engineio.packet.MESSAGE, data=part).encode() for part in parts)
    # An attachment may be a bytearray, which the WebSocket library does not take.
    return tuple(frame if isinstance(frame, str) else bytes(frame) for frame in frames)
