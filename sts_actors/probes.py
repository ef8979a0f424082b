"""What orchestrators, load balancers and Prometheus ask: is it alive, may streams come, how does it fare?"""

from typing import NoReturn

import attrs
import orjson
import trio

from sts_actors import __version__
from sts_actors.dubbing import Dubbing
from sts_actors.errors import Stage
from sts_actors.gateway import HttpRequest, HttpResponse, Server
from sts_actors.memory import MemoryWatch, held_by_models
from sts_actors.metrics import CONTENT_TYPE

BEAT_S = 1.0
ALIVE_S = 5.0
"""A beat older than this: the loop has run nobody's tasks for so long."""


@attrs.define(eq=False)
class Heartbeat:
    """Beats while the run loop runs its tasks; a service without a beat is beyond help."""

    _latest: float = attrs.field(factory=trio.current_time, init=False)

    async def run(self) -> NoReturn:
        """Beat for ever."""
        while True:
            self._latest = trio.current_time()
            await trio.sleep(BEAT_S)

    @property
    def age_s(self) -> float:
        """Since the latest beat."""
        return trio.current_time() - self._latest


def unready(dubbing: Dubbing) -> list[str]:
    """Why no further streams should come here; nothing where they may."""
    models, streams = dubbing.models, dubbing.streams
    full = len(streams) >= dubbing.settings.max_concurrent_streams
    # One stream alone may be a worker in a hurry, and says nothing of the others that could come.
    critical = len(streams) > 1 and not any(dubbing.thresholds.admits(each.in_flight) for each in streams)
    reasons = (
        ("loading " + ", ".join(models.missing), bool(models.missing)),
        ("breaker open: " + ", ".join(models.resting), bool(models.resting)),
        ("all streams are taken", full),
        ("every stream has its critical number of fragments in flight", critical),
    )
    return [reason for reason, holds in reasons if holds]


def add_probes(server: Server, dubbing: Dubbing, watch: MemoryWatch, heartbeat: Heartbeat) -> None:
    """Register the routes on `server`; `heartbeat` and `watch` are run by the caller."""

    async def health(_: HttpRequest) -> HttpResponse:
        return _json(200, {"status": "healthy", "version": __version__})

    async def livez(_: HttpRequest) -> HttpResponse:
        alive = heartbeat.age_s < ALIVE_S
        return _json(200 if alive else 503, {"status": "alive" if alive else "stalled"})

    async def readyz(_: HttpRequest) -> HttpResponse:
        reasons = unready(dubbing)
        status = "not ready" if reasons else "ready"
        return _json(503 if reasons else 200, {"status": status, "reasons": reasons})

    async def ready(_: HttpRequest) -> HttpResponse:
        missing = [stage.value for stage in dubbing.models.missing]
        status = "loading" if missing else "ready"
        models = _describe_models(dubbing, watch)
        return _json(503 if missing else 200, {"status": status, "missing": missing, "models": models})

    async def metrics(_: HttpRequest) -> HttpResponse:
        return HttpResponse(
            status=200, headers=[("Content-Type", CONTENT_TYPE)], body=dubbing.metrics.render()
        )

    for path, route in {
        "/health": health,
        "/livez": livez,
        "/readyz": readyz,
        "/ready": ready,
        "/metrics": metrics,
    }.items():
        server.route("GET", path, route)
    dubbing.metrics.ready.set_function(lambda: not unready(dubbing))


def _describe_models(dubbing: Dubbing, watch: MemoryWatch) -> dict[str, dict[str, object]]:
    """What is told of each model; without a process of its own, its memory is not known."""
    models = dubbing.models
    names, held = models.engine_names(), held_by_models(models.processes, watch.reading)
    return {
        stage.value: {
            "name": names.get(stage.value),
            "loaded": stage not in models.missing,
            "memory_bytes": held.get((stage, "host")),
            "gpu_memory_bytes": held.get((stage, "gpu")),
        }
        for stage in Stage
    }


def _json(status: int, content: dict[str, object]) -> HttpResponse:
    return HttpResponse(
        status=status, headers=[("Content-Type", "application/json")], body=orjson.dumps(content)
    )
