"""What Prometheus is told."""

from sts_actors.metrics.service import CONTENT_TYPE, Metrics

__all__ = ["CONTENT_TYPE", "Metrics"]
