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
import secrets
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

import attrs
import trio

from supervision import framing
from supervision.groups import own_error
from supervision.pipes import FramePipe
from supervision.processes import OwnedProcess
from supervision.worker_errors import ErrorLines, worker_level

log = logging.getLogger("supervision")

START_TIMEOUT_S = 300.0
_PROGRAM = str(Path(__file__).with_name("worker_process.py"))
_LAST_WORDS_S = 0.2
"""How long a worker that has closed its pipes is waited for, and then the rest of its standard error."""
_DEATH_S = 5.0
"""How long a process may take to die of SIGKILL: more than any that is not stuck in the kernel."""


class WorkerError(Exception):
    """A method or the factory raised in the worker.

    Attributes:
        remote_traceback: the traceback's text there. It is a note of the error too, so that logging the error
            shows it.
        remote_type: the error's class there, by its module and name.
    """

    def __init__(self, message: str, remote_traceback: str = "", remote_type: str = "") -> None:
        super().__init__(message, remote_traceback, remote_type)
        self.remote_traceback = remote_traceback
        self.remote_type = remote_type
        if remote_traceback:
            self.add_note(f"In the worker process:\n{remote_traceback}")

    def __str__(self) -> str:
        return str(self.args[0])


class WorkerCrashed(Exception):  # noqa: N818 - says what happened
    """The process has ended; `exit_code` is minus the signal's number where a signal ended it."""

    def __init__(self, message: str, exit_code: int | None = None) -> None:
        super().__init__(message, exit_code)
        self.exit_code = exit_code

    def __str__(self) -> str:
        return str(self.args[0])


class WorkerTimeout(Exception):  # noqa: N818 - says what happened
    """The call was not done by its deadline; if it had begun, the process was killed."""


@attrs.frozen(kw_only=True)
class Served:
    """A call's value, and from when to when the process worked on it, by Trio's clock here."""

    value: Any
    began: float
    ended: float


class Worker:
    """A running worker process; made by `open_worker`. It takes one call at a time, others wait."""

    def __init__(self, name: str, process: OwnedProcess) -> None:
        self.name = name
        self.info: Any = None
        """The built object's own `info`, if it has one."""
        self._process = process
        requests, replies, errors = process.take_pipes()
        self._pipe = FramePipe(requests, replies)
        self._mark = secrets.token_hex(16)
        self._errors = ErrorLines(name, errors, self._mark)
        self._lock = trio.Lock()
        self._conversation: trio.CancelScope | None = None
        self._useless = False
        """Ended or killed, and told: no call can succeed any more."""
        self._given_up = False
        """Killed by us, with a call."""
        self._crash: WorkerCrashed | None = None

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    async def call(self, method: str, *args: Any, deadline: float = math.inf) -> Any:
        """Call a method of the built object and wait for its value; as `call_timed`."""
        return (await self.call_timed(method, *args, deadline=deadline)).value

    async def call_timed(self, method: str, *args: Any, deadline: float = math.inf) -> Served:
        """Call a method of the built object and wait for its value, with the times it took there.

        Arguments and value are pickled; the buffers of arrays go beside the pickle, uncopied. Arguments that
        cannot be pickled raise what `pickle` raises, and the worker is none the worse.

        Raises:
            WorkerError: the method raised, or its value cannot be pickled or understood.
            WorkerCrashed: the process is gone: by itself, or killed with an earlier call.
            WorkerTimeout: `deadline` (Trio's clock) passed.
        """
        pieces = framing.dump((method, args))
        parts: list[bytearray] | None = None
        asked = trio.current_time()
        with trio.move_on_at(deadline):
            async with self._lock:
                asked = trio.current_time()
                parts = await self._converse(pieces)
        if parts is None:
            fate = "and was killed" if self._given_up else "before it was begun"
            raise WorkerTimeout(f"worker {self.name} missed the call's deadline {fate}")
        value, *times = self._understand(parts)
        # One clock for both processes; whatever it is to Trio's, it goes as fast.
        now, ahead = trio.current_time(), trio.current_time() - perf_counter()
        began, ended = (min(max(each + ahead, asked), now) for each in times)
        return Served(value=value, began=began, ended=ended)

    async def _start(self, factory: Callable[..., object], args: tuple[Any, ...], timeout_s: float) -> None:
        manner = list(sys.path), self._mark, worker_level(self.name)
        pieces = [*framing.dump(manner), *framing.dump((factory, args))]
        parts: list[bytearray] | None = None
        with trio.move_on_after(timeout_s):
            parts = await self._converse(pieces)
        if parts is None:
            raise WorkerTimeout(f"worker {self.name} was not ready within {timeout_s:g} s and was killed")
        (self.info,) = self._understand(parts)

    async def _converse(self, pieces: list[memoryview]) -> list[bytearray]:
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._useless:
            raise await self._crashed()
        parts: list[bytearray] | None = None
        broken = False
        self._conversation = conversation = trio.CancelScope()
        try:
            with conversation:
                await self._pipe.send(pieces)
                parts = await self._pipe.receive()
        except trio.BrokenResourceError:
            broken = True
        finally:
            self._conversation = None
            if parts is None:
                # Half a request or answer is in the pipes: the process is of no use any more.
                self._useless = True
                if not broken and not conversation.cancelled_caught:
                    self._given_up = True
                    await self._killed()  # noqa: ASYNC102 - shielded inside, and bounded
        if parts is None:
            raise await self._crashed()
        return parts

    def _understand(self, parts: list[bytearray]) -> list[Any]:
        try:
            answer: tuple[Any, ...] = framing.load(parts)
            kind, *content = answer
        except Exception as error:
            raise WorkerError(f"worker {self.name} answered what cannot be read here: {error!r}") from error
        if kind == "failed":
            raise WorkerError(*content)
        return content

    async def _killed(self) -> None:
        """Kill it, and wait for its death: until then it holds its memory, and whoever asked its tokens."""
        self._process.kill()
        with trio.CancelScope(shield=True), trio.move_on_after(_DEATH_S):
            await self._process.wait()

    async def _crashed(self) -> WorkerCrashed:
        """Why it ended, with its last words; kills it if it has only closed its pipes."""
        with trio.CancelScope(shield=True), trio.move_on_after(_DEATH_S):
            with trio.move_on_after(_LAST_WORDS_S):
                await self._process.wait()
            self._process.kill()
            await self._process.wait()
            with trio.move_on_after(_LAST_WORDS_S):
                await self._errors.ended.wait()
        code = self._process.exit_code
        if self._given_up:
            return WorkerCrashed(f"worker {self.name} was killed with an earlier call", code)
        how = _how_it_ended(code)
        said = f": {' | '.join(self._errors.tail)}" if self._errors.tail else ""
        return WorkerCrashed(f"worker {self.name} {how}{said}", code)

    async def _watch(self, block: trio.CancelScope) -> None:
        """Notice a process that ends between calls; during one, the call does, by the end of its pipe."""
        await self._process.wait()
        conversation = self._conversation
        if conversation is not None:
            # Unless something that the process has started, and that got away, holds the pipe open.
            await trio.sleep(_LAST_WORDS_S)
            conversation.cancel()
        elif not self._useless:
            self._useless = True
            self._crash = await self._crashed()
            block.cancel()

    async def _close(self) -> None:
        self._process.kill()
        with trio.CancelScope(shield=True), trio.move_on_after(_DEATH_S):
            await self._process.wait()
        if self._process.exit_code is None:
            log.error("worker %s (process %d) does not die of SIGKILL", self.name, self.pid)
        self._pipe.close()
        self._errors.close()


