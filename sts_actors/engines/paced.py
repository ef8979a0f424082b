"""A fake engine that takes its made-up time like a real one: in a worker process, blocking it."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from sts_actors.engines.pace import Pace
from sts_actors.engines.ports import Engine, EngineInfo


class PacedEngine:
    """`engine`, with the durations of `pace`."""

    def __init__(self, engine: Engine[Any, Any], pace: Pace) -> None:
        self._engine = engine
        self._pace = pace

    @property
    def info(self) -> EngineInfo:
        """The engine's own."""
        return self._engine.info

    def run(self, batch: Sequence[Any]) -> Sequence[Any]:
        """Serve the batch after its made-up time."""
        time.sleep(self._pace.next_s(len(batch)))
        return self._engine.run(batch)


def load(engine: Callable[[], Engine[Any, Any]], latency_s: float, seed: int) -> PacedEngine:
    """Built in the worker process."""
    return PacedEngine(engine(), Pace(latency_s, seed))
