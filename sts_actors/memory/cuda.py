"""The GPUs' memory and utilisation through NVML; nothing where there is no GPU, no driver or no library."""

import os
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from sts_actors.memory.host import DeviceMemory


def cuda_memory(
    nvml: Any = None, environment: Mapping[str, str] | None = None
) -> tuple[tuple[DeviceMemory, ...], dict[int, int]]:
    """Each GPU that CUDA would show, `cuda:0` first, and what each process holds on them by its id, in bytes.

    Blocks for some milliseconds, the first time longer. A driver in a container may know processes by other
    ids than ours, or not tell what they hold: those are not there.

    Args:
        nvml: the library; by default it is imported, for without a GPU it need not be installed.
        environment: whose `CUDA_VISIBLE_DEVICES` counts; the process's own by default.
    """
    try:
        if nvml is None:
            nvml = import_module("pynvml")
        nvml.nvmlInit()
        try:
            return _read(nvml, os.environ if environment is None else environment)
        finally:
            nvml.nvmlShutdown()
    except Exception:  # noqa: BLE001 - no library, no driver, a GPU off the bus: there is nothing to see either way
        return (), {}


def _read(nvml: Any, environment: Mapping[str, str]) -> tuple[tuple[DeviceMemory, ...], dict[int, int]]:
    found: list[DeviceMemory] = []
    held: dict[int, int] = {}
    for number, handle in enumerate(_handles(nvml, environment.get("CUDA_VISIBLE_DEVICES"))):
        memory = nvml.nvmlDeviceGetMemoryInfo(handle)
        found.append(
            DeviceMemory(
                device=f"cuda:{number}",
                total_bytes=int(memory.total),
                free_bytes=int(memory.free),
                utilisation=_utilisation(nvml, handle),
            )
        )
        try:
            processes = nvml.nvmlDeviceGetComputeRunningProcesses(handle)
        except nvml.NVMLError:
            continue
        for process in processes:
            if process.usedGpuMemory:
                held[process.pid] = held.get(process.pid, 0) + int(process.usedGpuMemory)
    return tuple(found), held


def _utilisation(nvml: Any, handle: Any) -> float | None:
    """Not every GPU tells, nor a slice of one."""
    try:
        return float(nvml.nvmlDeviceGetUtilizationRates(handle).gpu) / 100
    except nvml.NVMLError:
        return None


def _handles(nvml: Any, visible: str | None) -> list[Any]:
    """NVML knows all GPUs; CUDA shows those that the variable names, in its order, until one is not there."""
    if visible is None:
        return [nvml.nvmlDeviceGetHandleByIndex(index) for index in range(nvml.nvmlDeviceGetCount())]
    handles = []
    for name in visible.split(","):
        try:
            if name.strip().isdecimal():
                handles.append(nvml.nvmlDeviceGetHandleByIndex(int(name)))
            else:
                handles.append(nvml.nvmlDeviceGetHandleByUUID(name.strip()))
        except nvml.NVMLError:
            break
    return handles
