"""The shared models: one queue, one supervised actor and one engine for each stage, one device's tokens."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from functools import partial
from typing import Any

import attrs
import trio

from sts_actors.engines.actor import OpenRunner, Runner, make_asker, model
from sts_actors.engines.breaker import Breaker, BreakerState
from sts_actors.engines.ports import (
    Asker,
    EngineInfo,
    RecogniseRequest,
    Recognition,
    SynthesisedAudio,
    SynthesiseRequest,
    TranslatedText,
    TranslateRequest,
)
from sts_actors.errors import ConfigError, ErrorCode, ServiceError, Stage
from sts_actors.voices import ChosenVoice, Voices, choose, unservable
from supervision import (
    Backoff,
    Child,
    Intensity,
    RequestQueue,
    Restart,
    SchedulerStatistics,
    TokenScheduler,
    open_supervisor,
)

INTENSITY = Intensity(restarts=5, period_s=30.0)
BACKOFF = Backoff(first_s=0.1, factor=2.0, max_s=5.0, jitter=0.5)
MAX_WAITING = 1024
"""Requests that may wait for one model; a stream has at most one in each queue."""

PAIRS_SHOWN = 20
"""An engine with more pairs than this names those of the language in question alone."""

NO_VOICES = Voices()


@attrs.frozen(kw_only=True)
class ModelSpec:
    """How one stage's model is opened, what one call of it costs, and how many requests it takes at once.

    `calls_at_once` is for an engine that is a service elsewhere, and None for one on the device: such calls
    wait for the network, so they spend none of the device's tokens, and several are under way together.
    `mixes_languages` is for a synthesiser that speaks several in one batch.
    """

    open_runner: OpenRunner
    tokens: int
    max_batch: int = 1
    calls_at_once: int | None = None
    mixes_languages: bool = False


@attrs.define(eq=False)
class Models:
    """What the line asks, and what the loaded engines say of themselves."""

    recogniser: Asker[RecogniseRequest, Recognition]
    translator: Asker[TranslateRequest, TranslatedText]
    synthesiser: Asker[SynthesiseRequest, SynthesisedAudio]
    scheduler: TokenScheduler
    services: tuple[TokenScheduler, ...] = ()
    """Of the engines that are services elsewhere, one each: a token is a call."""
    processes: dict[Stage, int] = attrs.field(factory=dict, init=False)
    """Ids of the worker processes of the models that have one, from when they are loaded."""
    breakers: dict[Stage, Breaker] = attrs.field(factory=dict, init=False)
    """Of the engines that are services elsewhere, from when they are loaded."""
    _infos: dict[Stage, EngineInfo] = attrs.field(factory=dict, init=False)
    _down: set[Stage] = attrs.field(factory=lambda: set(Stage), init=False)
    _all_loaded: trio.Event = attrs.field(factory=trio.Event, init=False)

    def statistics(self) -> SchedulerStatistics:
        """The device's, with the queues of the services elsewhere beside its own."""
        device = self.scheduler.statistics()
        elsewhere = tuple(queue for service in self.services for queue in service.statistics().queues)
        return attrs.evolve(device, queues=device.queues + elsewhere)

    @property
    def missing(self) -> tuple[Stage, ...]:
        """The stages whose model is loading."""
        return tuple(stage for stage in Stage if stage in self._down)

    @property
    def resting(self) -> tuple[Stage, ...]:
        """The stages whose service elsewhere keeps failing and is not asked at present.

        One that may be tried again is not among them: without a fragment nobody would try.
        """
        now = trio.current_time()
        return tuple(
            stage for stage, breaker in self.breakers.items() if breaker.state(now) is BreakerState.OPEN
        )

    async def wait_ready(self) -> None:
        """Wait until each model has been loaded once."""
        await self._all_loaded.wait()

    def loaded(self, stage: Stage, info: EngineInfo) -> None:
        """A model is ready; told by its actor."""
        self._infos[stage] = info
        self._down.discard(stage)
        if not self._down:
            self._all_loaded.set()

    def lost(self, stage: Stage) -> None:
        """A model has died and will be loaded again."""
        self._down.add(stage)
        self.processes.pop(stage, None)
        self.breakers.pop(stage, None)

    def engine_names(self) -> dict[str, str]:
        """Each loaded stage's engine."""
        return {stage.value: info.name for stage, info in self._infos.items()}

    def check_languages(self, source: str, target: str) -> None:
        """Refuse a pair that the engines cannot serve; what is not loaded yet is believed.

        Raises:
            ServiceError: `UNSUPPORTED_LANGUAGE`, naming the pairs or languages there are.
        """
        info = self._infos.get(Stage.TRANSLATION)
        if source != target and info and info.pairs and (source, target) not in info.pairs:
            raise _unsupported(f"{info.name} does not translate {source} to {target}; {_known(info, source)}")
        for stage, language, verb in ((Stage.ASR, source, "recognise"), (Stage.TTS, target, "speak")):
            info = self._infos.get(stage)
            if info and info.languages and language not in info.languages:
                raise _unsupported(
                    f"{info.name} does not {verb} {language}; it does {', '.join(info.languages)}"
                )

    def choose_voice(self, name: str | None, language: str, voices: Voices = NO_VOICES) -> ChosenVoice:
        """The voice for what a client named: a profile out of `voices`, or one of the engine's own.

        Raises:
            ServiceError: `INVALID_VOICE_PROFILE`, naming the voices there are.
        """
        return choose(name, language, voices, self._infos.get(Stage.TTS))

    def voice_faults(self, voices: Voices) -> tuple[str, ...]:
        """What the synthesiser can never do of a file of voices; what is not loaded yet is believed."""
        info = self._infos.get(Stage.TTS)
        return tuple(unservable(voices, info)) if info else ()

    @property
    def speed_range(self) -> tuple[float, float]:
        """The span of the synthesiser's own speed."""
        info = self._infos.get(Stage.TTS)
        return info.speed_range if info else (1.0, 1.0)


