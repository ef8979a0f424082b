"""What every connection shares: the models, the settings, and which streams are open."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, cast

import attrs

from sts_actors.actors.collaborators import Collaborators
from sts_actors.actors.compute import Compute, in_thread
from sts_actors.actors.stage import StageLimits
from sts_actors.actors.stream import Stream
from sts_actors.actors.voicing import Voicing
from sts_actors.artifacts import Artifacts, NoArtifacts
from sts_actors.audio.fit import FitPolicy
from sts_actors.audio.speech_rate import DurationModel
from sts_actors.audio.tempo import StretcherName
from sts_actors.draining import Drain
from sts_actors.engines.quota import QuotaWatch
from sts_actors.errors import ErrorCode, ServiceError, Stage
from sts_actors.memory import MemoryPressure
from sts_actors.messages import Bed, SeamPolicy, StreamConfig, primary_language
from sts_actors.metrics import Metrics
from sts_actors.models import Models
from sts_actors.settings import Settings
from sts_actors.voices import VoiceBook
from sts_actors.wire.backpressure import Thresholds
from sts_actors.wire.opening import Defaults
from sts_actors.witness import UNSEEN, StreamWitness, Witness


@attrs.define(eq=False)
class Dubbing:
    """The service behind the wire."""

    settings: Settings
    models: Models
    metrics: Metrics
    compute: Compute = in_thread
    artifacts: Artifacts | NoArtifacts = attrs.field(factory=NoArtifacts)
    quota: QuotaWatch = attrs.field(factory=QuotaWatch)
    voices: VoiceBook = attrs.field(factory=VoiceBook)
    pressure: MemoryPressure = attrs.field(factory=MemoryPressure)
    durations: DurationModel = attrs.field(factory=DurationModel)
    witness: Witness = attrs.field(factory=Witness)
    drain: Drain = attrs.field(
        default=attrs.Factory(lambda self: Drain(self.settings.drain_timeout_s), takes_self=True)
    )
    new_trace: Callable[[], str] = lambda: ""
    """The `traceparent` of the next fragment, where it is to be traced."""
    _streams: dict[str, Stream] = attrs.field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        self.metrics.artifacts_lost.set_function(lambda: self.artifacts.lost)
        self.metrics.streams.set_function(lambda: len(self._streams))
        self.metrics.capacity_streams.set(self.settings.max_concurrent_streams)
        for stage in Stage:
            self._show(stage)
        self.metrics.memory_pressure.set_function(lambda: self.pressure.on)
        self.metrics.watch_quota(self.quota)
        self.metrics.in_flight.set_function(lambda: sum(s.in_flight for s in self._streams.values()))

    def _show(self, stage: Stage) -> None:
        self.metrics.model_loaded.labels(stage).set_function(lambda: stage not in self.models.missing)
        self.metrics.breaker_open.labels(stage).set_function(lambda: stage in self.models.resting)

    @property
    def streams(self) -> tuple[Stream, ...]:
        """The open ones."""
        return tuple(self._streams.values())

    @property
    def thresholds(self) -> Thresholds:
        """When a stream is full."""
        its = self.settings
        return Thresholds(
            low=its.backpressure_low,
            medium=its.backpressure_medium,
            high=its.backpressure_high,
            critical=its.backpressure_critical,
        )

    @property
    def defaults(self) -> Defaults:
        """What a stream gets where its worker says nothing."""
        its = self.settings
        return Defaults(
            max_inflight=its.max_inflight,
            timeout_ms=its.fragment_timeout_ms,
            seam=SeamPolicy(its.seam),
            bed=Bed(level_db=its.bed_level_db, ramp_ms=its.bed_ramp_ms) if its.bed == "duck" else None,
            verify=its.verify,
        )

    def check_room(self) -> None:
        """Refuse a stream that would be one too many.

        Raises:
            ServiceError: `BACKPRESSURE_EXCEEDED`; a later try may find room.
        """
        if len(self._streams) >= self.settings.max_concurrent_streams:
            raise ServiceError(
                ErrorCode.BACKPRESSURE_EXCEEDED,
                f"all {self.settings.max_concurrent_streams} streams are taken; try again later",
            )

    @contextmanager
    def listed(self, session_id: str, stream: Stream) -> Iterator[None]:
        """Count a stream as open for the length of the block."""
        self._streams[session_id] = stream
        try:
            yield
        finally:
            del self._streams[session_id]

    def collaborators(self, config: StreamConfig, witness: StreamWitness = UNSEEN) -> Collaborators:
        """What the actors of a stream ask; `witness` is told what they do.

        Raises:
            ServiceError: `UNSUPPORTED_LANGUAGE` or `INVALID_VOICE_PROFILE`, saying what there is.
        """
        its, models = self.settings, self.models
        source = primary_language(config.source_language)
        for target in config.targets:
            models.check_languages(source, primary_language(target))
        voicings = {target: self._voicing(config, target) for target in config.targets}
        return Collaborators(
            recogniser=models.recogniser,
            translator=models.translator,
            synthesiser=models.synthesiser,
            voicing=voicings[config.target_language],
            voicing_by_language=voicings,
            durations=self.durations,
            original=its.fallback_mode == "original",
            asr_limits=StageLimits(timeout_s=its.asr_timeout_ms / 1000, witness=witness),
            translation_limits=StageLimits(timeout_s=its.translation_timeout_ms / 1000, witness=witness),
            tts_limits=StageLimits(timeout_s=its.tts_timeout_ms / 1000, witness=witness),
            compute=self.compute,
        )

    def _voicing(self, config: StreamConfig, target: str) -> Voicing:
        its, models = self.settings, self.models
        language = primary_language(target)
        named = config.voice_by_language.get(target, config.voice_by_language.get(language, config.voice))
        chosen = models.choose_voice(named, language, self.voices.current)
        return Voicing(
            voice=chosen.voice,
            engine=models.engine_names().get(Stage.TTS.value, ""),
            reference=chosen.reference,
            speed_range=models.speed_range,
            policy=FitPolicy(
                success_max=its.duration_variance_success_max,
                partial_max=its.duration_variance_partial_max,
                duration_policy=cast("Literal['fail', 'fit']", its.duration_policy),
                stretcher=cast("StretcherName", its.stretcher),
            ),
        )
