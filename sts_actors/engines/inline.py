"""An engine on the loop itself, with made-up latency: for the fake ones, which take no time of their own."""

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import attrs
import trio

from sts_actors.engines.actor import OpenRunner, Runner
from sts_actors.engines.ports import Engine, EngineInfo

BATCH_COST = 0.15
"""What each further request of a batch adds, as a share of the first: batching pays, as on a GPU."""


@attrs.frozen
class _InlineRunner:
    engine: Engine[Any, Any]
    latency_s: float
    rng: random.Random

    @property
    def info(self) -> EngineInfo:
        return self.engine.info

    async def run(self, batch: Sequence[Any], deadline: float) -> Sequence[Any]:
        del deadline  # the made-up latency is bounded
        whole_s = self.latency_s * (1 + BATCH_COST * (len(batch) - 1))
        await trio.sleep(whole_s * self.rng.uniform(0.5, 1.5))
        return self.engine.run(batch)


def inline(engine: Engine[Any, Any], *, latency_s: float, seed: int) -> OpenRunner:
    """Opens `engine` with a latency drawn from 0.5 to 1.5 times `latency_s`; equal seeds draw alike."""

    @asynccontextmanager
    async def open_runner() -> AsyncIterator[Runner]:
        await trio.lowlevel.checkpoint()
        yield _InlineRunner(engine, latency_s, random.Random(seed))  # noqa: S311 - repeatable, no secret

    return open_runner
