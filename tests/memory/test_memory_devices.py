"""What memory there is: from /proc, control groups and NVML, and where they are missing."""

# ruff: noqa: N802 - the library's own names

import os
import sys
from types import SimpleNamespace

import pytest

from sts_actors.errors import Stage
from sts_actors.memory import Reading, held_by_models, look, read_memory, resident_bytes
from sts_actors.memory.cuda import cuda_memory
from sts_actors.memory.host import host_memory

GIB = 1024**3
MEMINFO = "MemTotal:       16777216 kB\nMemFree:         1 kB\nMemAvailable:    8388608 kB\n"


def written(root, files):
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(str(text))


def host(tmp_path, files):
    written(tmp_path, {"proc/meminfo": MEMINFO, **files})
    found = host_memory(tmp_path / "proc", tmp_path / "groups")
    return found.total_bytes / GIB, found.free_bytes / GIB


def group(path, limit, used, reclaimable=0):
    return {
        f"groups/{path}memory.max": limit,
        f"groups/{path}memory.current": used,
        f"groups/{path}memory.stat": f"anon 1\ninactive_file {reclaimable}\n",
    }


def test_without_a_control_group_the_machine_tells(tmp_path):
    assert host(tmp_path, {}) == (16, 8)


def test_a_limit_of_a_control_group_counts_where_it_is_lower(tmp_path):
    mine = {"proc/self/cgroup": "0::/a/b\n"}
    assert host(tmp_path, {**mine, **group("a/b/", 4 * GIB, GIB)}) == (4, 3)


def test_what_a_group_can_give_back_is_free(tmp_path):
    mine = {"proc/self/cgroup": "0::/a\n"}
    assert host(tmp_path, {**mine, **group("a/", 4 * GIB, 3 * GIB, 2 * GIB)}) == (4, 3)


def test_a_limit_of_a_group_further_up_counts_too(tmp_path):
    mine = {"proc/self/cgroup": "0::/a/b\n"}
    groups = {**group("a/b/", "max", GIB), **group("a/", 2 * GIB, GIB), **group("", 1, 1)}
    assert host(tmp_path, {**mine, **groups})[1] == 0
    assert host(tmp_path, {**mine, **groups, **group("", "max", 1)}) == (2, 1)


def test_a_group_over_its_limit_has_nothing_and_not_less(tmp_path):
    mine = {"proc/self/cgroup": "0::/\n"}
    assert host(tmp_path, {**mine, **group("", GIB, 2 * GIB)}) == (1, 0)


def test_the_older_control_groups_are_read_too(tmp_path):
    files = {
        "proc/self/cgroup": "5:cpu,memory:/x\n1:name=systemd:/x\n",
        "groups/memory/x/memory.limit_in_bytes": 4 * GIB,
        "groups/memory/x/memory.usage_in_bytes": GIB,
        "groups/memory/x/memory.stat": "total_inactive_file 0\n",
    }
    assert host(tmp_path, files) == (4, 3)


@pytest.mark.parametrize("text", [None, "", "nonsense", "MemTotal: x kB", "MemTotal: 1 kB\n"])
def test_a_machine_that_does_not_tell_is_no_failure(tmp_path, text):
    written(tmp_path, {} if text is None else {"meminfo": text})
    assert host_memory(tmp_path, tmp_path) is None


def test_this_machine_has_memory_and_this_process_holds_some():
    memory = host_memory()
    assert 0 < memory.free_bytes <= memory.total_bytes
    assert memory.used_bytes == memory.total_bytes - memory.free_bytes
    assert 10_000_000 < resident_bytes(os.getpid()) < memory.total_bytes
    assert resident_bytes(2**22 + 1) is None


