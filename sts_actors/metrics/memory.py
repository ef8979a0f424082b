"""GPUs and the models' memory as Prometheus metrics, read when they are asked for."""

from collections.abc import Callable, Iterator, Mapping

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from sts_actors.errors import Stage
from sts_actors.memory import DeviceMemory, Reading


class MemoryCollector(Collector):
    """`look` gives the last look at the devices, `models` each model's bytes by stage and kind of memory."""

    def __init__(
        self, look: Callable[[], Reading], models: Callable[[], Mapping[tuple[Stage, str], int]]
    ) -> None:
        self._look = look
        self._models = models

    def collect(self) -> Iterator[Metric]:
        """As they are now."""
        gpus = self._look().gpus
        yield GaugeMetricFamily("sts_gpu_available", "Whether a GPU can be seen", value=float(bool(gpus)))
        for name, text, read in _GAUGES:
            family = GaugeMetricFamily(name, text, labels=["device"])
            for gpu in gpus:
                value = read(gpu)
                if value is not None:
                    family.add_metric([gpu.device], value)
            yield family
        models = GaugeMetricFamily(
            "sts_model_memory_bytes", "Memory that a model's process holds", labels=["stage", "memory"]
        )
        for (stage, kind), held in self._models().items():
            models.add_metric([stage.value, kind], held)
        yield models


def _percent(gpu: DeviceMemory) -> float | None:
    return None if gpu.utilisation is None else gpu.utilisation * 100


_GAUGES: tuple[tuple[str, str, Callable[[DeviceMemory], float | None]], ...] = (
    ("sts_gpu_memory_used_bytes", "Memory of a GPU in use, whoever holds it", lambda gpu: gpu.used_bytes),
    ("sts_gpu_memory_total_bytes", "Memory that a GPU has", lambda gpu: gpu.total_bytes),
    (
        "sts_gpu_utilization_ratio",
        "Share of the driver's latest sample in which a GPU computed",
        lambda gpu: gpu.utilisation,
    ),
    ("sts_gpu_utilization_percent", "The same in percent", _percent),
)
