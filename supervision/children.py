"""A supervisor's children: what is kept alive, and one life of it."""

import inspect
import logging
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Any, Protocol

import attrs
import trio

from supervision.policy import Backoff, Intensity, Restart, RestartWindow

log = logging.getLogger("supervision")

NO_BACKOFF = Backoff()


class Closable(Protocol):
    """A channel end or a queue: something with an immediate `close()`."""

    def close(self) -> None:
        """Close it; closing twice is harmless."""


@attrs.frozen(kw_only=True)
class Child:
    """What a supervisor keeps alive.

    Attributes:
        name: unique among its siblings.
        run: an async callable without arguments, or with a keyword `task_status` to say when it is ready.
        restart: what to do when it ends.
        owns: closed once the child has ended for good, with `close()`. They outlive restarts, so what is
            queued in a child's mailbox is there for its next life.
        backoff: how long to wait before starting it anew.
        shutdown_s: how long it may take to clean up once cancelled. A task cannot be killed: later, whoever
            stops it stops waiting.
    """

    name: str
    run: Callable[..., Awaitable[object]]
    restart: Restart = Restart.TRANSIENT
    owns: tuple[Closable, ...] = ()
    backoff: Backoff = NO_BACKOFF
    shutdown_s: float = 5.0


class ChildState(StrEnum):
    """What a child is doing."""

    STARTING = "starting"
    """It runs and has not said yet that it is ready."""
    RUNNING = "running"
    WAITING = "waiting"
    """It has failed, and its backoff is running."""
    STOPPING = "stopping"


@attrs.frozen(kw_only=True)
class ChildStatistics:
    """A child at this moment."""

    name: str
    restart: Restart
    state: ChildState
    restarts: int


class Life:
    """A child from its first start to its end for good. It is the `task_status` of all its runs."""

    def __init__(self, child: Child, path: str, intensity: Intensity) -> None:
        self.child = child
        self.path = path
        """Its supervisor's name and its own."""
        self.scope = trio.CancelScope()
        self.settled = trio.Event()
        """Set once it is ready or has ended for good, whichever is first."""
        self.ended = trio.Event()
        self.ready = False
        self.value: Any = None
        """What it passed to `task_status.started`."""
        self.state = ChildState.STARTING
        self.restarts = 0
        self.window = RestartWindow(intensity)
        self.error: Exception | None = None
        """What it failed with last."""
        self.task: trio.lowlevel.Task | None = None
        """The one that all its runs are in, from when it has begun."""
        self._tells_when_ready = _accepts_task_status(child.run)

    def statistics(self) -> ChildStatistics:
        """How it is doing."""
        return ChildStatistics(
            name=self.child.name, restart=self.child.restart, state=self.now, restarts=self.restarts
        )

    @property
    def now(self) -> ChildState:
        """What it is doing."""
        return ChildState.STOPPING if self.scope.cancel_called else self.state

    def started(self, value: Any = None) -> None:
        """Note that it is ready; the first value is the one that `Supervisor.start` returns."""
        self.state = ChildState.RUNNING
        if not self.ready:
            self.ready = True
            self.value = value
            self.settled.set()

    async def run_once(self) -> Exception | None:
        """Run it to its end; returns what it failed with.

        Cancellation, `KeyboardInterrupt` and the like pass. Where they come in a group with errors, as from a
        nursery that was cancelled while one of its tasks failed, they pass alone; the errors are logged.
        """
        self.state = ChildState.STARTING
        self.error = None
        try:
            if self._tells_when_ready:
                await self.child.run(task_status=self)
            else:
                self.started()
                await self.child.run()
        except Exception as error:  # noqa: BLE001 - judging any failure is what a supervisor is for
            self.error = error
        except BaseExceptionGroup as group:
            # Never of errors alone: such a group is an `Exception` itself.
            self.error, others = group.split(Exception)
            if self.error is not None:
                log.exception("%s failed while it was stopped", self.path, exc_info=self.error)
            raise (others or group) from None
        return self.error


def _accepts_task_status(run: Callable[..., Awaitable[object]]) -> bool:
    parameter = inspect.signature(run).parameters.get("task_status")
    return parameter is not None and parameter.kind is not inspect.Parameter.POSITIONAL_ONLY
