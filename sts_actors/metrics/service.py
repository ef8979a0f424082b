"""Prometheus metrics: one registry a service, labelled by role and never by stream."""

from collections.abc import Callable, Mapping

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    disable_created_metrics,
    generate_latest,
)

from sts_actors import __version__
from sts_actors.engines.quota import QuotaWatch
from sts_actors.errors import Stage
from sts_actors.memory import Reading
from sts_actors.messages import Result
from sts_actors.metrics.dubs import Dubs
from sts_actors.metrics.loop import LoopCollector
from sts_actors.metrics.memory import MemoryCollector
from sts_actors.metrics.queues import ChannelCollector, SchedulerCollector
from sts_actors.metrics.quota import QuotaCollector
from supervision import LoopStatistics, SchedulerStatistics

CONTENT_TYPE = "text/plain; version=1.0.0; charset=utf-8"

# A fifth more to send and to keep, for what nobody asks.
disable_created_metrics()  # type: ignore[no-untyped-call]


class Metrics:
    """What the service counts and times; `render()` is the body of `GET /metrics`.

    A gauge without an underscore is set, or given its function, by whoever knows.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(name, text, labels, registry=self.registry)

        self._dubs = Dubs(self.registry)
        self._rejected = Counter(
            "sts_rejected", "Refused streams and fragments by code", ["reason"], registry=self.registry
        )
        self._restarts = Counter(
            "sts_actor_restarts", "Actors started anew after a failure", ["actor"], registry=self.registry
        )
        for stage in Stage:
            self._restarts.labels(f"model/{stage}")
        self.ready = gauge("sts_ready", "Whether new streams may come: 1 where /readyz says 200")
        self.model_loaded = gauge("sts_model_loaded", "Whether a stage's model is loaded", "stage")
        self.breaker_open = gauge(
            "sts_breaker_open", "Whether a stage's service elsewhere keeps failing and is left alone", "stage"
        )
        self.in_flight = gauge("sts_fragments_in_flight", "Admitted and not yet answered")
        self.streams = gauge("sts_streams", "Open streams")
        self.capacity_streams = gauge("sts_capacity_streams", "Streams that may be open at once")
        self.memory_pressure = gauge(
            "sts_memory_pressure", "Whether streams are told to slow down because memory is short"
        )
        self.artifacts_lost = gauge(
            "sts_artifacts_lost", "Files of recorded streams that did not get to the disk"
        )
        gauge("sts_build_info", "The running version", "version").labels(__version__).set(1)

    def answered(self, result: Result, processing_s: float) -> None:
        """A fragment was answered."""
        self._dubs.answered(result, processing_s)

    def rejected(self, reason: str) -> None:
        """A stream or fragment was refused at the edge."""
        self._rejected.labels(reason).inc()

    def restarted(self, actor: str) -> None:
        """An actor was started anew."""
        self._restarts.labels(actor).inc()

    def watch(self, loop: Callable[[], LoopStatistics], device: Callable[[], SchedulerStatistics]) -> None:
        """Show how the run loop fares, and what the device, its queues and the channels hold.

        From then on `render` is called from inside the run.
        """
        self.registry.register(LoopCollector(loop))
        self.registry.register(SchedulerCollector(device))
        self.registry.register(ChannelCollector())

    def watch_memory(
        self, look: Callable[[], Reading], models: Callable[[], Mapping[tuple[Stage, str], int]]
    ) -> None:
        """Show what the GPUs have and do, as last looked at, and what each model holds."""
        self.registry.register(MemoryCollector(look, models))

    def watch_quota(self, quota: QuotaWatch) -> None:
        """Show what a paid translation service has billed."""
        self.registry.register(QuotaCollector(quota))

    def render(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self.registry)
