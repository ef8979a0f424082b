"""The child side of `workers`: builds one object, then serves calls of its methods until its input ends.

Run as `python -m supervision.worker_process PARENT_PID`. Frames come on standard input and go to what was
standard output; anything that libraries print goes to standard error instead.
"""

import ctypes
import os
import signal
import sys
import traceback
from typing import IO, Any

from supervision import framing

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Serve the parent named on the command line."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
    _die_with(int(sys.argv[1]))
    requests = os.fdopen(os.dup(0), "rb")
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.path[:] = _receive(requests)
    try:
        factory, args = _receive(requests)
        served = factory(*args)
    except Exception as error:  # noqa: BLE001 - told to the parent
        _send(replies, ("failed", *_describe(error)))
        sys.exit(1)
    _send(replies, ("ready", getattr(served, "info", None)))
    while True:
        try:
            method, call_args = _receive(requests)
        except EOFError:
            return
        try:
            answer: tuple[Any, ...] = ("value", getattr(served, method)(*call_args))
        except Exception as error:  # noqa: BLE001 - told to the parent
            answer = ("failed", *_describe(error))
        _send(replies, answer)


def _die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent dies, and go now if that has happened already."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def _describe(error: Exception) -> tuple[str, str]:
    return f"{type(error).__name__}: {error}", traceback.format_exc()


def _send(stream: IO[bytes], message: object) -> None:
    try:
        pieces = framing.dump(message)
    except Exception as error:  # noqa: BLE001 - a result that cannot be pickled is this call's failure
        pieces = framing.dump(("failed", *_describe(error)))
    for piece in pieces:
        stream.write(piece)
    stream.flush()


def _receive(stream: IO[bytes]) -> Any:
    count = framing.count_parts(_read(stream, framing.COUNT.size))
    sizes = framing.part_sizes(_read(stream, count * framing.LENGTH.size))
    return framing.load([_read(stream, size) for size in sizes])


def _read(stream: IO[bytes], size: int) -> bytearray:
    buffer = bytearray(size)
    view = memoryview(buffer)
    while view:
        got = stream.readinto(view)  # type: ignore[attr-defined] # a BufferedReader has it, IO[bytes] does not say so
        if not got:
            raise EOFError
        view = view[got:]
    return buffer


if __name__ == "__main__":
    main()
