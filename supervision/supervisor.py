"""A nursery that starts its children anew, until they fail too often.

    async with open_supervisor("models", intensity=Intensity(restarts=5, period_s=30)) as supervisor:
        await supervisor.start(Child(name="asr", run=asr, restart=Restart.PERMANENT))

Leaving the block waits until every child has ended for good. A child that fails more often than the intensity
allows stops all others, youngest first, and `RestartIntensityExceeded` comes out of the block. Cancellation
and `KeyboardInterrupt` are never mistaken for failures.
"""

import inspect
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Protocol

import attrs
import trio

from supervision.policy import Backoff, Intensity, Restart, RestartWindow

log = logging.getLogger("supervision")

NO_BACKOFF = Backoff()
DEFAULT_INTENSITY = Intensity()


class Closable(Protocol):
    """A channel end or a queue: something with an immediate `close()`."""

    def close(self) -> None:
        """Close it; closing twice is harmless."""


class RestartIntensityExceeded(Exception):  # noqa: N818 - OTP's words
    """A child failed more often than its supervisor allows; its last error is the cause."""


@attrs.frozen(kw_only=True)
class Child:
    """What a supervisor keeps alive.

    Attributes:
        name: unique among its siblings.
        run: an async callable without arguments, or with a keyword `task_status` to say when it is ready.
        restart: what to do when it ends.
        owns: closed once the child has ended for good. They outlive restarts, so what is queued in a child's
            mailbox is there for its next life.
        backoff: how long to wait before starting it anew.
        shutdown_s: how long it may take to clean up once cancelled, before that is logged as a fault.
    """

    name: str
    run: Callable[..., Awaitable[object]]
    restart: Restart = Restart.TRANSIENT
    owns: tuple[Closable, ...] = ()
    backoff: Backoff = NO_BACKOFF
    shutdown_s: float = 5.0


@attrs.define(eq=False)
class _Life:
    """A child and how it is doing."""

    child: Child
    scope: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    ended: trio.Event = attrs.field(factory=trio.Event)
    restarts: int = 0


@attrs.frozen(kw_only=True)
class ChildStatistics:
    """A child at this moment."""

    name: str
    restart: Restart
    restarts: int


