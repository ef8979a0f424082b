"""An engine in a worker process: what real models run in."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import attrs

from sts_actors.engines.actor import OpenRunner, Runner
from sts_actors.engines.ports import EngineInfo
from supervision import Worker, open_worker


@attrs.frozen
class _ProcessRunner:
    worker: Worker

    @property
    def info(self) -> EngineInfo:
        info = self.worker.info
        if not isinstance(info, EngineInfo):
            raise TypeError(f"worker {self.worker.name} serves no engine")
        return info

    async def run(self, batch: Sequence[Any], deadline: float) -> Sequence[Any]:
        # Killing the process costs everyone a reload: give a late call some grace to end by itself.
        answers: Sequence[Any] = await self.worker.call("run", list(batch), deadline=deadline + GRACE_S)
        return answers


GRACE_S = 30.0
"""How long after its deadline a call may go on before its process counts as hung."""


def in_process(name: str, load: Callable[..., object], *args: Any, threads: int | None = None) -> OpenRunner:
    """Opens the engine that `load(*args)` builds, in a worker process of its own.

    Args:
        name: of the worker process.
        load: importable by name; returns an `Engine`.
        args: for `load`.
        threads: how many the process's math libraries may use.
    """
    env = {} if threads is None else dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))

    @asynccontextmanager
    async def open_runner() -> AsyncIterator[Runner]:
        async with open_worker(name, load, *args, env=env) as worker:
            yield _ProcessRunner(worker)

    return open_runner
