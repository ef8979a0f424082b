"""How long an engine pretends to work."""

import random

BATCH_COST = 0.15
"""What each further request of a batch adds, as a share of the first: batching pays, as on a GPU."""


class Pace:
    """Made-up durations: 0.5 to 1.5 times `latency_s` for one request; equal seeds draw alike."""

    def __init__(self, latency_s: float, seed: int) -> None:
        self._latency_s = latency_s
        self._rng = random.Random(seed)  # noqa: S311 - repeatable, no secret

    def next_s(self, requests: int) -> float:
        """Seconds for a batch of so many requests."""
        whole_s = self._latency_s * (1 + BATCH_COST * (requests - 1))
        return whole_s * self._rng.uniform(0.5, 1.5)
