"""Tokens, model queues and channels as Prometheus metrics, read when they are asked for."""

from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, pairwise

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from supervision import QueueStatistics, SchedulerStatistics, channel_kinds
from supervision.request_queue import WAIT_BOUNDS_S


class SchedulerCollector(Collector):
    """The device's tokens, and the queues by the stage whose model they are for."""

    def __init__(self, read: Callable[[], SchedulerStatistics]) -> None:
        self._read = read

    def collect(self) -> Iterator[Metric]:
        """As they are now."""
        device = self._read()
        tokens = GaugeMetricFamily("sts_engine_tokens", "Inference tokens", labels=["state"])
        tokens.add_metric(["free"], device.tokens_free)
        tokens.add_metric(["used"], device.tokens - device.tokens_free)
        yield tokens
        yield GaugeMetricFamily("sts_capacity_tokens", "All inference tokens", value=device.tokens)
        yield CounterMetricFamily(
            "sts_engine_token_seconds", "Tokens in use, for how long, added up", value=device.token_seconds
        )
        waiting = GaugeMetricFamily("sts_queue_waiting", "Requests that wait for a model", labels=["stage"])
        waits = HistogramMetricFamily(
            "sts_queue_wait_seconds", "How long a request waited for its model", labels=["stage"]
        )
        batches = HistogramMetricFamily("sts_batch_size", "Requests of one inference", labels=["stage"])
        for queue in device.queues:
            stage = [queue.name.removeprefix("models/")]
            waiting.add_metric(stage, queue.waiting)
            waits.add_metric(stage, _buckets(WAIT_BOUNDS_S, queue.waits), queue.waited_s)
            batches.add_metric(stage, _by_powers_of_two(queue.batch_sizes), queue.served)
        yield from (waiting, waits, batches)
        for name, text, read in _COUNTERS:
            family = CounterMetricFamily(name, text, labels=["stage"])
            for queue in device.queues:
                family.add_metric([queue.name.removeprefix("models/")], read(queue))
            yield family


_COUNTERS: tuple[tuple[str, str, Callable[[QueueStatistics], float]], ...] = (
    ("sts_queue_served", "Requests handed to a model", lambda queue: queue.served),
    ("sts_queue_expired", "Requests dropped because they were too late", lambda queue: queue.expired),
    ("sts_queue_withdrawn", "Requests whose stream has left", lambda queue: queue.withdrawn),
)


class ChannelCollector(Collector):
    """The channels between actors, all streams' of one kind together: never one by one."""

    def collect(self) -> Iterator[Metric]:
        """As they are now; from inside the run that they belong to."""
        fill = GaugeMetricFamily("sts_channel_fill", "Items in channels of a kind", labels=["channel"])
        senders = GaugeMetricFamily(
            "sts_channel_waiting_senders", "Senders that wait at channels of a kind", labels=["channel"]
        )
        peak = GaugeMetricFamily(
            "sts_channel_peak", "The most that one of a kind has held since it was opened", labels=["channel"]
        )
        for kind in channel_kinds():
            fill.add_metric([kind.role], kind.fill)
            senders.add_metric([kind.role], kind.waiting_senders)
            peak.add_metric([kind.role], kind.peak)
        yield from (fill, senders, peak)


def _by_powers_of_two(sizes: Sequence[int]) -> list[tuple[str, float]]:
    """Batches of 1, 2, … requests, in buckets of which there are few however large a batch may be."""
    most = len(sizes)
    bounds = [2**power for power in range(most.bit_length())]
    parts = [sum(sizes[low:high]) for low, high in pairwise((0, *bounds, most))]
    return _buckets(bounds, parts)


def _buckets(bounds: Sequence[float], counts: Sequence[int]) -> list[tuple[str, float]]:
    """Counts up to each bound and beyond the last, as a histogram has them: each with those before."""
    names = [*(f"{bound:g}" for bound in bounds), "+Inf"]
    return list(zip(names, map(float, accumulate(counts)), strict=True))
