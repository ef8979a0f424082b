"""Readings that tests make up."""

import trio

from sts_actors.memory import DeviceMemory, Reading

MIB = 1024 * 1024


def reading(*, cpu=64_000, gpu=None, total=80_000, held=None):
    """A look at a machine; MiB free on each device."""
    free = {"cpu": cpu, **({} if gpu is None else {"cuda:0": gpu})}
    devices = (
        DeviceMemory(device=name, total_bytes=total * MIB, free_bytes=round(mib * MIB))
        for name, mib in free.items()
    )
    return Reading(tuple(devices), held or {})


class Gauge:
    """Memory as a test sets it."""

    def __init__(self, **free):
        self.now = reading(**free)

    def set(self, **free):
        """What the next look sees."""
        self.now = reading(**free)

    async def read(self):
        """Look."""
        await trio.lowlevel.checkpoint()
        return self.now
