"""What the run loop does and where every task waits.

`task_tree()` is a picture of this moment. `LoopWatch` is a Trio instrument that notices steps that held the
loop for too long; install it before the first task: `trio.run(main, instruments=[watch])`.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import attrs
import trio

from supervision.channels import channel_statistics

_TRIO = str(Path(trio.__file__).parent)


def task_tree() -> str:
    """All tasks of this run, indented by nursery, each with the line it waits at; then the channels.

    Call it from inside the run.
    """
    root = trio.lowlevel.current_root_task()
    lines = [] if root is None else list(_branch(root, 0))
    channels = [
        f"{channel.name}: {channel.fill} of {channel.capacity}"
        f", {channel.waiting_senders} sending, {channel.waiting_receivers} receiving"
        for channel in channel_statistics()
    ]
    return "\n".join([*lines, *(["", "channels", *channels] if channels else [])]) + "\n"


def _branch(task: trio.lowlevel.Task, depth: int) -> Iterator[str]:
    yield f"{'  ' * depth}{task.name}  {_where(task)}".rstrip()
    for nursery in task.child_nurseries:
        for child in sorted(nursery.child_tasks, key=lambda child: child.name):
            yield from _branch(child, depth + 1)


def _where(task: trio.lowlevel.Task) -> str:
    """The innermost line of a task outside Trio itself: where somebody wrote an await."""
    found: FrameType | None = None
    awaited: Any = task.coro
    while awaited is not None:
        frame = getattr(awaited, "cr_frame", None) or getattr(awaited, "ag_frame", None)
        if frame is not None and not frame.f_code.co_filename.startswith(_TRIO):
            found = frame
        awaited = getattr(awaited, "cr_await", None) or getattr(awaited, "ag_await", None)
    if found is None:
        return ""
    code = found.f_code
    return f"{Path(code.co_filename).name}:{found.f_lineno} {code.co_name}"


@attrs.frozen(kw_only=True)
class Stall:
    """A step of a task that held the loop too long."""

    task: str
    seconds: float


class LoopWatch(trio.abc.Instrument):
    """Times each step of each task; a step of more than `stall_s` is kept, the latest `keep` of them."""

    def __init__(self, *, stall_s: float = 0.1, keep: int = 32) -> None:
        self.steps = 0
        self.longest_step_s = 0.0
        self.stalls: list[Stall] = []
        self._stall_s = stall_s
        self._keep = keep
        self._since = 0.0

    def before_task_step(self, task: trio.lowlevel.Task) -> None:  # noqa: ARG002 - Trio's interface
        """Note when a step begins."""
        self._since = time.perf_counter()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """Judge a step that has ended."""
        seconds = time.perf_counter() - self._since
        self.steps += 1
        self.longest_step_s = max(self.longest_step_s, seconds)
        if seconds > self._stall_s:
            self.stalls.append(Stall(task=task.name, seconds=seconds))
            del self.stalls[: -self._keep]
