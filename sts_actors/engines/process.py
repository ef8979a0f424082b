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
    grace_s: float

    @property
    def pid(self) -> int:
        """The worker process's id, by which its memory is found."""
        return self.worker.pid

    @property
    def info(self) -> EngineInfo:
        info = self.worker.info
        if not isinstance(info, EngineInfo):
            raise TypeError(f"worker {self.worker.name} serves no engine")
        return info

    async def run(self, batch: Sequence[Any], deadline: float) -> Sequence[Any]:
        answers: Sequence[Any] = await self.worker.call("run", list(batch), deadline=deadline + self.grace_s)
        return answers


GRACE_S = 10.0
"""How long after its batch's deadline a call may go on before its process counts as hung."""


def in_process(
    name: str, load: Callable[..., object], *args: Any, threads: int | None = None, grace_s: float = GRACE_S
) -> OpenRunner:
    """Opens the engine that `load(*args)` builds, in a worker process of its own.

    Args:
        name: of the worker process.
        load: importable by name; returns an `Engine`.
        args: for `load`.
        threads: how many the process's math libraries may use.
        grace_s: how long after its deadline a call may go on: one that is only late costs its askers
            nothing more, while killing it costs everyone a reload.
    """
    env = {} if threads is None else dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))

    @asynccontextmanager
    async def open_runner() -> AsyncIterator[Runner]:
        async with open_worker(name, load, *args, env=env) as worker:
            yield _ProcessRunner(worker, grace_s)

    return open_runner
