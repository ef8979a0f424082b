"""How late the run loop is, what held it up, and who used it. Cheap enough to be always on."""

import logging
import threading
from bisect import bisect_left
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from time import perf_counter

import attrs
import trio

from supervision.roles import Role, Roles, RoleStatistics
from supervision.watchdog import Watchdog
from supervision.where import where

log = logging.getLogger("supervision")

LAG_BOUNDS_S = (0.001, 0.005, 0.02, 0.1, 0.5)
QUIET_S = 60.0
"""A role whose steps stall again and again is told of in the log once in so long."""


@attrs.frozen(kw_only=True)
class Stall:
    """A step of a task that held the loop for too long.

    Attributes:
        task: the task's name.
        seconds: how long.
        then: the line at which the task waited next.
        stack: where it was when it was overdue, innermost line first; empty where nobody could look.
    """

    task: str
    seconds: float
    then: str
    stack: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class LoopStatistics:
    """What a loop has done since its instrument was made.

    Attributes:
        passes: how often it has run the tasks that were ready and looked at the outside again.
        longest_pass_s: how long the longest took; what came meanwhile was that late.
        passes_s: all passes together.
        lags: passes by length: how many took at most `LAG_BOUNDS_S[0]`, up to `[1]`, …, longer than the last.
        stalls: steps of a task that took too long.
        latest_stalls: those kept, oldest first.
        roles: by kind of task, the busiest first.
    """

    passes: int
    longest_pass_s: float
    passes_s: float
    lags: tuple[int, ...]
    stalls: int
    latest_stalls: tuple[Stall, ...]
    roles: tuple[RoleStatistics, ...]


class LoopInstrument(trio.abc.Instrument):
    """Times each pass of the loop and each step of a task; remembers the latest `keep` stalls.

    Install it before the first task, `trio.run(main, instruments=[loop])`, or in a run with
    `open_loop_instrument`.

    Args:
        stall_s: a step that takes longer is a stall.
        keep: how many stalls to remember.
    """

    def __init__(self, *, stall_s: float = 0.1, keep: int = 32) -> None:
        self._stall_s = stall_s
        self._passes = 0
        self._passes_s = self._longest_pass_s = 0.0
        self._lags = [0] * (len(LAG_BOUNDS_S) + 1)
        self._stalls = 0
        self._latest: deque[Stall] = deque(maxlen=keep)
        self._pass_began = self._step_began = perf_counter()
        self._in_pass = False
        self._roles = Roles()
        self._lives: dict[trio.lowlevel.Task, Role] = {}
        self._exiting: trio.lowlevel.Task | None = None
        self._told: dict[str, float] = {}
        self._caught: tuple[float, tuple[str, ...]] = (0.0, ())
        self._watchdog: Watchdog | None = None

    def statistics(self) -> LoopStatistics:
        """What the loop has done."""
        return LoopStatistics(
            passes=self._passes,
            longest_pass_s=self._longest_pass_s,
            passes_s=self._passes_s,
            lags=tuple(self._lags),
            stalls=self._stalls,
            latest_stalls=tuple(self._latest),
            roles=self._roles.all(perf_counter()),
        )

    def before_run(self) -> None:
        """Note when the first pass begins, and have this thread watched."""
        self._pass_began = self._step_began = perf_counter()
        self._in_pass = True
        self._watchdog = Watchdog(
            threading.get_ident(),
            overdue=self._overdue,
            caught=self._catch,
            every_s=max(self._stall_s / 4, 0.01),
        )
        self._watchdog.start()

    def after_run(self) -> None:
        """Have it watched no more."""
        if self._watchdog is not None:
            self._watchdog.stop()
            self._watchdog = None

    def after_io_wait(self, timeout: float) -> None:  # noqa: ARG002 - Trio's interface
        """Note when a pass begins."""
        self._pass_began = self._step_began = perf_counter()
        self._in_pass = True

    def before_io_wait(self, timeout: float) -> None:  # noqa: ARG002 - Trio's interface
        """Judge a pass that has ended."""
        self._in_pass = False
        seconds = perf_counter() - self._pass_began
        self._passes += 1
        self._passes_s += seconds
        if seconds > self._longest_pass_s:  # noqa: PLR1730 - half as dear as a call of max
            self._longest_pass_s = seconds
        self._lags[bisect_left(LAG_BOUNDS_S, seconds)] += 1

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """Judge a step that has ended. The next begins at once: one look at the clock a step is enough."""
        now = perf_counter()
        began = self._step_began
        seconds = now - began
        try:
            role = self._lives[task]
        except KeyError:
            role = self._lives[task] = self._roles.enter(task.name, began)
        role.steps += 1
        role.busy_s += seconds
        role.longest_step_s = max(role.longest_step_s, seconds)
        if seconds > self._stall_s:
            self._stall(task, role.name, began, seconds)
            now = perf_counter()
        if task is self._exiting:
            self._exiting = None
            del self._lives[task]
            role.leave(now)
        self._step_began = now

    def task_exited(self, task: trio.lowlevel.Task) -> None:
        """Note that the step which is under way is the task's last."""
        self._exiting = task

    def _stall(self, task: trio.lowlevel.Task, role: str, began: float, seconds: float) -> None:
        step, stack = self._caught
        if step != began:
            stack = ()
        self._stalls += 1
        stall = Stall(task=task.name, seconds=seconds, then=where(task), stack=stack)
        self._latest.append(stall)
        if began - self._told.get(role, -QUIET_S) >= QUIET_S:
            self._told[role] = began
            place = " < ".join(stack) or f"before {stall.then or 'its end'}"
            log.warning("%s held the run loop for %.0f ms: %s", role, seconds * 1000, place)

    # From the watchdog's thread; what they read is replaced at once, never changed in place.

    def _overdue(self) -> float | None:
        began = self._step_began
        return began if self._in_pass and perf_counter() - began > self._stall_s else None

    def _catch(self, step: float, stack: tuple[str, ...]) -> None:
        self._caught = (step, stack)


@contextmanager
def open_loop_instrument(*, stall_s: float = 0.1, keep: int = 32) -> Iterator[LoopInstrument]:
    """A `LoopInstrument` on the loop that runs now, for the length of the block."""
    loop = LoopInstrument(stall_s=stall_s, keep=keep)
    loop.before_run()
    trio.lowlevel.add_instrument(loop)
    try:
        yield loop
    finally:
        # Trio itself removes an instrument that has failed.
        with suppress(KeyError):
            trio.lowlevel.remove_instrument(loop)
        loop.after_run()
