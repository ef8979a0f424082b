"""An engine on the loop itself, with made-up latency: for the fake ones, which take no time of their own."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import attrs
import trio

from sts_actors.engines.actor import OpenRunner, Runner
from sts_actors.engines.pace import Pace
from sts_actors.engines.ports import Engine, EngineInfo


@attrs.frozen
class _InlineRunner:
    engine: Engine[Any, Any]
    pace: Pace

    @property
    def info(self) -> EngineInfo:
        return self.engine.info

    async def run(self, batch: Sequence[Any], deadline: float) -> Sequence[Any]:
        del deadline  # the made-up latency is bounded
        await trio.sleep(self.pace.next_s(len(batch)))
        return self.engine.run(batch)


def inline(engine: Engine[Any, Any], *, latency_s: float, seed: int) -> OpenRunner:
    """Opens `engine` with a latency drawn from 0.5 to 1.5 times `latency_s`; equal seeds draw alike."""

    @asynccontextmanager
    async def open_runner() -> AsyncIterator[Runner]:
        await trio.lowlevel.checkpoint()
        yield _InlineRunner(engine, Pace(latency_s, seed))

    return open_runner
