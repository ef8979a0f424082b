"""What a stream's results add up to. Pure."""

from collections import Counter
from collections.abc import Sequence

from sts_actors.messages import Result, StreamSummary


class Tally:
    """Counts results; a stream of any length costs one number a fragment."""

    def __init__(self) -> None:
        self._outcomes: Counter[str] = Counter()
        self._duration_ms = 0
        self._processing_ms: list[float] = []

    def add(self, result: Result, processing_ms: float) -> None:
        """Take in a result and how long it took from receipt to answer."""
        self._outcomes[result.outcome] += 1
        self._duration_ms += result.header.duration_ms
        self._processing_ms.append(processing_ms)

    def summary(self, stream_id: str) -> StreamSummary:
        """What it came to so far."""
        times = self._processing_ms
        return StreamSummary(
            stream_id=stream_id,
            success_count=self._outcomes["success"],
            partial_count=self._outcomes["partial"],
            failed_count=self._outcomes["failed"],
            total_duration_ms=self._duration_ms,
            avg_processing_time_ms=sum(times) / len(times) if times else 0.0,
            p95_processing_time_ms=percentile(times, 0.95),
        )


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of all do not exceed (nearest rank); 0 for none."""
    if not values:
        return 0.0
    ranked = sorted(values)
    rank = max(1, -(-len(ranked) * round(share * 1000) // 1000))
    return ranked[rank - 1]
