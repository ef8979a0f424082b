"""At the start, before a model is loaded: does all fit, and what is to be watched from then on."""

import logging
from functools import partial
from pathlib import Path

import attrs
import trio

from sts_actors.memory.budget import MIB, Need, check, model_devices, needs
from sts_actors.memory.device import Reading, ReadMemory
from sts_actors.memory.watch import MemoryWatch
from sts_actors.settings import Settings

log = logging.getLogger(__name__)


@attrs.frozen
class MemoryPlan:
    """`together`: all models may be loaded at once; if not, one after the other. `watch` is to be run."""

    together: bool
    watch: MemoryWatch


async def plan_memory(settings: Settings, read: ReadMemory) -> MemoryPlan:
    """Set what the models need against what is free.

    Raises:
        ConfigError: they do not fit, and the check is not turned off.
    """
    reading = await read()
    devices = model_devices(settings, cuda=bool(reading.gpus))
    together = True
    if settings.memory_check:
        together = check(await needs_here(settings, reading), reading)
        if not together:
            log.info("loading the models one after the other: there is no memory for all of that at once")
    watch = MemoryWatch(
        devices=frozenset(device for device in devices.values() if device != "cpu"),
        floor_bytes=settings.memory_floor_mb * MIB,
        interval_s=settings.gpu_monitoring_interval_s,
        read=read,
    )
    watch.take(reading)
    return MemoryPlan(together, watch)


async def needs_here(settings: Settings, reading: Reading) -> tuple[Need, ...]:
    """What the profile's models need on this machine, off the loop."""
    return await trio.to_thread.run_sync(partial(needs, settings, folder_bytes, cuda=bool(reading.gpus)))


def folder_bytes(model: str) -> int:
    """What the files of a folder come to; 0 where there is no such folder."""
    folder = Path(model)
    if not model or not folder.is_dir():
        return 0
    return sum(file.stat().st_size for file in folder.iterdir() if file.is_file())
