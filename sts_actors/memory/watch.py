"""Looks at the devices' memory every so often, and says when it is short."""

import logging
from collections.abc import Collection

import attrs
import trio

from sts_actors.memory.device import Reading, ReadMemory, look
from sts_actors.memory.pressure import MemoryPressure

log = logging.getLogger(__name__)

MIB = 1024 * 1024
CLEAR = 1.1
"""Of the floor: what must be free again. A device that hovers about the floor would make streams stutter."""


@attrs.define(eq=False)
class MemoryWatch:
    """`reading` is what the last look has seen; `pressure` is on while one of `devices` is below its floor.

    Attributes:
        devices: whose floor counts: the GPUs that models use. The machine's own memory has none.
        floor_bytes: what is to stay free on each.
        interval_s: between two looks.
        read: looks.
    """

    devices: Collection[str] = ()
    floor_bytes: int = 2048 * MIB
    interval_s: float = 5.0
    read: ReadMemory = look
    reading: Reading = attrs.field(factory=Reading)
    pressure: MemoryPressure = attrs.field(factory=MemoryPressure, init=False)
    _short: frozenset[str] = attrs.field(default=frozenset(), init=False)

    async def run(self) -> None:
        """Look for ever."""
        while True:
            self.take(await self.read())
            await trio.sleep(self.interval_s)

    def take(self, reading: Reading) -> None:
        """A look's result."""
        self.reading = reading
        short = set()
        for device in self.devices:
            memory = reading.of(device)
            if memory is None:
                continue
            wanted = self.floor_bytes * (CLEAR if device in self._short else 1)
            if memory.free_bytes < wanted:
                short.add(device)
            if (device in short) is not (device in self._short):
                log.warning(
                    "%s has %d MiB free of %d, %s",
                    device,
                    memory.free_bytes // MIB,
                    memory.total_bytes // MIB,
                    f"below its floor of {self.floor_bytes // MIB}: streams are told to slow down"
                    if device in short
                    else "enough again",
                )
        self._short = frozenset(short)
        self.pressure.set_low(low=bool(short))
