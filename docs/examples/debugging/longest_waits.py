"""One of Trio's instruments: since when each task has been waiting for what it waits for."""

import trio

from supervision.task_tree import where


class LongestWaits(trio.abc.Instrument):
    def __init__(self):
        self.since = {}

    def after_task_step(self, task):
        self.since[task] = trio.current_time()

    def task_exited(self, task):
        # Its last step is still to be told of.
        self.since.pop(task, None)

    def longest(self, prefix, count=5):
        """The tasks whose names begin so and that have not run for longest, a line each."""
        now = trio.current_time()
        alive = [
            task for task in self.since if task.coro.cr_frame is not None and task.name.startswith(prefix)
        ]
        alive.sort(key=self.since.__getitem__)
        return [f"{now - self.since[task]:.1f} s  {task.name}  {where(task)}" for task in alive[:count]]
