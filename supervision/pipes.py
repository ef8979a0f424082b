"""Frames over a pair of pipes, without ever blocking the run loop."""

import os
import sys
from collections.abc import Iterable
from contextlib import suppress

import trio

from supervision import framing

if sys.platform == "linux":
    import fcntl

_PIPE_BYTES = 1 << 20
"""What the kernel may hold of a pipe: the most that an ordinary user may ask for."""


class FramePipe:
    """One pipe to write frames to and one to read them from; it owns both descriptors.

    One task at a time may send and one receive. A frame that is not finished leaves the pipe unusable.
    """

    def __init__(self, write_fd: int, read_fd: int) -> None:
        self._write_fd = write_fd
        self._read_fd = read_fd
        for fd in (write_fd, read_fd):
            os.set_blocking(fd, False)
            if sys.platform == "linux":
                # Fewer turns for large arrays. The user's allowance may be used up: it works all the same.
                with suppress(OSError):
                    fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)

    async def send(self, pieces: Iterable[memoryview]) -> None:
        """Write a frame's pieces.

        Raises:
            trio.BrokenResourceError: nobody reads any more.
        """
        for piece in pieces:
            rest = piece
            while rest.nbytes:
                try:
                    rest = rest[os.write(self._write_fd, rest) :]
                except BlockingIOError:
                    await trio.lowlevel.wait_writable(self._write_fd)
                except BrokenPipeError:
                    raise trio.BrokenResourceError from None
        await trio.lowlevel.checkpoint()

    async def receive(self) -> list[bytearray]:
        """Read a frame's parts.

        Raises:
            trio.BrokenResourceError: the other side has closed, between frames or inside one.
        """
        count = framing.count_parts(await self._read(framing.COUNT.size))
        sizes = framing.part_sizes(await self._read(count * framing.LENGTH.size))
        return [await self._read(size) for size in sizes]

    async def _read(self, size: int) -> bytearray:
        buffer = bytearray(size)
        rest = memoryview(buffer)
        while rest:
            try:
                got = os.readv(self._read_fd, [rest])
            except BlockingIOError:
                await trio.lowlevel.wait_readable(self._read_fd)
                continue
            if not got:
                raise trio.BrokenResourceError
            rest = rest[got:]
        return buffer

    def close(self) -> None:
        """Close both ends; nobody may be using them."""
        os.close(self._write_fd)
        os.close(self._read_fd)
