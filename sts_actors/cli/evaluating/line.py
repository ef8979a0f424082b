"""The line over a whole recording, as fast as it goes: what it heard, said and asked of its models."""

import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from math import inf
from pathlib import Path
from typing import Any, Generic, TypeVar

import attrs
import numpy as np
import trio

from sts_actors.actors.asr import asr
from sts_actors.actors.collaborators import Collaborators
from sts_actors.actors.intake import Intake
from sts_actors.actors.stage import StageLimits
from sts_actors.actors.stream import open_stream
from sts_actors.audio.codecs import encode
from sts_actors.audio.pcm import resample
from sts_actors.dubbing import Dubbing
from sts_actors.engines.ports import RECOGNISER_RATE_HZ, Asker, RecogniseRequest, Recognition
from sts_actors.errors import ServiceError, Stage
from sts_actors.messages import (
    AudioFormat,
    Container,
    Fragment,
    FragmentFailed,
    FragmentHeader,
    Result,
    Samples,
    SeamPolicy,
    StreamConfig,
    Transcript,
)
from sts_actors.metrics import Metrics
from sts_actors.models import Models, open_models
from sts_actors.profiles import model_specs
from sts_actors.settings import Settings, load_settings
from supervision import open_channel

Q = TypeVar("Q")
A = TypeVar("A")

PATIENCE_MS = 3_600_000
"""Nobody waits for an answer: none is late."""
IN_FLIGHT = 3
"""Keeps all stages busy at once."""

Told = Callable[[int, int], None]
"""Told of the fragments done, and of all there are."""


@attrs.frozen(kw_only=True)
class Recording:
    """Mono samples in -1 … 1."""

    pcm: Samples = attrs.field(repr=False, eq=False)
    sample_rate_hz: int

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.pcm.size / self.sample_rate_hz

    @property
    def label(self) -> AudioFormat:
        """How its fragments travel."""
        return AudioFormat(container=Container.PCM_S16LE, sample_rate_hz=self.sample_rate_hz, channels=1)

    def fragments(self, seconds: float) -> list[Samples]:
        """Cut every so many seconds; the last one is what is left."""
        frames = round(seconds * self.sample_rate_hz)
        return [self.pcm[start : start + frames] for start in range(0, self.pcm.size, frames)]


@attrs.define(eq=False)
class Asked(Generic[Q, A]):
    """An asker that notes what is asked of it: how often, with how much sound, for how long it took."""

    ask: Asker[Q, A]
    calls: int = 0
    audio_s: float = 0.0
    took_s: float = 0.0
    processor: Callable[[], float | None] = attrs.field(default=lambda: None)
    """How long the engine's process has worked, if it has one."""
    processor_s: float | None = None
    speeds: dict[str, float] = attrs.field(factory=dict)
    """Of a synthesiser: at which speed each text was spoken last."""

    async def __call__(self, request: Q, /, *, stream: str, deadline: float) -> A:
        """Ask, and note it."""
        started, before_s = trio.current_time(), self.processor()
        answer = await self.ask(request, stream=stream, deadline=deadline)
        self.took_s += trio.current_time() - started
        after_s = self.processor()
        if before_s is not None and after_s is not None:
            self.processor_s = (self.processor_s or 0.0) + after_s - before_s
        self.calls += 1
        if isinstance(request, RecogniseRequest):
            self.audio_s += request.pcm.size / RECOGNISER_RATE_HZ
        elif (speed := getattr(request, "speed", None)) is not None:
            self.speeds[getattr(request, "text", "")] = speed
        return answer


@attrs.frozen(kw_only=True)
class Heard:
    """What the line heard, fragment by fragment; what came after the last one is the last."""

    transcripts: tuple[Transcript, ...] = attrs.field(repr=False)
    failures: tuple[FragmentFailed, ...]
    recogniser: Asked[Any, Any]

    @property
    def text(self) -> str:
        """All of it."""
        return " ".join(transcript.text for transcript in self.transcripts if transcript.text)


