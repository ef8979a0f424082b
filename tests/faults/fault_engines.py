"""Engines that worker processes of these tests build, and the processes themselves."""

import os
import signal
import time
from pathlib import Path

from sts_actors.engines.ports import EngineInfo, Recognition


class Stuck:
    """Answers at once, but for "hang", which never ends."""

    info = EngineInfo(name="stuck")

    def run(self, batch):
        """Repeat the batch, or not."""
        if "hang" in batch:
            while True:
                time.sleep(60)
        return list(batch)


def load_stuck():
    """Built in the worker."""
    return Stuck()


def worker_pid(name):
    """The worker process of that name among our children; None while there is none."""
    for children in Path("/proc/self/task").glob("*/children"):
        for pid in children.read_text(encoding="ascii").split():
            try:
                command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            except OSError:  # It ended meanwhile.
                continue
            if command[-2:-1] == [name.encode()]:
                return int(pid)
    return None


def kill_worker(name):
    """Kill it as the kernel does when memory runs out; its id."""
    pid = worker_pid(name)
    assert pid is not None, f"no worker {name}"
    os.kill(pid, signal.SIGKILL)
    return pid


class Sleeper:
    """Recognises nothing for as long as it is told to, then everything at once."""

    info = EngineInfo(name="sleeper")

    def __init__(self, seconds):
        self._seconds = seconds

    def run(self, batch):
        """Sleep once, then answer."""
        seconds, self._seconds = self._seconds, 0.0
        time.sleep(seconds)
        return [Recognition(text="awake", language=request.language) for request in batch]


def load_sleeper(flag, seconds):
    """Built in the worker: the first life sleeps, those that follow do not."""
    first = not Path(flag).exists()
    Path(flag).touch()
    return Sleeper(seconds if first else 0.0)
