"""The run loop's statistics as Prometheus metrics, read when they are asked for."""

from collections.abc import Callable, Iterator

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from supervision import LoopStatistics
from supervision.instruments import LAG_BOUNDS_S


class LoopCollector(Collector):
    """Rows are by role, of which there are few; never by task or stream."""

    def __init__(self, read: Callable[[], LoopStatistics]) -> None:
        self._read = read

    def collect(self) -> Iterator[Metric]:
        """As they are now."""
        loop = self._read()
        lag = HistogramMetricFamily("sts_event_loop_lag_seconds", "How long a pass of the run loop took")
        counts = [sum(loop.lags[: index + 1]) for index in range(len(loop.lags))]
        names = [f"{bound:g}" for bound in LAG_BOUNDS_S] + ["+Inf"]
        lag.add_metric([], list(zip(names, map(float, counts), strict=True)), loop.passes_s)
        yield lag
        yield CounterMetricFamily(
            "sts_event_loop_stalls", "Task steps that held the run loop for too long", value=loop.stalls
        )
        busy = CounterMetricFamily(
            "sts_task_busy_seconds", "Time that tasks of a role held the run loop", labels=["role"]
        )
        waited = CounterMetricFamily(
            "sts_task_waited_seconds", "Time that tasks of a role were not running", labels=["role"]
        )
        steps = CounterMetricFamily("sts_task_steps", "Steps of tasks of a role", labels=["role"])
        for role in loop.roles:
            busy.add_metric([role.role], role.busy_s)
            waited.add_metric([role.role], role.waited_s)
            steps.add_metric([role.role], role.steps)
        yield from (busy, waited, steps)
