"""An engine in a worker process: what real models run in."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import MappingProxyType
from typing import Any

import attrs

from sts_actors.engines.actor import OpenRunner, Runner
from sts_actors.engines.ports import EngineInfo
from sts_actors.errors import ConfigError
from supervision import Worker, WorkerError, open_worker

UNREPORTED: Mapping[str, str] = MappingProxyType({"ORT_DISABLE_TELEMETRY": "1"})
"""For a process that loads models: onnxruntime tells its makers of its use unless it is told not to."""

_CONFIG_ERROR = f"{ConfigError.__module__}.{ConfigError.__qualname__}"


@attrs.define(eq=False)
class _ProcessRunner:
    worker: Worker
    grace_s: float
    latest: tuple[float, float] = (0.0, 0.0)
    """When the process began and ended its last batch; it has one at a time."""

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
        served = await self.worker.call_timed("run", list(batch), deadline=deadline + self.grace_s)
        self.latest = served.began, served.ended
        answers: Sequence[Any] = served.value
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

    Opening raises `ConfigError` where `load` does: to load it again would not help.
    """
    env = dict(UNREPORTED)
    if threads is not None:
        env |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))

    @asynccontextmanager
    async def open_runner() -> AsyncIterator[Runner]:
        worker = open_worker(name, load, *args, env=env)
        async with _telling_what_is_configured_wrongly(worker) as opened:
            yield _ProcessRunner(opened, grace_s)

    return open_runner


@asynccontextmanager
async def _telling_what_is_configured_wrongly(
    opening: AbstractAsyncContextManager[Worker],
) -> AsyncIterator[Worker]:
    try:
        async with opening as worker:
            yield worker
    except WorkerError as error:
        if error.remote_type != _CONFIG_ERROR:
            raise
        raise ConfigError(str(error).removeprefix(f"{ConfigError.__name__}: ")) from None
