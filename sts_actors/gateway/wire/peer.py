"""One peer's byte stream: it can be read ahead, watched, and never holds a sender up for ever."""

from typing import Final

import trio

from sts_actors.gateway.wire.frames import POLICY_VIOLATION, FrameGuard, FrameRefused

RECEIVE_SIZE: Final = 64 * 1024
"""4 KiB, a common default, costs three times the processor time."""

_SEND_SIZE: Final = 64 * 1024


class PeerStream(trio.abc.Stream):
    """A stream that outlives the protocols spoken over it, first HTTP, then perhaps WebSocket.

    Attributes:
        heard_at: when the last byte arrived, on Trio's clock.
        progress_at: when the peer last took bytes.
        torn: a send was cut in the middle; nothing sensible can follow it.
        sending: a send is under way.
        guard: watches what is received once the stream carries frames.
        refusal: why the guard ended the stream.
    """

    def __init__(self, stream: trio.abc.Stream, *, write_timeout: float) -> None:
        self._stream = stream
        self._write_timeout = write_timeout
        self._read_ahead = b""
        self.heard_at = self.progress_at = trio.current_time()
        self.torn = False
        self.sending = False
        self.guard: FrameGuard | None = None
        self.refusal: FrameRefused | None = None
        self._waited = 0.0

    def push_back(self, data: bytes) -> None:
        """Let `data` be received (again) before anything else."""
        self._read_ahead = data + self._read_ahead

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send all of `data`.

        Raises:
            trio.BrokenResourceError: the peer is gone, or took nothing for the write timeout.
        """
        view = memoryview(data)
        self.sending = True
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
            self.sending = False
            self.torn = self.torn or not whole

    async def wait_send_all_might_not_block(self) -> None:
        """See `trio.abc.SendStream`."""
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Receive what is there, at most 64 KiB; `b""` when the peer has ended.

        Raises:
            trio.BrokenResourceError: the peer is gone, or the guard refused what it sent (see `refusal`).
        """
        if self._read_ahead:
            data, self._read_ahead = self._read_ahead, b""
        else:
            data = await self._receive(max_bytes or RECEIVE_SIZE)
        self.heard_at = trio.current_time()
        if self.guard is not None:
            messages = self.guard.messages
            try:
                self.guard.feed(data)
            except FrameRefused as refusal:
                raise self._refused(refusal) from refusal
            if self.guard.messages != messages:
                self._waited = 0.0
        return data

    async def _receive(self, max_bytes: int) -> bytes:
        if self.guard is None or not self.guard.in_message:
            return bytes(await self._stream.receive_some(max_bytes))
        # Only waiting counts: while we ourselves do not read, the peer cannot send.
        began = trio.current_time()
        with trio.move_on_after(self.guard.allowed_s - self._waited):
            data = bytes(await self._stream.receive_some(max_bytes))
            self._waited += trio.current_time() - began
            return data
        raise self._refused(FrameRefused(POLICY_VIOLATION, "the message took too long"))

    def _refused(self, refusal: FrameRefused) -> trio.BrokenResourceError:
        self.refusal = refusal
        if self.guard is not None:
            self.guard.close()
        return trio.BrokenResourceError(refusal.reason)

    async def aclose(self) -> None:
        """Close at once: whatever farewell there is has been said by the protocol above."""
        if self.guard is not None:
            self.guard.close()
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
