"""A nursery that starts its children anew, until they fail too often.

    async with open_supervisor("models", intensity=Intensity(restarts=5, period_s=30)) as supervisor:
        await supervisor.start(Child(name="asr", run=asr, restart=Restart.PERMANENT))

Leaving the block waits until every child has ended for good. A child that fails more often than the intensity
allows stops all others, youngest first, and `RestartIntensityExceeded` comes out of the block. Cancellation
and `KeyboardInterrupt` are never mistaken for failures. Supervisors nest: a child may open one, and its
`RestartIntensityExceeded` is then a failure like any other.
"""

import logging
import math
import random
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from typing import Any

import trio

from supervision.census import Census
from supervision.children import Child, ChildState, ChildStatistics, Life
from supervision.groups import own_error
from supervision.policy import Intensity, RestartWindow

log = logging.getLogger("supervision")

DEFAULT_INTENSITY = Intensity()

OnRestart = Callable[[str, Exception | None], None]
OnFailure = Callable[[str, Exception], None]


class RestartIntensityExceeded(Exception):  # noqa: N818 - OTP's words
    """A child failed more often than its supervisor allows; its last error is the cause."""


class Supervisor:
    """Starts, restarts and stops children; made by `open_supervisor`."""

    def __init__(
        self,
        name: str,
        *,
        intensity: Intensity,
        rng: random.Random,
        on_restart: OnRestart | None,
        on_failure: OnFailure | None,
    ) -> None:
        self.name = name
        self._nursery: trio.Nursery
        self._window = RestartWindow(intensity)
        self._intensity = intensity
        self._rng = rng
        self._on_restart = on_restart
        self._on_failure = on_failure
        self._lives: dict[str, Life] = {}
        self._stopping = False
        self._exceeded: RestartIntensityExceeded | None = None

    @property
    def children(self) -> tuple[ChildStatistics, ...]:
        """Those that have not ended for good, oldest first."""
        return tuple(life.statistics() for life in self._lives.values())

    @property
    def lives(self) -> tuple[Life, ...]:
        """The same as they live: for those who look at their tasks."""
        return tuple(self._lives.values())

    @property
    def exceeded(self) -> RestartIntensityExceeded | None:
        """Why the supervisor gave up, if it did."""
        return self._exceeded

    def start_soon(self, child: Child) -> None:
        """Start a child without waiting for it.

        Raises:
            ValueError: a child of that name is there.
            RuntimeError: the supervisor is stopping or its block has been left. What the child owns is still
                the caller's.
        """
        self._begin(child)

    async def start(self, child: Child) -> Any:
        """Start a child and wait until it is ready; what it passed to `task_status.started` comes back.

        A child that fails before it is ready is restarted like any other, so this waits through that. One
        that takes no `task_status` is ready as soon as it runs. Cancelling this call stops the child.

        Raises:
            ValueError: a child of that name is there.
            RuntimeError: it ended for good without ever being ready (its last error is the cause); or as
                with `start_soon`.
        """
        life = self._begin(child)
        try:
            await life.settled.wait()
        finally:
            if not life.settled.is_set():
                life.scope.cancel()
        if not life.ready:
            raise RuntimeError(f"{life.path} ended before it was ready") from life.error
        return life.value

    async def stop(self, name: str) -> None:
        """Cancel one child and wait until it has ended; it is not started anew.

        Raises:
            KeyError: there is no such child.
            trio.TooSlowError: it has not ended within its `shutdown_s`. It stays among the children until it
                does.
        """
        life = self._lives[name]
        life.scope.cancel()
        if not await self._ends_in_time(life):
            raise trio.TooSlowError

    def cancel(self) -> None:
        """Stop all children, youngest first, then cancel the block; it ends without an error.

        Each has its `shutdown_s` to end before the next is told. (Cancelling the supervisor from outside, as
        any scope around it does, tells all at once.)
        """
        if not self._stopping:
            self._stopping = True
            if self._lives:
                self._nursery.start_soon(self._stop_all, name=f"{self.name}/stopping")
            else:
                self._nursery.cancel_scope.cancel()

    def _begin(self, child: Child) -> Life:
        if self._stopping:
            raise RuntimeError(f"{self.name} is stopping")
        if child.name in self._lives:
            raise ValueError(f"{self.name} has a child {child.name} already")
        life = Life(child, f"{self.name}/{child.name}", self._intensity)
        self._nursery.start_soon(self._live, life, name=life.path)
        # Only now: the nursery refuses where the block has been left.
        self._lives[child.name] = life
        return life

    async def _live(self, life: Life) -> None:
        child = life.child
        life.task = trio.lowlevel.current_task()
        try:
            with life.scope:
                while self._starts_anew(life, await life.run_once()):
                    life.state = ChildState.WAITING
                    recent = life.window.count(trio.current_time())
                    await trio.sleep(child.backoff.delay_s(recent, self._rng.random()))
        finally:
            with ExitStack() as last:
                # In the reverse of this order, and all of them even if one fails.
                last.callback(life.ended.set)
                last.callback(life.settled.set)
                last.callback(self._lives.pop, child.name)
                for owned in child.owns:
                    last.callback(owned.close)

    def _starts_anew(self, life: Life, cause: Exception | None) -> bool:
        child = life.child
        if self._stopping or _cancelled():
            if cause is not None:
                log.error("%s failed while it was stopped", life.path, exc_info=cause)
            return False
        if not child.restart.applies(cause):
            if cause is not None:
                log.error("%s failed and is not started anew", life.path, exc_info=cause)
                if self._on_failure is not None:
                    self._on_failure(child.name, cause)
            return False
        now = trio.current_time()
        life.window.record(now)
        if self._window.record(now):
            self._give_up(life, cause)
            return False
        life.restarts += 1
        if cause is None:
            log.warning("%s ended and is started anew (restart %d)", life.path, life.restarts)
        else:
            log.error("%s failed and is started anew (restart %d)", life.path, life.restarts, exc_info=cause)
        if self._on_restart is not None:
            self._on_restart(child.name, cause)
        return True

    def _give_up(self, life: Life, cause: Exception | None) -> None:
        its = self._intensity
        message = f"{life.path} ended more than {its.restarts} times in {its.period_s:g} s"
        log.error("%s: %s gives up", message, self.name, exc_info=cause)
        self._exceeded = RestartIntensityExceeded(message)
        self._exceeded.__cause__ = cause
        self.cancel()

    async def _stop_all(self) -> None:
        for life in reversed(list(self._lives.values())):
            life.scope.cancel()
            await self._ends_in_time(life)
        # The block's own body, and whoever was too slow (and is cancelled already).
        self._nursery.cancel_scope.cancel()

    async def _ends_in_time(self, life: Life) -> bool:
        with trio.move_on_after(life.child.shutdown_s):
            await life.ended.wait()
        in_time = life.ended.is_set()
        if not in_time:
            log.error("%s has not ended %g s after it was stopped", life.path, life.child.shutdown_s)
        return in_time