class Supervisor:
    """Starts, restarts and stops children; made by `open_supervisor`."""

    def __init__(
        self,
        name: str,
        nursery: trio.Nursery,
        *,
        intensity: Intensity,
        rng: random.Random,
        on_restart: Callable[[str, Exception | None], None] | None,
    ) -> None:
        self.name = name
        self._nursery = nursery
        self._window = RestartWindow(intensity)
        self._intensity = intensity
        self._rng = rng
        self._on_restart = on_restart
        self._lives: dict[str, _Life] = {}
        self._exceeded: RestartIntensityExceeded | None = None

    @property
    def children(self) -> tuple[ChildStatistics, ...]:
        """Those that have not ended for good, oldest first."""
        return tuple(
            ChildStatistics(name=name, restart=life.child.restart, restarts=life.restarts)
            for name, life in self._lives.items()
        )

    def start_soon(self, child: Child) -> None:
        """Start a child without waiting for it.

        Raises:
            ValueError: a child of that name is there.
        """
        self._nursery.start_soon(self._live, self._enlist(child), name=f"{self.name}/{child.name}")

    async def start(self, child: Child) -> Any:
        """Start a child and wait until it is ready; what it passed to `task_status.started` comes back.

        A child that fails before it is ready is restarted like any other, so this waits through that. One
        that takes no `task_status` is ready as soon as it runs.

        Raises:
            ValueError: a child of that name is there.
            RuntimeError: it ended for good without ever being ready.
        """
        return await self._nursery.start(self._live, self._enlist(child), name=f"{self.name}/{child.name}")

    async def stop(self, name: str) -> None:
        """Cancel one child and wait until it has ended; it is not started anew.

        Raises:
            KeyError: there is no such child.
        """
        life = self._lives[name]
        life.scope.cancel()
        await self._wait_ended(life)

    def cancel(self) -> None:
        """Cancel all children at once; the block then ends without an error."""
        self._nursery.cancel_scope.cancel()

    def _enlist(self, child: Child) -> _Life:
        if child.name in self._lives:
            raise ValueError(f"{self.name} has a child {child.name} already")
        life = self._lives[child.name] = _Life(child)
        return life

    async def _wait_ended(self, life: _Life) -> None:
        with trio.move_on_after(life.child.shutdown_s) as patience:
            await life.ended.wait()
        if patience.cancelled_caught:
            # A task cannot be killed; whoever waits for a nursery would wait all the same.
            log.error("%s/%s is slow to stop", self.name, life.child.name)
            await life.ended.wait()

    async def _live(self, life: _Life, task_status: trio.TaskStatus[Any] = trio.TASK_STATUS_IGNORED) -> None:
        child = life.child
        ready = _Ready(task_status)
        try:
            with life.scope:
                while True:
                    cause = await _run_once(child, ready)
                    if not self._must_restart(child, cause):
                        break
                    if self._window.record(trio.current_time()):
                        self._give_up(child, cause)
                        break
                    life.restarts += 1
                    if self._on_restart is not None:
                        self._on_restart(child.name, cause)
                    await trio.sleep(child.backoff.delay_s(life.restarts, self._rng.random()))
        finally:
            for owned in child.owns:
                owned.close()
            del self._lives[child.name]
            life.ended.set()

    def _must_restart(self, child: Child, cause: Exception | None) -> bool:
        again = child.restart is Restart.PERMANENT or (
            cause is not None and child.restart is Restart.TRANSIENT
        )
        if cause is not None:
            verdict = "starting anew" if again else "not started anew"
            log.error("%s/%s failed, %s", self.name, child.name, verdict, exc_info=cause)
        elif again:
            log.warning("%s/%s ended, starting anew", self.name, child.name)
        return again

    def _give_up(self, child: Child, cause: Exception | None) -> None:
        its = self._intensity
        exceeded = RestartIntensityExceeded(
            f"{self.name}/{child.name} failed more than {its.restarts} times in {its.period_s:g} s"
        )
        exceeded.__cause__ = cause
        if self._exceeded is None:
            self._exceeded = exceeded
        self._nursery.start_soon(self._stop_all, name=f"{self.name}: stopping all")

    async def _stop_all(self) -> None:
        for life in reversed(list(self._lives.values())):
            life.scope.cancel()
            await self._wait_ended(life)
        # The block's own body, and whatever was started meanwhile.
        self._nursery.cancel_scope.cancel()

    @property
    def exceeded(self) -> RestartIntensityExceeded | None:
        """Why the supervisor gave up, if it did."""
        return self._exceeded


class _Ready:
    """A task status that takes the first `started` of any of a child's lives."""

    def __init__(self, task_status: trio.TaskStatus[Any]) -> None:
        self._task_status = task_status
        self._told = False

    def started(self, value: Any = None) -> None:
        if not self._told:
            self._told = True
            self._task_status.started(value)


async def _run_once(child: Child, ready: _Ready) -> Exception | None:
    try:
        if "task_status" in inspect.signature(child.run).parameters:
            await child.run(task_status=ready)
        else:
            ready.started()
            await child.run()
    except Exception as error:  # noqa: BLE001 - judging any failure is what a supervisor is for
        return error
    return None


@asynccontextmanager
async def open_supervisor(
    name: str,
    *,
    intensity: Intensity = DEFAULT_INTENSITY,
    rng: random.Random | None = None,
    on_restart: Callable[[str, Exception | None], None] | None = None,
) -> AsyncIterator[Supervisor]:
    """Supervise children for the length of the block.

    Args:
        name: shown in logs and in the names of tasks.
        intensity: how often children may be restarted, all together.
        rng: where the jitter of backoffs comes from.
        on_restart: told of each restart: the child's name and its error (None where it ended normally).

    Raises:
        RestartIntensityExceeded: a child failed too often. An error of the block's own comes out as itself.
    """
    supervisor: Supervisor | None = None
    try:
        async with trio.open_nursery() as nursery:
            supervisor = Supervisor(
                name,
                nursery,
                intensity=intensity,
                rng=rng or random.Random(),  # noqa: S311 - jitter, not a secret
                on_restart=on_restart,
            )
            yield supervisor
    except ExceptionGroup as group:
        # Children's errors never get here: what does is the body's own, and it comes out as it went in.
        if len(group.exceptions) == 1:
            raise group.exceptions[0] from group.exceptions[0].__cause__  # noqa: ASYNC123 - the one error
        raise
    if supervisor.exceeded is not None:
        raise supervisor.exceeded
