"""How late the run loop is, and what held it up. Cheap enough to be always on."""

import time
from bisect import bisect_left
from collections import deque

import attrs
import trio

from supervision.task_tree import where

LAG_BOUNDS_S = (0.001, 0.005, 0.02, 0.1, 0.5)


@attrs.frozen(kw_only=True)
class Stall:
    """A step of a task that held the loop for too long; `then` is the line at which the task waited next."""

    task: str
    seconds: float
    then: str


@attrs.frozen(kw_only=True)
class LoopStatistics:
    """What a loop has done since its instrument was made.

    Attributes:
        passes: how often it has run the tasks that were ready and looked at the outside again.
        longest_pass_s: how long the longest took; what came meanwhile was that late.
        lags: passes by length: how many took at most `LAG_BOUNDS_S[0]`, up to `[1]`, …, longer than the last.
        stalls: steps of a task that took too long.
        latest_stalls: those kept, oldest first.
    """

    passes: int
    longest_pass_s: float
    lags: tuple[int, ...]
    stalls: int
    latest_stalls: tuple[Stall, ...]


class LoopInstrument(trio.abc.Instrument):
    """Times each pass of the loop and each step of a task; remembers the latest `keep` stalls.

    Install it before the first task: `trio.run(main, instruments=[loop])`.

    Args:
        stall_s: a step that takes longer is a stall.
        keep: how many stalls to remember.
    """

    def __init__(self, *, stall_s: float = 0.1, keep: int = 32) -> None:
        self._stall_s = stall_s
        self._passes = 0
        self._longest_pass_s = 0.0
        self._lags = [0] * (len(LAG_BOUNDS_S) + 1)
        self._stalls = 0
        self._latest: deque[Stall] = deque(maxlen=keep)
        self._pass_began = 0.0
        self._step_began = 0.0

    def statistics(self) -> LoopStatistics:
        """What the loop has done."""
        return LoopStatistics(
            passes=self._passes,
            longest_pass_s=self._longest_pass_s,
            lags=tuple(self._lags),
            stalls=self._stalls,
            latest_stalls=tuple(self._latest),
        )

    def before_run(self) -> None:
        """Note when the first pass begins."""
        self._pass_began = self._step_began = time.perf_counter()

    def after_io_wait(self, timeout: float) -> None:  # noqa: ARG002 - Trio's interface
        """Note when a pass begins."""
        self._pass_began = self._step_began = time.perf_counter()

    def before_io_wait(self, timeout: float) -> None:  # noqa: ARG002 - Trio's interface
        """Judge a pass that has ended."""
        seconds = time.perf_counter() - self._pass_began
        self._passes += 1
        if seconds > self._longest_pass_s:  # noqa: PLR1730 - half as dear as a call of max
            self._longest_pass_s = seconds
        self._lags[bisect_left(LAG_BOUNDS_S, seconds)] += 1

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """Judge a step that has ended. The next begins at once: one look at the clock a step is enough."""
        now = time.perf_counter()
        seconds = now - self._step_began
        self._step_began = now
        if seconds > self._stall_s:
            self._stalls += 1
            self._latest.append(Stall(task=task.name, seconds=seconds, then=where(task)))
