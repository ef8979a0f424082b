"""Prometheus metrics: one registry a service, labelled by role and never by stream."""

from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from sts_actors import __version__
from sts_actors.errors import Stage
from sts_actors.memory import Reading
from sts_actors.messages import FragmentFailed, Result
from sts_actors.metrics.loop import LoopCollector
from sts_actors.metrics.memory import MemoryCollector
from sts_actors.metrics.queues import ChannelCollector, SchedulerCollector
from supervision import LoopStatistics, SchedulerStatistics

CONTENT_TYPE = "text/plain; version=1.0.0; charset=utf-8"
_BUCKETS = (0.05, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30)


class Metrics:
    """What the service counts and times; `render()` is the body of `GET /metrics`."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()

        def histogram(name: str, text: str) -> Histogram:
            return Histogram(name, text, registry=self.registry, buckets=_BUCKETS)

        self._processing = histogram("sts_fragment_processing_seconds", "From receipt to answer")
        self._asr = histogram("sts_asr_duration_seconds", "Recognition of one fragment, waiting included")
        self._translation = histogram("sts_translation_duration_seconds", "Translation of one fragment")
        self._tts = histogram("sts_tts_duration_seconds", "Synthesis and fitting of one fragment")
        self._lag = histogram("sts_stream_lag_seconds", "How long after its source a dub ends")
        self._checks = Counter(
            "sts_dub_checks", "Dubs listened to again, by what was heard", ["outcome"], registry=self.registry
        )
        self._fragments = Counter(
            "sts_fragments", "Answered fragments by outcome", ["outcome"], registry=self.registry
        )
        self._errors = Counter(
            "sts_fragment_errors", "Failed fragments", ["stage", "code"], registry=self.registry
        )
        self._rejected = Counter(
            "sts_rejected", "Refused streams and fragments by code", ["reason"], registry=self.registry
        )
        self._restarts = Counter(
            "sts_actor_restarts", "Actors started anew after a failure", ["actor"], registry=self.registry
        )
        self.in_flight = Gauge(
            "sts_fragments_in_flight", "Admitted and not yet answered", registry=self.registry
        )
        self.artifacts_lost = Gauge(
            "sts_artifacts_lost",
            "Files of recorded streams that did not get to the disk",
            registry=self.registry,
        )
        self.streams = Gauge("sts_streams", "Open streams", registry=self.registry)
        Gauge("sts_build_info", "The running version", ["version"], registry=self.registry).labels(
            __version__
        ).set(1)

    def answered(self, result: Result, processing_s: float) -> None:
        """A fragment was answered."""
        self._processing.observe(processing_s)
        if isinstance(result, FragmentFailed):
            self._fragments.labels("failed").inc()
            self._errors.labels(result.stage.value, result.code.value).inc()
            return
        self._fragments.labels("partial" if result.partial else "success").inc()
        self._asr.observe(result.translation.transcript.asr_s)
        self._translation.observe(result.translation.translation_s)
        self._tts.observe(result.tts_s)
        self._lag.observe(result.lag_ms / 1000)
        if result.checked:
            self._checks.labels("defective").inc(result.defective)
            self._checks.labels("good").inc(result.checked - result.defective)

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
        """Show what memory the GPUs have, as last looked at, and what each model holds."""
        self.registry.register(MemoryCollector(look, models))

    def render(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self.registry)