@asynccontextmanager
async def open_models(
    specs: dict[Stage, ModelSpec],
    *,
    device_tokens: int,
    together: bool = True,
    on_restart: Callable[[str, Exception | None], None] | None = None,
) -> AsyncIterator[Models]:
    """Load the models in the background and keep them alive for the length of the block.

    Args:
        specs: the models, by stage.
        device_tokens: what the device has.
        together: load them all at once; if not, one after the other, for lack of memory.
        on_restart: told of each that died.

    Raises:
        ConfigError: out of the block, where a model cannot be loaded as it is configured.
        supervision.RestartIntensityExceeded: the same, where a model died too often.
    """
    scheduler = TokenScheduler("device", tokens=device_tokens)
    services = {
        stage: TokenScheduler(f"{stage} service", tokens=spec.calls_at_once)
        for stage, spec in specs.items()
        if spec.calls_at_once is not None
    }
    queues: dict[Stage, RequestQueue[Any, Any]] = {
        stage: services.get(stage, scheduler).open_queue(
            f"models/{stage}",
            cost=1 if stage in services else min(spec.tokens, device_tokens),
            max_batch=spec.max_batch,
            max_waiting=MAX_WAITING,
        )
        for stage, spec in specs.items()
    }
    models = Models(
        recogniser=make_asker(queues[Stage.ASR], Stage.ASR, key=_language_key),
        translator=make_asker(queues[Stage.TRANSLATION], Stage.TRANSLATION, key=_translator_key),
        synthesiser=make_asker(
            queues[Stage.TTS],
            Stage.TTS,
            key=_any_language if specs[Stage.TTS].mixes_languages else _language_key,
        ),
        scheduler=scheduler,
        services=tuple(services.values()),
    )

    loading = nullcontext() if together else trio.Lock()

    @asynccontextmanager
    async def opened(stage: Stage) -> AsyncIterator[Runner]:
        async with AsyncExitStack() as stack:
            async with loading:
                runner = await stack.enter_async_context(specs[stage].open_runner())
            process = getattr(runner, "pid", None)
            if process is not None:
                models.processes[stage] = process
            breaker = getattr(runner, "breaker", None)
            if breaker is not None:
                models.breakers[stage] = breaker
            yield runner

    def died(actor: str, cause: Exception | None) -> None:
        models.lost(Stage(actor))
        if on_restart is not None:
            on_restart(f"model/{actor}", cause)

    misconfigured: list[ConfigError] = []

    async def unless_misconfigured(run: Callable[[], Awaitable[None]]) -> None:
        try:
            await run()
        except ConfigError as error:
            # Another try would end alike, some gigabytes later.
            misconfigured.append(error)
            supervisor.cancel()
            await trio.sleep_forever()

    async with open_supervisor("models", intensity=INTENSITY, on_restart=died) as supervisor:
        for stage, spec in specs.items():
            supervisor.start_soon(
                Child(
                    name=stage.value,
                    run=partial(
                        unless_misconfigured,
                        partial(
                            model,
                            queues[stage],
                            partial(opened, stage),
                            partial(models.loaded, stage),
                            spec.calls_at_once or 1,
                        ),
                    ),
                    restart=Restart.PERMANENT,
                    backoff=BACKOFF,
                    owns=(queues[stage],),
                )
            )
        try:
            yield models
        finally:
            supervisor.cancel()
    if misconfigured:
        raise misconfigured[0]


def _language_key(request: RecogniseRequest | SynthesiseRequest) -> str:
    return request.language


def _translator_key(request: TranslateRequest) -> tuple[str, str, str]:
    return request.source_language, request.target_language, request.target_locale


def _any_language(_: SynthesiseRequest) -> str:
    return ""


def _known(info: EngineInfo, source: str) -> str:
    if len(info.pairs) <= PAIRS_SHOWN:
        return "it does " + ", ".join(f"{a} to {b}" for a, b in info.pairs)
    targets = [b for a, b in info.pairs if a == source]
    if targets:
        return f"it does {source} to {', '.join(targets)}"
    return f"it does them from {', '.join(sorted({a for a, _ in info.pairs}))}"


def _unsupported(message: str) -> ServiceError:
    return ServiceError(ErrorCode.UNSUPPORTED_LANGUAGE, message)
