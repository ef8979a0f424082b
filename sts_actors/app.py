"""The service: models, server, routes, in one block that ends when it is cancelled."""

import logging
from contextlib import AbstractAsyncContextManager, nullcontext
from functools import partial
from pathlib import Path

import attrs
import trio

from sts_actors.access import is_loopback
from sts_actors.artifacts import Artifacts, NoArtifacts, Quota, open_artifacts
from sts_actors.connection import attach
from sts_actors.console import Console, add_routes, read_pages
from sts_actors.debugging import DebugTasks
from sts_actors.draining import Drain
from sts_actors.dubbing import Dubbing
from sts_actors.engines.quota import QuotaWatch
from sts_actors.errors import ConfigError
from sts_actors.gateway import Limits, Server, serve
from sts_actors.journal import Journal
from sts_actors.logs import LogWitness
from sts_actors.memory import MemoryWatch, ReadMemory, held_by_models, look, plan_memory
from sts_actors.metrics import Metrics
from sts_actors.models import Models, open_models
from sts_actors.probes import Heartbeat, add_probes
from sts_actors.profiles import model_specs
from sts_actors.settings import Settings
from sts_actors.traces import open_traces
from sts_actors.voices import VoiceBook, open_voice_book
from sts_actors.witness import Several
from supervision import LoopInstrument, open_loop_instrument

log = logging.getLogger(__name__)

GOODBYE_S = 1.0
"""For closing what is open. Who has taken all closes at once; who takes nothing is not waited for longer."""


@attrs.frozen(kw_only=True)
class Service:
    """A running service; `drain.begin()` has it finish what it has taken, and end."""

    url: str
    models: Models
    voices: VoiceBook
    loop: LoopInstrument
    drain: Drain

    async def wait_ready(self) -> None:
        """Wait until all models have been loaded."""
        await self.models.wait_ready()


async def run_service(
    settings: Settings,
    *,
    read_memory: ReadMemory = look,
    task_status: trio.TaskStatus[Service] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until cancelled or drained.

    `task_status` gets the `Service` once it listens, before the models are loaded.

    Args:
        settings: all there is to choose.
        read_memory: looks at the devices' memory.
        task_status: of `nursery.start`.

    Raises:
        ConfigError: a setting, a missing model file, a file of voices, too little memory or the address stops
            the start.
        supervision.RestartIntensityExceeded: a model died too often.
    """
    _check_exposure(settings)
    memory = await plan_memory(settings, read_memory)
    quota = QuotaWatch()
    metrics = Metrics()
    journal = Journal(audio_bytes=settings.console_audio_bytes)
    voice_file = Path(settings.voice_profiles_path) if settings.voice_profiles_path else None
    async with open_voice_book(voice_file) as voices, open_traces(settings) as traces:
        specs = await trio.to_thread.run_sync(
            partial(model_specs, settings, quota=quota, references=voices.current.references)
        )
        with open_loop_instrument() as loop:
            async with open_models(
                specs,
                device_tokens=settings.device_tokens,
                together=memory.together,
                on_restart=lambda actor, _: metrics.restarted(actor),
            ) as models:
                watch = memory.watch
                metrics.watch(loop.statistics, models.statistics)
                metrics.watch_memory(
                    lambda: watch.reading, lambda: held_by_models(models.processes, watch.reading)
                )
                async with _open_artifacts(settings) as artifacts:
                    dubbing = Dubbing(
                        settings=settings,
                        models=models,
                        metrics=metrics,
                        quota=quota,
                        voices=voices,
                        artifacts=artifacts,
                        pressure=watch.pressure,
                        witness=Several([journal, LogWitness(), traces.witness]),
                        new_trace=traces.new_trace,
                    )
                    await _serve(dubbing, Console(dubbing, journal, loop), watch, task_status)


def _open_artifacts(settings: Settings) -> AbstractAsyncContextManager[Artifacts | NoArtifacts]:
    if not settings.artifacts_enabled:
        return nullcontext(NoArtifacts())
    quota = Quota(
        max_bytes=settings.artifacts_max_bytes,
        max_count=settings.artifacts_max_count,
        retention_s=settings.artifacts_retention_hours * 3600,
    )
    return open_artifacts(Path(settings.artifacts_path), quota)


async def _serve(
    dubbing: Dubbing, console: Console, watch: MemoryWatch, task_status: trio.TaskStatus[Service]
) -> None:
    settings, loop = dubbing.settings, console.loop
    server = Server(
        limits=Limits(shutdown_timeout=GOODBYE_S),
        ping_interval=settings.ping_interval_s,
        ping_timeout=settings.ping_timeout_s,
        max_http_buffer_size=settings.max_buffer_bytes,
        cors_allowed_origins=_origins(settings.cors_allowed_origins),
    )
    heartbeat = Heartbeat()
    add_probes(server, dubbing, watch, heartbeat)
    server.route("GET", "/debug/tasks", DebugTasks(loop, settings.auth_token))
    add_routes(server, console, await trio.to_thread.run_sync(read_pages))
    async with trio.open_nursery() as nursery:
        attach(server, dubbing, nursery)
        nursery.start_soon(_watch_voices, dubbing)
        nursery.start_soon(watch.run)
        nursery.start_soon(heartbeat.run)
        nursery.start_soon(_leave_when_drained, dubbing.drain, nursery.cancel_scope)
        try:
            addresses = await nursery.start(partial(serve, server, settings.host, settings.port))
        except OSError as error:
            raise ConfigError(
                f"cannot listen on {settings.host}:{settings.port}: {error.strerror or error}; "
                "choose another --host or --port"
            ) from None
        host, port = addresses[0][:2]
        shown = f"[{host}]" if ":" in host else host
        log.info("listening on http://%s:%d", shown, port)
        url = f"http://{shown}:{port}"
        task_status.started(
            Service(url=url, models=dubbing.models, voices=dubbing.voices, loop=loop, drain=dubbing.drain)
        )


async def _leave_when_drained(drain: Drain, service: trio.CancelScope) -> None:
    await drain.wait_over()
    service.cancel()


async def _watch_voices(dubbing: Dubbing) -> None:
    """Refuse voices that the loaded engine cannot speak in, then take up what changes.

    Raises:
        ConfigError: a line for each such voice.
    """
    models, voices = dubbing.models, dubbing.voices
    await models.wait_ready()
    faults = models.voice_faults(voices.current)
    if faults:
        raise ConfigError(*faults)
    await voices.watch(models.voice_faults)


def _check_exposure(settings: Settings) -> None:
    if settings.auth_token or is_loopback(settings.host):
        return
    if settings.allow_public_without_token:
        log.warning("%s can be reached from outside, and anybody may dub: no STS_AUTH_TOKEN", settings.host)
        return
    raise ConfigError(
        f"{settings.host} can be reached from outside and STS_AUTH_TOKEN is not set: set it, "
        "or set STS_ALLOW_PUBLIC_WITHOUT_TOKEN=true"
    )


def _origins(listed: str) -> list[str] | None:
    """The origins of browsers' pages that may connect; None for the service's own alone."""
    return [origin.strip() for origin in listed.split(",") if origin.strip()] or None
