"""What a paid translation service costs as Prometheus metrics, read when they are asked for."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from sts_actors.engines.quota import QuotaWatch


class QuotaCollector(Collector):
    """What was billed since the start, and the account's quota where it is known."""

    def __init__(self, watch: QuotaWatch) -> None:
        self._watch = watch

    def collect(self) -> Iterator[Metric]:
        """As it is now."""
        yield CounterMetricFamily(
            "sts_deepl_characters", "Characters that DeepL has billed", value=self._watch.billed_characters
        )
        used = GaugeMetricFamily(
            "sts_deepl_quota_used_characters", "Used of the quota, by whomever, when last looked at"
        )
        limit = GaugeMetricFamily("sts_deepl_quota_limit_characters", "The quota of this billing period")
        quota = self._watch.quota
        if quota is not None:
            used.add_metric([], quota.used)
            limit.add_metric([], quota.limit)
        yield from (used, limit)
