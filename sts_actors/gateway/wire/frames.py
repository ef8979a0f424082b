"""Watches WebSocket frames as they arrive, before the WebSocket library buffers them. No I/O.

The library bounds a message in characters and only after having received it; this bounds it in bytes, as
soon as a frame's header declares them, and bounds the number of frames and all peers' messages together.
"""

from typing import Final

from sts_actors.gateway.wire.budget import ReceiveBudget

MESSAGE_TOO_BIG: Final = 1009
PROTOCOL_ERROR: Final = 1002
POLICY_VIOLATION: Final = 1008
TRY_AGAIN_LATER: Final = 1013

_FIN = 0x80
_RESERVED = 0x70
_OPCODE = 0x0F
_CONTROL = 0x08
_CONTINUATION = 0x00
_OPCODES = frozenset({0x0, 0x1, 0x2, 0x8, 0x9, 0xA})
_MASKED = 0x80
_LENGTH = 0x7F
_LENGTH_16 = 126
_LENGTH_64 = 127
_MASK_SIZE = 4


class FrameRefused(Exception):  # noqa: N818 - says what happened
    """A frame breaks a limit: close with `code`."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


class FrameGuard:
    """Follows one peer's frames through whatever chunks they arrive in.

    A message may take `patience` seconds, and one more for each `min_rate` bytes of it.

    Attributes:
        messages: how many have ended.
    """

    def __init__(
        self, *, max_message: int, max_frames: int, budget: ReceiveBudget, patience: float, min_rate: int
    ) -> None:
        self.messages = 0
        self._patience = patience
        self._min_rate = min_rate
        self._max_message = max_message
        self._max_frames = max_frames
        self._budget = budget
        self._head = bytearray()
        self._payload_left = 0
        self._control = False
        self._final = False
        self._message = 0
        self._frames = 0
        self._reserved = 0

    @property
    def in_message(self) -> bool:
        """Whether a message has begun and not ended."""
        return bool(self._frames)

    @property
    def allowed_s(self) -> float:
        """How long one may have waited for the message that has begun, up to now."""
        return self._patience + (self._message - self._payload_left) / self._min_rate

    def feed(self, data: bytes | bytearray) -> None:
        """Follow `data`.

        Raises:
            FrameRefused: a frame is reserved or unmasked, declares too much, or is one too many.
        """
        at, end = 0, len(data)
        while at < end:
            if self._payload_left:
                step = min(self._payload_left, end - at)
                self._payload_left -= step
                at += step
            else:
                had = len(self._head)
                self._head += data[at : at + self._header_size() - had]
                at += len(self._head) - had
                if had < 2 <= len(self._head):  # noqa: PLR2004 - the two bytes that say what the frame is
                    self._check_kind(self._head[0], self._head[1])
                if len(self._head) < self._header_size():
                    continue
                self._begin_frame()
            if not self._payload_left:
                self._end_frame()

    def close(self) -> None:
        """Give the budget back; the peer has gone."""
        self._budget.give_back(self._reserved)
        self._reserved = 0

    def _header_size(self) -> int:
        if len(self._head) < 2:  # noqa: PLR2004 - the two bytes that say how long the header is
            return 2
        length = self._head[1] & _LENGTH
        extended = 2 if length == _LENGTH_16 else 8 if length == _LENGTH_64 else 0
        return 2 + extended + _MASK_SIZE

    def _check_kind(self, first: int, second: int) -> None:
        opcode = first & _OPCODE
        if first & _RESERVED or opcode not in _OPCODES:
            raise FrameRefused(PROTOCOL_ERROR, "a reserved bit is set and no extension was negotiated")
        if not second & _MASKED:
            raise FrameRefused(PROTOCOL_ERROR, "a client's frame must be masked")
        if opcode & _CONTROL:
            if not first & _FIN or second & _LENGTH >= _LENGTH_16:
                raise FrameRefused(PROTOCOL_ERROR, "a control frame must be whole and short")
        elif (opcode == _CONTINUATION) != self.in_message:
            raise FrameRefused(PROTOCOL_ERROR, "a message must be continued, and only then")

    def _begin_frame(self) -> None:
        first, second = self._head[0], self._head[1]
        size = second & _LENGTH
        if size >= _LENGTH_16:
            size = int.from_bytes(self._head[2:-_MASK_SIZE], "big")
            if size >> 63 or size < (_LENGTH_16 if second & _LENGTH == _LENGTH_16 else 1 << 16):
                raise FrameRefused(PROTOCOL_ERROR, "a length must be written in the shortest way")
        self._head.clear()
        self._control = bool(first & _CONTROL)
        self._final = bool(first & _FIN)
        self._payload_left = size
        if self._control:
            return
        self._frames += 1
        self._message += size
        if self._message > self._max_message:
            raise FrameRefused(MESSAGE_TOO_BIG, f"a message may have {self._max_message} bytes")
        if self._frames > self._max_frames:
            raise FrameRefused(POLICY_VIOLATION, f"a message may have {self._max_frames} frames")
        if not self._budget.take(size):
            raise FrameRefused(TRY_AGAIN_LATER, "too much is being received at once")
        self._reserved += size

    def _end_frame(self) -> None:
        if self._control or not self._final or self._head:
            return
        self.messages += 1
        self._message = self._frames = 0
        self.close()
