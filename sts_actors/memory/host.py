"""The machine's memory and a process's, from `/proc` and the control group; None where they do not say."""

import os
from collections.abc import Iterator
from pathlib import Path

import attrs

PROC = Path("/proc")
GROUPS = Path("/sys/fs/cgroup")
_KIB = 1024


@attrs.frozen(kw_only=True)
class DeviceMemory:
    """One device's memory, in bytes; `device` is `cpu`, or `cuda:` and a number.

    `utilisation` is the share of the driver's latest sample in which it computed; None where nobody says.
    """

    device: str
    total_bytes: int
    free_bytes: int
    utilisation: float | None = None

    @property
    def used_bytes(self) -> int:
        """What somebody holds, whoever it is."""
        return self.total_bytes - self.free_bytes


def host_memory(proc: Path = PROC, groups: Path = GROUPS) -> DeviceMemory | None:
    """What can be had without swapping, and without being killed for it by the control group's limit."""
    try:
        rows = (line.split() for line in (proc / "meminfo").read_text("ascii").splitlines())
        values = {row[0]: int(row[1]) * _KIB for row in rows}
        total, free = values["MemTotal:"], values["MemAvailable:"]
    except (OSError, ValueError, IndexError, KeyError):
        return None
    for limit, used in _group_limits(proc, groups):
        total, free = min(total, limit), min(free, max(limit - used, 0))
    return DeviceMemory(device="cpu", total_bytes=total, free_bytes=free)


def resident_bytes(pid: int, proc: Path = PROC) -> int | None:
    """What a process holds in memory; None where it has ended."""
    try:
        pages = int((proc / str(pid) / "statm").read_text("ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def _group_limits(proc: Path, groups: Path) -> Iterator[tuple[int, int]]:
    """Limit and use of each control group that this process is in; the reclaimable part of it is no use."""
    try:
        lines = (proc / "self" / "cgroup").read_text("utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0":
            root, names = groups, ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            root = groups / "memory"
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        # In a container, the group's path may be that outside of it: what can be found of it counts.
        inside = root / path.strip("/")
        for folder in (inside, *inside.parents):
            yield from _limit(folder, *names)
            if folder == root:
                break


def _limit(folder: Path, limit_name: str, used_name: str, reclaimable_name: str) -> Iterator[tuple[int, int]]:
    try:
        limit = int((folder / limit_name).read_text("ascii"))
        used = int((folder / used_name).read_text("ascii"))
        rows = (line.split() for line in (folder / "memory.stat").read_text("ascii").splitlines())
        reclaimable = next((int(row[1]) for row in rows if row[0] == reclaimable_name), 0)
    except (OSError, ValueError, IndexError):
        # No such group here, or "max": no limit.
        return
    yield limit, max(used - reclaimable, 0)