class Nvml:
    """Two GPUs, as the library has them."""

    class NVMLError(Exception):
        pass

    def __init__(self, *, processes=(), broken=(), init=None):
        self.processes, self.broken, self.init, self.open = processes, broken, init, 0

    def nvmlDeviceGetUtilizationRates(self, handle):
        if "utilisation" in self.broken:
            raise self.NVMLError
        return SimpleNamespace(gpu=25 + handle, memory=99)

    def nvmlInit(self):
        if self.init:
            raise self.init
        self.open += 1

    def nvmlShutdown(self):
        self.open -= 1

    def nvmlDeviceGetCount(self):
        return 2

    def nvmlDeviceGetHandleByIndex(self, index):
        if not 0 <= index < 2:
            raise self.NVMLError
        return index

    def nvmlDeviceGetHandleByUUID(self, uuid):
        return self.nvmlDeviceGetHandleByIndex({"GPU-a": 0, "GPU-b": 1}.get(uuid, 9))

    def nvmlDeviceGetMemoryInfo(self, handle):
        if "memory" in self.broken:
            raise self.NVMLError
        return SimpleNamespace(total=(handle + 1) * GIB, free=GIB // 2)

    def nvmlDeviceGetComputeRunningProcesses(self, handle):
        if "processes" in self.broken:
            raise self.NVMLError
        return [SimpleNamespace(pid=pid, usedGpuMemory=held) for pid, held in self.processes]


def totals(visible):
    environment = {} if visible is None else {"CUDA_VISIBLE_DEVICES": visible}
    nvml = Nvml()
    devices, _ = cuda_memory(nvml, environment)
    assert nvml.open == 0
    assert [memory.device for memory in devices] == [f"cuda:{number}" for number in range(len(devices))]
    return [memory.total_bytes // GIB for memory in devices]


@pytest.mark.parametrize(
    ("visible", "seen"),
    [
        (None, [1, 2]),
        ("", []),
        ("1", [2]),
        ("1,0", [2, 1]),
        ("GPU-b", [2]),
        ("0,-1,1", [1]),
        ("7,0", []),
    ],
)
def test_the_gpus_are_those_that_cuda_would_show_in_its_order(visible, seen):
    assert totals(visible) == seen


def test_what_processes_hold_is_added_up_over_the_gpus_where_the_driver_tells():
    _, held = cuda_memory(Nvml(processes=[(11, GIB), (12, None)]), {})
    assert held == {11: 2 * GIB}
    devices, held = cuda_memory(Nvml(broken=["processes"]), {})
    assert (len(devices), held) == (2, {})


def test_how_busy_each_gpu_is_is_told_where_the_driver_does():
    devices, _ = cuda_memory(Nvml(), {})
    assert [memory.utilisation for memory in devices] == [0.25, 0.26]
    devices, _ = cuda_memory(Nvml(broken=["utilisation"]), {})
    assert [memory.utilisation for memory in devices] == [None, None]


@pytest.mark.parametrize("error", [Nvml.NVMLError("no driver"), OSError("no library")])
def test_without_a_driver_there_is_no_gpu_and_no_failure(error):
    assert cuda_memory(Nvml(init=error), {}) == ((), {})


def test_a_gpu_that_stops_answering_is_no_failure():
    nvml = Nvml(broken=["memory"])
    assert cuda_memory(nvml, {}) == ((), {})
    assert nvml.open == 0


def test_without_the_library_there_is_no_gpu_and_no_word_of_it_at_each_look(monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    with caplog.at_level("DEBUG"):
        assert cuda_memory(environment={}) == ((), {})
    assert not caplog.records


async def test_a_look_sees_the_machine():
    assert (await look()).of("cpu").total_bytes == read_memory().of("cpu").total_bytes
    assert Reading().of("cpu") is None


def test_what_a_model_holds_is_that_of_its_process():
    its = {Stage.ASR: os.getpid(), Stage.TTS: 2**22 + 1}
    held = held_by_models(its, Reading(held={2**22 + 1: 7, 3: 8}))
    assert set(held) == {(Stage.ASR, "host"), (Stage.TTS, "gpu")}
    assert held[Stage.TTS, "gpu"] == 7