def _how_it_ended(code: int | None) -> str:
    if code is None:
        return "hangs beyond SIGKILL"
    if code < 0:
        return f"ended by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"


@asynccontextmanager
async def open_worker(
    name: str,
    factory: Callable[..., object],
    *args: Any,
    env: Mapping[str, str] | None = None,
    start_timeout_s: float = START_TIMEOUT_S,
) -> AsyncIterator[Worker]:
    """Start a process, build `factory(*args)` in it, and keep it for the length of the block.

    On leaving it is killed: it holds nothing that would have to be saved.

    Args:
        name: shown in errors; what it logs and what it prints go to the logger `supervision.worker.<name>`.
        factory: importable by its qualified name, not from `__main__`; what it returns is called.
        args: for the factory; pickled.
        env: variables to set besides those of this process, such as `OMP_NUM_THREADS`.
        start_timeout_s: how long importing and building may take.

    Raises:
        WorkerError: the factory raised; `remote_traceback` says where.
        WorkerTimeout: it took too long.
        WorkerCrashed: the process ended, while starting or between calls. The latter cancels the block; an
            error of the block's body outranks it.
    """
    # The name is for whoever reads the list of processes.
    command = [sys.executable, "-P", _PROGRAM, str(os.getpid()), name]
    worker = Worker(name, OwnedProcess(command, {**os.environ, **(env or {})}))
    failure: BaseException | None = None
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(worker._errors.read, name=f"worker {name}: stderr")  # noqa: SLF001 - one module
            await worker._start(factory, args, start_timeout_s)  # noqa: SLF001 - idem
            nursery.start_soon(worker._watch, nursery.cancel_scope, name=f"worker {name}: watch")  # noqa: SLF001 - idem
            yield worker
            nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        failure = own_error(group, None)
        if failure is group:
            raise
    finally:
        await worker._close()  # noqa: ASYNC102, SLF001 - shielded inside, and bounded
    # Outside of the handler, so that the error keeps its own cause and context.
    if failure is not None:
        raise failure
    if worker._crash is not None:  # noqa: SLF001 - idem
        raise worker._crash  # noqa: SLF001 - idem