def _cancelled() -> bool:
    """Whether the running task is being cancelled, by its own scope or any around it."""
    return trio.current_effective_deadline() == -math.inf


SUPERVISORS: Census[Supervisor, None] = Census("supervision.supervisors")
"""Those of this run, for `task_tree`."""


@asynccontextmanager
async def open_supervisor(
    name: str,
    *,
    intensity: Intensity = DEFAULT_INTENSITY,
    rng: random.Random | None = None,
    on_restart: OnRestart | None = None,
    on_failure: OnFailure | None = None,
) -> AsyncIterator[Supervisor]:
    """Supervise children for the length of the block.

    Args:
        name: shown in logs and in the names of tasks.
        intensity: how often children may be restarted, all together.
        rng: where the jitter of backoffs comes from.
        on_restart: told of each restart: the child's name and its error (None where it ended normally).
        on_failure: told of each failure that is not followed by a restart: a temporary child's.

    A callback that raises ends the supervisor with its error.

    Raises:
        RestartIntensityExceeded: a child failed too often. It outranks an error of the block's body, which is
            logged, and a cancellation from outside. Without it, an error of the body's comes out as itself.
    """
    supervisor = Supervisor(
        name,
        intensity=intensity,
        rng=rng or random.Random(),  # noqa: S311 - jitter, not a secret
        on_restart=on_restart,
        on_failure=on_failure,
    )
    SUPERVISORS.add(supervisor, None)
    failure: BaseException | None = None
    try:
        async with trio.open_nursery() as nursery:
            supervisor._nursery = nursery  # noqa: SLF001 - this is its construction
            yield supervisor
    except BaseExceptionGroup as group:
        failure = own_error(group, supervisor.exceeded)
        if failure is group:
            raise
        if isinstance(failure, RestartIntensityExceeded):
            _log_lost(name, group)
    # Outside of the handler, so that the error keeps its own cause and context.
    if failure is not None:
        raise failure
    if supervisor.exceeded is not None:
        raise supervisor.exceeded


def _log_lost(name: str, group: BaseExceptionGroup[BaseException]) -> None:
    errors, _ = group.split(Exception)
    if errors is not None:
        log.error("%s gave up, and its block failed as well", name, exc_info=errors)