@attrs.frozen(kw_only=True)
class Dubbed:
    """What the line made of a recording, in order, what is left after its end the last.

    `frames` is how long each fragment was.
    """

    results: tuple[Result, ...] = attrs.field(repr=False)
    frames: tuple[int, ...]
    sample_rate_hz: int
    recogniser: Asked[Any, Any]
    speeds: Mapping[str, float] = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class Bench:
    """Loaded models and what is evaluated on them."""

    dubbing: Dubbing
    source_language: str
    target_language: str
    voice: str | None = None

    def config(self, recording: Recording, fragment_s: float, seam: SeamPolicy) -> StreamConfig:
        """A stream's."""
        return StreamConfig(
            stream_id=f"{seam}-{fragment_s:g}",
            source_language=self.source_language,
            target_language=self.target_language,
            seam=seam,
            voice=self.voice,
            chunk_duration_ms=round(fragment_s * 1000),
            label=recording.label,
            max_inflight=IN_FLIGHT,
            timeout_ms=PATIENCE_MS,
        )

    async def whole(self, recording: Recording, language: str) -> tuple[Recognition, Asked[Any, Any]]:
        """Recognise a recording in one piece, with the times of its words.

        Raises:
            ServiceError: the recogniser failed.
        """
        asked = self._recogniser()
        pcm = await trio.to_thread.run_sync(
            resample, recording.pcm, recording.sample_rate_hz, RECOGNISER_RATE_HZ
        )
        request = RecogniseRequest(pcm=pcm, language=language, words=True)
        return await asked(request, stream="whole", deadline=inf), asked

    async def recognise(self, recording: Recording, fragment_s: float, seam: SeamPolicy, told: Told) -> Heard:
        """Have the recognition actor alone hear a recording in fragments."""
        config = self.config(recording, fragment_s, seam)
        recogniser = self._recogniser()
        pieces = recording.fragments(fragment_s)
        fragments: Any = open_channel("evaluation/fragments", 1)
        transcripts: Any = open_channel("evaluation/transcripts", 1)
        taken: list[Transcript | FragmentFailed] = []

        async def run() -> None:
            async with fragments[1], transcripts[0]:
                await asr(
                    fragments[1],
                    transcripts[0],
                    recogniser,
                    config,
                    StageLimits(),
                    self.dubbing.compute,
                    # All that comes is known beforehand.
                    Intake(submitted=len(pieces), ended=True),
                )

        async with trio.open_nursery() as nursery:
            nursery.start_soon(run)
            nursery.start_soon(_feed, fragments[0], recording, pieces, config.stream_id)
            async with transcripts[1]:
                async for transcript in transcripts[1]:
                    taken.append(transcript)
                    told(min(len(taken), len(pieces)), len(pieces))
        return _heard(taken, recogniser)

    async def dub(self, recording: Recording, fragment_s: float, seam: SeamPolicy, told: Told) -> Dubbed:
        """Have the whole line dub a recording.

        Raises:
            ServiceError: it cannot serve the languages or the voice.
            supervision.RestartIntensityExceeded: the stream failed.
        """
        config = self.config(recording, fragment_s, seam)
        its = self.dubbing.collaborators(config)
        recogniser, synthesiser = self._recogniser(), Asked(its.synthesiser)
        its = attrs.evolve(its, recogniser=recogniser, synthesiser=synthesiser)
        pieces = recording.fragments(fragment_s)
        return Dubbed(
            results=tuple(await _through(config, its, pieces, recording.label, told)),
            frames=tuple(piece.size for piece in pieces),
            sample_rate_hz=recording.sample_rate_hz,
            recogniser=recogniser,
            speeds=synthesiser.speeds,
        )

    def _recogniser(self) -> Asked[RecogniseRequest, Recognition]:
        models = self.dubbing.models
        return Asked(models.recogniser, processor=lambda: worked_s(models.processes.get(Stage.ASR)))

    async def knows(self, language: str) -> bool:
        """Whether the recogniser knows a language."""
        silence = RecogniseRequest(pcm=np.zeros(RECOGNISER_RATE_HZ, np.float32), language=language)
        try:
            await self.dubbing.models.recogniser(silence, stream="evaluation", deadline=inf)
        except ServiceError:
            return False
        return True


