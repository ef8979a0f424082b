"""One peer's byte stream: it can be watched, and never holds a sender up for ever."""

from typing import Final

import trio

RECEIVE_SIZE: Final = 128 * 1024
"""With 64 KiB a message of 342 kB costs a tenth more processor time, with 4 KiB three times as much."""

_SEND_SIZE: Final = 64 * 1024


class PeerStream(trio.abc.Stream):
    """A stream that outlives the protocols spoken over it, first HTTP, then perhaps WebSocket.

    Attributes:
        heard_at: when the last byte arrived, on Trio's clock.
        progress_at: when the peer last took bytes.
        torn: a send was cut in the middle; nothing sensible can follow it.
    """

    def __init__(self, stream: trio.abc.Stream, *, write_timeout: float) -> None:
        self._stream = stream
        self._write_timeout = write_timeout
        self.heard_at = self.progress_at = trio.current_time()
        self.torn = False

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send all of `data`.

        Raises:
            trio.BrokenResourceError: the peer is gone, or took nothing for the write timeout.
        """
        view = memoryview(data)
        whole = False
        try:
            for start in range(0, len(view), _SEND_SIZE):
                with trio.move_on_after(self._write_timeout) as scope:
                    await self._stream.send_all(view[start : start + _SEND_SIZE])
                if scope.cancelled_caught:
                    raise trio.BrokenResourceError(f"the peer took nothing for {self._write_timeout} s")
                self.progress_at = trio.current_time()
            whole = True
        finally:
            self.torn = self.torn or not whole

    async def wait_send_all_might_not_block(self) -> None:
        """See `trio.abc.SendStream`."""
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Receive what is there, at most `RECEIVE_SIZE` bytes; `b""` when the peer has ended.

        Raises:
            trio.BrokenResourceError: the peer is gone.
        """
        data = bytes(await self._stream.receive_some(max_bytes or RECEIVE_SIZE))
        self.heard_at = trio.current_time()
        return data

    async def aclose(self) -> None:
        """Close at once: whatever farewell there is has been said by the protocol above."""
        await trio.aclose_forcefully(self._stream)

    async def linger(self, timeout: float) -> None:  # noqa: ASYNC109 - the bound is what this is about
        """Say that no more comes and discard what still arrives, so that the peer reads our last words.

        A socket closed with unread bytes is reset, and a reset destroys what the peer has not read yet.
        """
        if self.torn or not isinstance(self._stream, trio.abc.HalfCloseableStream):
            return
        with trio.move_on_after(timeout):
            try:
                await self._stream.send_eof()
                while await self._stream.receive_some(RECEIVE_SIZE):
                    pass
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return
