"""An accepted WebSocket, reduced to what a session needs."""

import logging
from collections import deque
from typing import Final

import trio
from websockets.exceptions import InvalidState
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import CLOSED, OPEN, Protocol, Side

from sts_actors.gateway.errors import WebSocketClosed
from sts_actors.gateway.wire.frames import POLICY_VIOLATION, FrameGuard, FrameRefused
from sts_actors.gateway.wire.peer import PeerStream

_ABNORMAL: Final = 1006
_INVALID_DATA: Final = 1007
_MAX_REASON: Final = 120

_library_log = logging.getLogger(f"{__name__}.library")
# At DEBUG it would tell what is in the frames: tokens and transcripts among it.
_library_log.setLevel(logging.WARNING)


class WebSocket:
    """Whole messages both ways; text is `str`, binary `bytes`. Closing is always bounded in time.

    One task receives and one sends. Nothing is read while nobody receives: that holds a flooding peer up.
    """

    def __init__(self, stream: PeerStream, guard: FrameGuard, *, close_timeout: float) -> None:
        self._stream = stream
        self._guard = guard
        self._close_timeout = close_timeout
        # The guard bounds messages before the library sees them.
        self._protocol = Protocol(Side.SERVER, state=OPEN, max_size=None, logger=_library_log)
        self._frames: deque[Frame] = deque()
        self._begun: list[Frame] = []
        self._sending = trio.StrictFIFOLock()
        self._refused: WebSocketClosed | None = None
        self._waited = 0.0

    @property
    def heard_at(self) -> float:
        """When the peer's last byte arrived."""
        return self._stream.heard_at

    @property
    def progress_at(self) -> float:
        """When the peer last took bytes."""
        return self._stream.progress_at

    async def receive(self) -> str | bytes:
        """Wait for the next message.

        Raises:
            WebSocketClosed: there is none to come.
        """
        while True:
            while self._frames:
                message = self._join(self._frames.popleft())
                if message is not None:
                    return message
            if self._protocol.state is not OPEN:
                raise self._ending()
            await self._read()

    async def send(self, message: str | bytes) -> None:
        """Send a message. Cancelled in the middle of it, the WebSocket can only be closed.

        Raises:
            WebSocketClosed: it cannot be sent any more.
        """
        try:
            if isinstance(message, str):
                self._protocol.send_text(message.encode())
            else:
                self._protocol.send_binary(message)
        except InvalidState:
            # The closing handshake has begun since.
            raise self._ending() from None
        await self._flush()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Shake hands on closing, for a bounded time, then close the stream whatever came of it."""
        try:
            with trio.move_on_after(self._close_timeout, shield=True):
                if not self._stream.torn:
                    await self._say_goodbye(code, reason)
        except WebSocketClosed:
            pass
        finally:
            self._guard.close()
            await self._stream.aclose()

    async def _say_goodbye(self, code: int, reason: str) -> None:
        if self._protocol.state is OPEN:
            self._protocol.send_close(code, reason)
        await self._flush()
        if self._refused is not None:
            await self._stream.linger(self._close_timeout)
            return
        while self._protocol.close_rcvd is None and self._protocol.state is not CLOSED:
            await self._read()
            self._frames.clear()

    async def _read(self) -> None:
        """Take what has arrived, and answer what the protocol itself answers."""
        try:
            data = await self._receive_some()
            messages = self._guard.messages
            self._guard.feed(data)
            if self._guard.messages != messages:
                self._waited = 0.0
        except FrameRefused as refusal:
            self._fail(refusal.code, refusal.reason)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise WebSocketClosed(_ABNORMAL) from None
        else:
            if data:
                self._protocol.receive_data(data)
            else:
                self._protocol.receive_eof()
        self._frames.extend(event for event in self._protocol.events_received() if isinstance(event, Frame))
        if self._protocol.writes:
            await self._flush()

    async def _receive_some(self) -> bytes:
        if not self._guard.in_message:
            return await self._stream.receive_some()
        # Only waiting counts: while we ourselves do not read, the peer cannot send.
        began = trio.current_time()
        with trio.move_on_after(self._guard.allowed_s - self._waited):
            data = await self._stream.receive_some()
            self._waited += trio.current_time() - began
            return data
        raise FrameRefused(POLICY_VIOLATION, "the message took too long")

    async def _flush(self) -> None:
        """Send what the protocol has ready; a peer that takes nothing holds its own reader up as well."""
        try:
            # Nearly always free, and then a checkpoint is spared: `send_all` has one.
            self._sending.acquire_nowait()
        except trio.WouldBlock:
            await self._sending.acquire()
        try:
            data = b"".join(self._protocol.data_to_send())
            if data:
                await self._stream.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise WebSocketClosed(_ABNORMAL) from None
        finally:
            self._sending.release()

    def _join(self, frame: Frame) -> str | bytes | None:
        """The message that `frame` ends, if it ends one."""
        if frame.opcode not in {Opcode.TEXT, Opcode.BINARY, Opcode.CONT}:
            return None
        if not frame.fin:
            self._begun.append(frame)
            return None
        kind: Opcode = frame.opcode
        data = frame.data
        if self._begun:
            kind = self._begun[0].opcode
            data = b"".join([*(begun.data for begun in self._begun), data])
            self._begun.clear()
        if kind is Opcode.BINARY:
            return bytes(data)
        try:
            return str(data, "utf-8")
        except UnicodeDecodeError:
            self._fail(_INVALID_DATA, "a text message must be UTF-8")
            raise self._ending() from None

    def _fail(self, code: int, reason: str) -> None:
        self._refused = WebSocketClosed(code, reason)
        self._frames.clear()
        self._guard.close()
        self._protocol.fail(CloseCode(code), reason[:_MAX_REASON])

    def _ending(self) -> WebSocketClosed:
        if self._refused is not None:
            return self._refused
        close = self._protocol.close_rcvd or self._protocol.close_sent
        return WebSocketClosed(_ABNORMAL) if close is None else WebSocketClosed(close.code, close.reason)