def worked_s(process: int | None) -> float | None:
    """The processor time that a process has taken so far; None where nobody says."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text("utf-8")
    except OSError:
        return None
    # Behind the name, which may hold anything: user and system time are the 12th and 13th.
    user, system = stat.rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


@asynccontextmanager
async def open_bench(
    profile: str, *, source_language: str, target_language: str, voice: str | None, recognition: bool
) -> AsyncIterator[Bench]:
    """Load a profile's models; of the others than the recogniser only pretences where it alone is evaluated.

    Raises:
        ConfigError: settings or model data are wrong.
    """
    settings = bench_settings(profile, recognition=recognition)
    specs = await trio.to_thread.run_sync(partial(model_specs, settings))
    async with open_models(specs, device_tokens=settings.device_tokens) as models:
        await models.wait_ready()
        yield Bench(
            dubbing=_dubbing(settings, models),
            source_language=source_language,
            target_language=target_language,
            voice=voice,
        )


def bench_settings(profile: str, *, recognition: bool) -> Settings:
    """A profile's settings, without hurry."""
    patience = dict.fromkeys(("asr_timeout_ms", "translation_timeout_ms", "tts_timeout_ms"), PATIENCE_MS)
    pretences = {"translation_engine": "fake", "tts_engine": "fake"} if recognition else {}
    return load_settings(profile=profile, overrides={**patience, **pretences})


def _dubbing(settings: Settings, models: Models) -> Dubbing:
    return Dubbing(settings=settings, models=models, metrics=Metrics())


async def _feed(
    outbox: trio.MemorySendChannel[Fragment],
    recording: Recording,
    pieces: list[Samples],
    stream_id: str,
) -> None:
    async with outbox:
        for index, piece in enumerate(pieces):
            header = FragmentHeader(
                stream_id=stream_id,
                fragment_id=str(index),
                sequence_number=index,
                index=index,
                duration_ms=round(piece.size / recording.sample_rate_hz * 1000),
                received=trio.current_time(),
                deadline=inf,
            )
            await outbox.send(
                Fragment(
                    header=header,
                    pcm=piece,
                    sample_rate_hz=recording.sample_rate_hz,
                    answer=recording.label,
                )
            )


async def _through(
    config: StreamConfig,
    collaborators: Collaborators,
    pieces: list[Samples],
    label: AudioFormat,
    told: Told,
) -> list[Result]:
    room = trio.Semaphore(IN_FLIGHT)
    results: list[Result] = []
    async with (
        open_stream(config, collaborators, entrance_capacity=IN_FLIGHT) as stream,
        trio.open_nursery() as nursery,
    ):

        async def send() -> None:
            for number, piece in enumerate(pieces):
                await room.acquire()
                place = stream.arrive(
                    fragment_id=str(number),
                    sequence_number=number,
                    duration_ms=round(piece.size / label.sample_rate_hz * 1000),
                )
                data = encode(piece, label)
                stream.submit(place.header, data, label)
            stream.end()

        nursery.start_soon(send)
        async for due in stream:
            results += due.result
            room.release()
            told(len(results), len(pieces))
        results += stream.tails
    return results


def _heard(taken: list[Transcript | FragmentFailed], recogniser: Asked[Any, Any]) -> Heard:
    return Heard(
        transcripts=tuple(_of(taken, Transcript)),
        failures=tuple(_of(taken, FragmentFailed)),
        recogniser=recogniser,
    )


def _of(items: list[Any], kind: type[Q]) -> Iterator[Q]:
    return (item for item in items if isinstance(item, kind))
