"""An accepted WebSocket, reduced to what a session needs."""

import struct
from contextlib import suppress

import trio
from trio_websocket import ConnectionClosed, WebSocketConnection
from wsproto.utilities import LocalProtocolError

from sts_actors.gateway.errors import WebSocketClosed
from sts_actors.gateway.wire.peer import PeerStream

_ABNORMAL = 1006
_MAX_REASON = 120


class WebSocket:
    """Whole messages both ways; text is `str`, binary `bytes`. Closing is always bounded in time."""

    def __init__(self, connection: WebSocketConnection, stream: PeerStream, *, close_timeout: float) -> None:
        self._connection = connection
        self._stream = stream
        self._close_timeout = close_timeout

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
        try:
            return await self._connection.get_message()
        except ConnectionClosed as closed:
            refusal = self._stream.refusal
            if refusal is not None:
                raise WebSocketClosed(refusal.code, refusal.reason) from None
            raise _translated(closed) from None

    async def send(self, message: str | bytes) -> None:
        """Send a message. Cancelled in the middle of it, the WebSocket can only be closed.

        Raises:
            WebSocketClosed: it cannot be sent any more.
        """
        try:
            await self._connection.send_message(message)
        except ConnectionClosed as closed:
            raise _translated(closed) from None
        except LocalProtocolError:
            # The closing handshake has begun since.
            raise WebSocketClosed(_ABNORMAL) from None

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Shake hands on closing, for a bounded time, then close the stream whatever came of it."""
        with trio.move_on_after(self._close_timeout, shield=True):
            if self._stream.refusal is not None:
                await self._say_refusal(self._stream.refusal.code, self._stream.refusal.reason)
            elif not self._stream.torn:
                with suppress(ConnectionClosed, LocalProtocolError, trio.BrokenResourceError):
                    await self._connection.aclose(code, reason or None)
        await self._stream.aclose()

    async def _say_refusal(self, code: int, reason: str) -> None:
        # The library believes the stream broken (so it stopped reading a flood) and would send nothing.
        if self._stream.torn or self._stream.sending:
            return
        payload = struct.pack("!H", code) + reason.encode()[:_MAX_REASON]
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            await self._stream.send_all(bytes([0x88, len(payload)]) + payload)
            await self._stream.linger(self._close_timeout)


def _translated(closed: ConnectionClosed) -> WebSocketClosed:
    if closed.reason is None:
        return WebSocketClosed(_ABNORMAL)
    return WebSocketClosed(closed.reason.code, closed.reason.reason or "")
