"""Looks, from a thread of its own, where a step stands that has held the run loop for too long."""

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from traceback import walk_stack
from types import FrameType

import trio

MAX_FRAMES = 12
_TRIO = str(Path(trio.__file__).parent)


class Watchdog(threading.Thread):
    """Calls `caught` once for each overdue step, with its stack, innermost line first.

    A step that holds the interpreter lock all the while, in an extension module, cannot be looked at.

    Args:
        thread: the id of the loop's thread.
        overdue: names the step that is overdue now by the moment it began, or None; called from this thread.
        caught: told that moment and the stack; called from this thread.
        every_s: how often to look.
    """

    def __init__(
        self,
        thread: int,
        *,
        overdue: Callable[[], float | None],
        caught: Callable[[float, tuple[str, ...]], None],
        every_s: float,
    ) -> None:
        super().__init__(name="loop watchdog", daemon=True)
        self._thread = thread
        self._overdue = overdue
        self._caught = caught
        self._every_s = every_s
        self._stopped = threading.Event()

    def run(self) -> None:
        """Look until told to stop."""
        last: float | None = None
        while not self._stopped.wait(self._every_s):
            step = self._overdue()
            if step is None or step == last:
                continue
            frame = sys._current_frames().get(self._thread)  # noqa: SLF001 - documented, for debuggers such as this
            stack = stack_of(frame) if frame is not None else ()
            if self._overdue() == step:  # else it has ended meanwhile, and this is another one's stack
                last = step
                self._caught(step, stack)

    def stop(self) -> None:
        """Look no more."""
        self._stopped.set()
        self.join()


def stack_of(frame: FrameType) -> tuple[str, ...]:
    """The lines of a step, innermost first, up to where the run loop called it; at most `MAX_FRAMES`."""
    lines: list[str] = []
    for found, line in walk_stack(frame):
        if found.f_code.co_filename.startswith(_TRIO):
            if lines:
                break
            continue
        lines.append(f"{Path(found.f_code.co_filename).name}:{line} {found.f_code.co_name}")
    return tuple(lines[:MAX_FRAMES])
