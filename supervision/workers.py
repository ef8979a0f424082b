"""Worker processes: an object is built once in a process of its own, and its methods are called over pipes.

    async with open_worker("asr", load_whisper, folder) as worker:
        heard = await worker.call("run", batch, deadline=deadline)

What holds the GIL, hangs or crashes there does so alone. A call that is cancelled or misses its deadline
kills the process, for nothing else stops it; whoever opened the worker opens another. On Linux nothing is
left behind when this process dies, not even by SIGKILL.
"""

import logging
import math
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import trio

from supervision import framing

START_TIMEOUT_S = 300.0
_READ_BYTES = 1 << 20
_TAIL_LINES = 5


class WorkerError(Exception):
    """A method or the factory raised in the worker; `remote_traceback` is its text there."""

    def __init__(self, message: str, remote_traceback: str = "") -> None:
        super().__init__(message)
        self.remote_traceback = remote_traceback


class WorkerCrashed(Exception):  # noqa: N818 - says what happened
    """The process ended: by itself, by a signal, or because an earlier call was given up."""


class WorkerTimeout(Exception):  # noqa: N818 - says what happened
    """The call was not done by its deadline; the process was killed."""


class Worker:
    """A running worker process; made by `open_worker`. It takes one call at a time."""

    def __init__(self, name: str, process: subprocess.Popen[bytes]) -> None:
        if process.stdin is None or process.stdout is None or process.stderr is None:
            raise ValueError("a worker is reached over pipes")
        self.name = name
        self.info: Any = None
        """The built object's own `info`, if it has one."""
        self._process = process
        self._requests = trio.lowlevel.FdStream(os.dup(process.stdin.fileno()))
        self._replies = trio.lowlevel.FdStream(os.dup(process.stdout.fileno()))
        self._errors = trio.lowlevel.FdStream(os.dup(process.stderr.fileno()))
        for pipe in (process.stdin, process.stdout, process.stderr):
            pipe.close()
        self._tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._log = logging.getLogger(f"supervision.worker.{name}")
        self._lock = trio.Lock()
        self._calling = False

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    async def call(self, method: str, *args: Any, deadline: float = math.inf) -> Any:
        """Call a method of the built object and wait for its value.

        Args and value are pickled; the buffers of arrays go beside the pickle, uncopied.

        Raises:
            WorkerError: the method raised.
            WorkerCrashed: the process is gone.
            WorkerTimeout: `deadline` (Trio's clock) passed; the process has been killed.
        """
        async with self._lock:
            return await self._exchange((method, args), deadline)

    async def _exchange(self, message: object, deadline: float) -> Any:
        done = False
        self._calling = True
        try:
            with trio.move_on_at(deadline):
                await self._send(message)
                kind, *content = await self._receive()
                done = True
        except (trio.BrokenResourceError, trio.ClosedResourceError, EOFError):
            raise WorkerCrashed(await self._obituary()) from None
        finally:
            self._calling = False
            if not done:
                # Half a request or answer is in the pipes: the process is of no use any more.
                self._kill()
        if not done:
            raise WorkerTimeout(f"worker {self.name} missed its deadline and was killed")
        if kind == "failed":
            raise WorkerError(*content)
        return content[0]

    async def _start(self, factory: Callable[..., object], args: tuple[Any, ...], timeout_s: float) -> None:
        with trio.fail_after(timeout_s):
            await self._send(list(sys.path))
        self.info = await self._exchange((factory, args), trio.current_time() + timeout_s)

    async def _send(self, message: object) -> None:
        for piece in framing.dump(message):
            if piece.nbytes:
                await self._requests.send_all(piece)

    async def _receive(self) -> Any:
        count = framing.count_parts(await self._read(framing.COUNT.size))
        sizes = framing.part_sizes(await self._read(count * framing.LENGTH.size))
        return framing.load([await self._read(size) for size in sizes])

    async def _read(self, size: int) -> bytearray:
        buffer = bytearray()
        while len(buffer) < size:
            piece = await self._replies.receive_some(min(size - len(buffer), _READ_BYTES))
            if not piece:
                raise EOFError
            buffer += piece
        return buffer

    def _kill(self) -> None:
        if self._process.returncode is None:
            self._process.kill()

    async def _wait(self) -> int:
        # Only ever after the end of its pipes or a kill: it ends within milliseconds.
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(self._process.wait)
        return self._process.wait()

    async def _obituary(self) -> str:
        self._kill()
        code = await self._wait()
        how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
        said = f": {' | '.join(self._tail)}" if self._tail else ""
        return f"worker {self.name} ended {how}{said}"

    async def _watch(self) -> None:
        """Notice a process that ends between calls; during one, the call does."""
        if not hasattr(os, "pidfd_open"):
            return
        pidfd = os.pidfd_open(self._process.pid)
        try:
            await trio.lowlevel.wait_readable(pidfd)
        finally:
            os.close(pidfd)
        if not self._calling:
            raise WorkerCrashed(await self._obituary())

    async def _log_errors(self) -> None:
        rest = b""
        while data := await self._errors.receive_some(65536):
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                text = line.decode("utf-8", "replace").rstrip()
                if text:
                    self._tail.append(text)
                    self._log.info("%s", text)

    async def _finish(self) -> None:
        self._kill()
        with trio.CancelScope(shield=True):
            await self._wait()
            for stream in (self._requests, self._replies, self._errors):
                await stream.aclose()


@asynccontextmanager
async def open_worker(
    name: str,
    factory: Callable[..., object],
    *args: Any,
    env: Mapping[str, str] | None = None,
    start_timeout_s: float = START_TIMEOUT_S,
) -> AsyncIterator[Worker]:
    """Start a process, build `factory(*args)` in it, and keep it for the length of the block.

    Args:
        name: shown in errors; its standard error goes to the logger `supervision.worker.<name>`.
        factory: importable by its qualified name; the object it returns is what is called.
        args: for the factory; pickled.
        env: variables to set besides those of this process.
        start_timeout_s: how long importing and building may take.

    Raises:
        WorkerError: the factory raised; `remote_traceback` says where.
        WorkerTimeout: it took too long.
        WorkerCrashed: the process ended, while starting or between calls.
    """
    # From the thread that runs Trio, not through trio.run_process: the kernel ties the child's life to the
    # thread that spawned it, and Trio spawns in threads that end.
    process = subprocess.Popen(  # noqa: ASYNC220, S603 - see above; the command is our own
        [sys.executable, "-m", "supervision.worker_process", str(os.getpid())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **(env or {})},
    )
    worker = Worker(name, process)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(worker._log_errors, name=f"worker {name}: stderr")  # noqa: SLF001 - one module
            await worker._start(factory, args, start_timeout_s)  # noqa: SLF001 - idem
            nursery.start_soon(worker._watch, name=f"worker {name}: watch")  # noqa: SLF001 - idem
            yield worker
            nursery.cancel_scope.cancel()
    except ExceptionGroup as group:
        # One failure, seen by the watch or by a call: no caller should have to look into a group.
        crashed, others = group.split((WorkerCrashed, WorkerError, WorkerTimeout))
        if others is None and crashed is not None:
            raise _first(crashed) from None
        if crashed is None and len(group.exceptions) == 1:
            raise group.exceptions[0] from group.exceptions[0].__cause__  # noqa: ASYNC123 - the one error
        raise
    finally:
        await worker._finish()  # noqa: ASYNC102, SLF001 - shielded inside, bounded by SIGKILL; idem


def _first(group: ExceptionGroup[Exception]) -> Exception:
    error: Exception = group
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error
