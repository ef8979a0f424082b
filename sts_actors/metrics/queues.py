"""Tokens, model queues and channels as Prometheus metrics, read when they are asked for."""

from collections.abc import Callable, Iterator

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from supervision import ChannelStatistics, QueueStatistics, SchedulerStatistics, channel_statistics
from supervision.roles import role_of


class SchedulerCollector(Collector):
    """The device's tokens and its queues, by model."""

    def __init__(self, read: Callable[[], SchedulerStatistics]) -> None:
        self._read = read

    def collect(self) -> Iterator[Metric]:
        """As they are now."""
        device = self._read()
        tokens = GaugeMetricFamily("sts_engine_tokens", "Inference tokens", labels=["state"])
        tokens.add_metric(["free"], device.tokens_free)
        tokens.add_metric(["used"], device.tokens - device.tokens_free)
        yield tokens
        yield CounterMetricFamily(
            "sts_engine_token_seconds", "Tokens in use, for how long, added up", value=device.token_seconds
        )
        waiting = GaugeMetricFamily("sts_queue_waiting", "Requests that wait for a model", labels=["model"])
        for queue in device.queues:
            waiting.add_metric([_model(queue)], queue.waiting)
        yield waiting
        for name, text, read in _COUNTERS:
            family = CounterMetricFamily(name, text, labels=["model"])
            for queue in device.queues:
                family.add_metric([_model(queue)], read(queue))
            yield family
        batches = HistogramMetricFamily("sts_batch_size", "Requests of one inference", labels=["model"])
        for queue in device.queues:
            counts = queue.batch_sizes
            buckets = [(str(size), float(sum(counts[:size]))) for size in range(1, len(counts) + 1)]
            batches.add_metric([_model(queue)], [*buckets, ("+Inf", float(sum(counts)))], queue.served)
        yield batches


_COUNTERS: tuple[tuple[str, str, Callable[[QueueStatistics], float]], ...] = (
    ("sts_queue_served", "Requests handed to a model", lambda queue: queue.served),
    ("sts_queue_wait_seconds", "What served requests waited, added up", lambda queue: queue.waited_s),
    ("sts_queue_expired", "Requests dropped because they were too late", lambda queue: queue.expired),
    ("sts_queue_withdrawn", "Requests whose stream has left", lambda queue: queue.withdrawn),
)


class ChannelCollector(Collector):
    """The channels between actors, all streams' of one kind together: never one by one."""

    def collect(self) -> Iterator[Metric]:
        """As they are now; from inside the run that they belong to."""
        kinds: dict[str, list[ChannelStatistics]] = {}
        for channel in channel_statistics():
            kinds.setdefault(role_of(channel.name), []).append(channel)
        fill = GaugeMetricFamily("sts_channel_fill", "Items in channels of a kind", labels=["channel"])
        senders = GaugeMetricFamily(
            "sts_channel_waiting_senders", "Senders that wait at channels of a kind", labels=["channel"]
        )
        peak = GaugeMetricFamily(
            "sts_channel_peak", "The most that one of a kind has held since it was opened", labels=["channel"]
        )
        for kind, channels in kinds.items():
            fill.add_metric([kind], sum(channel.fill for channel in channels))
            senders.add_metric([kind], sum(channel.waiting_senders for channel in channels))
            peak.add_metric([kind], max(channel.peak for channel in channels))
        yield from (fill, senders, peak)


def _model(queue: QueueStatistics) -> str:
    return queue.name.removeprefix("models/")
