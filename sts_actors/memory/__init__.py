"""Memory of the devices: what models need, what there is, and what is told when it runs short.

| module | what it gives |
|---|---|
| `host` | the machine's and a process's memory, from `/proc` and the control group |
| `cuda` | the GPUs', through NVML |
| `device` | `read_memory`: both at once |
| `budget` | `needs`, `check`: what a profile's models need, against that |
| `held` | `held_by_models`: what each of them holds |
| `start` | `plan_memory`: both, once, before models are loaded |
| `pressure` | `MemoryPressure`: whether streams are to slow down |
| `watch` | `MemoryWatch`: looks every so often |
"""

from sts_actors.memory.budget import Need, check, needs, shortage
from sts_actors.memory.device import Reading, ReadMemory, look, read_memory
from sts_actors.memory.held import held_by_models
from sts_actors.memory.host import DeviceMemory, resident_bytes
from sts_actors.memory.pressure import MemoryPressure
from sts_actors.memory.start import MemoryPlan, folder_bytes, needs_here, plan_memory
from sts_actors.memory.watch import MemoryWatch

__all__ = [
    "DeviceMemory",
    "MemoryPlan",
    "MemoryPressure",
    "MemoryWatch",
    "Need",
    "ReadMemory",
    "Reading",
    "check",
    "folder_bytes",
    "held_by_models",
    "look",
    "needs",
    "needs_here",
    "plan_memory",
    "read_memory",
    "resident_bytes",
    "shortage",
]
