"""The child side of `workers`: builds one object, then serves calls of its methods until its input ends.

Run as a file, `python worker_process.py PARENT_PID`: it needs nothing but the standard library, starts in
some 30 ms, and cannot be confused with another package of this name, wherever it is started. Frames come on
standard input and go to what was standard output; what libraries print goes to standard error instead.
"""

import ctypes
import faulthandler
import importlib.util
import logging
import os
import signal
import sys
import traceback
from pathlib import Path
from time import perf_counter
from types import ModuleType
from typing import IO, Any

PR_SET_PDEATHSIG = 1
MOST_TEXT = 4000
MOST_TRACE = 8000
"""Characters of a record that are told."""
NICENESS = 5
"""Whoever keeps the connections needs the processor seldom and at once, and goes first."""


def main() -> None:
    """Serve the parent named on the command line."""
    for number in (signal.SIGINT, signal.SIGTERM):
        # The parent's business, though whoever stops a service may well tell all its processes.
        signal.signal(number, signal.SIG_IGN)
    _die_with(int(sys.argv[1]))
    os.nice(NICENESS)
    faulthandler.enable()
    requests, replies = _take_over_the_pipes()
    sys.path[:], mark, level = _receive(requests)
    _log_to_parent(mark, level)
    try:
        factory, args = _receive(requests)
        served = factory(*args)
    except Exception as error:  # noqa: BLE001 - told to the parent
        _send(replies, ("failed", *_describe(error)))
        sys.exit(1)
    _send(replies, ("value", getattr(served, "info", None)))
    while True:
        try:
            call = _receive_parts(requests)
        except EOFError:
            return
        try:
            method, call_args = framing.load(call)
            began = perf_counter()
            value = getattr(served, method)(*call_args)
            answer: tuple[Any, ...] = ("value", value, began, perf_counter())
        except Exception as error:  # noqa: BLE001 - told to the parent
            answer = ("failed", *_describe(error))
        _send(replies, answer)


def _die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent dies, and go now if that has happened already."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def _take_over_the_pipes() -> tuple[IO[bytes], IO[bytes]]:
    """Keep the pipes to ourselves: libraries read nothing and print to standard error."""
    requests = os.fdopen(os.dup(0), "rb")
    replies = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr] # it is the interpreter's own
    return requests, replies


class _ToParent(logging.Handler):
    """A record as a line of standard error, behind the mark that tells it from what is printed there."""

    def __init__(self, mark: str) -> None:
        super().__init__()
        self._mark = mark

    def emit(self, record: logging.LogRecord) -> None:
        import json  # noqa: PLC0415 - most workers log nothing, and start the sooner

        try:
            trace = "".join(traceback.format_exception(*record.exc_info)) if record.exc_info else ""
            told = {
                "level": record.levelno,
                "logger": record.name,
                "text": record.getMessage()[:MOST_TEXT],
                "trace": trace[-MOST_TRACE:],
            }
            sys.stderr.write(f"{self._mark}{json.dumps(told)}\n")
            sys.stderr.flush()
        except Exception:  # noqa: BLE001 - a log must cost nobody a result
            sys.stderr.write(f"a line of {record.name} could not be logged\n")


def _log_to_parent(mark: str, level: int) -> None:
    logging.basicConfig(handlers=[_ToParent(mark)], level=level)
    logging.captureWarnings(capture=True)


def _load_framing() -> ModuleType:
    """The module beside this file, without its package and all that comes with it."""
    spec = importlib.util.spec_from_file_location("framing", Path(__file__).with_name("framing.py"))
    if spec is None or spec.loader is None:  # pragma: no cover - the type's business: the file is ours
        raise ImportError("framing.py is missing beside this file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _describe(error: Exception) -> tuple[str, str, str]:
    its = type(error)
    return f"{its.__name__}: {error}", traceback.format_exc(), f"{its.__module__}.{its.__qualname__}"


def _send(stream: IO[bytes], message: object) -> None:
    try:
        pieces = framing.dump(message)
    except Exception as error:  # noqa: BLE001 - a result that cannot be pickled is this call's failure
        pieces = framing.dump(("failed", *_describe(error)))
    for piece in pieces:
        stream.write(piece)
    stream.flush()


def _receive(stream: IO[bytes]) -> Any:
    return framing.load(_receive_parts(stream))


def _receive_parts(stream: IO[bytes]) -> list[bytearray]:
    count = framing.count_parts(_read(stream, framing.COUNT.size))
    sizes = framing.part_sizes(_read(stream, count * framing.LENGTH.size))
    return [_read(stream, size) for size in sizes]


def _read(stream: IO[bytes], size: int) -> bytearray:
    buffer = bytearray(size)
    view = memoryview(buffer)
    while view:
        got = stream.readinto(view)  # type: ignore[attr-defined] # a BufferedReader has it, IO[bytes] does not say so
        if not got:
            raise EOFError
        view = view[got:]
    return buffer


framing = _load_framing()

if __name__ == "__main__":
    main()
