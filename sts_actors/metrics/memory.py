"""Memory of the GPUs and the models as Prometheus metrics, read when they are asked for."""

from collections.abc import Callable, Iterator, Mapping

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from sts_actors.errors import Stage
from sts_actors.memory import Reading


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
        memory = GaugeMetricFamily(
            "sts_gpu_memory_bytes", "Memory of a GPU, whoever holds it", labels=["device", "state"]
        )
        for gpu in gpus:
            memory.add_metric([gpu.device, "free"], gpu.free_bytes)
            memory.add_metric([gpu.device, "used"], gpu.used_bytes)
        yield memory
        models = GaugeMetricFamily(
            "sts_model_memory_bytes", "Memory that a model's process holds", labels=["stage", "memory"]
        )
        for (stage, kind), held in self._models().items():
            models.add_metric([stage.value, kind], held)
        yield models
