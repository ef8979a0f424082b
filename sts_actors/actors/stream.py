"""A stream: one dubbing job as a supervised nursery of actors joined by bounded channels."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Self, TypeVar

import attrs
import trio

from sts_actors.actors.asr import asr
from sts_actors.actors.compute import Compute, in_thread
from sts_actors.actors.sequencer import Reorder, sequencer
from sts_actors.actors.session import session
from sts_actors.actors.stage import StageLimits
from sts_actors.actors.translation import translation
from sts_actors.actors.tts import Voicing, tts
from sts_actors.engines.ports import (
    Asker,
    RecogniseRequest,
    Recognition,
    SynthesisedAudio,
    SynthesiseRequest,
    TranslatedText,
    TranslateRequest,
)
from sts_actors.messages import (
    AudioFormat,
    Fragment,
    FragmentFailed,
    FragmentHeader,
    Result,
    StreamConfig,
    Submission,
    Transcript,
    Translation,
)
from supervision import Child, Intensity, open_channel, open_supervisor

T = TypeVar("T")
Pipe = tuple[trio.MemorySendChannel[T], trio.MemoryReceiveChannel[T]]

UNLIMITED = StageLimits()
STREAM_INTENSITY = Intensity(restarts=3, period_s=60.0)


@attrs.frozen(kw_only=True)
class Collaborators:
    """What a stream's actors ask, and how long each stage may take."""

    recogniser: Asker[RecogniseRequest, Recognition]
    translator: Asker[TranslateRequest, TranslatedText]
    synthesiser: Asker[SynthesiseRequest, SynthesisedAudio]
    voicing: Voicing
    asr_limits: StageLimits = UNLIMITED
    translation_limits: StageLimits = UNLIMITED
    tts_limits: StageLimits = UNLIMITED
    compute: Compute = in_thread


class Stream:
    """The two ends of the line: submit fragments, iterate over their results, exactly one each.

    Iteration ends after `end()` once everything admitted has been answered.
    """

    def __init__(
        self,
        config: StreamConfig,
        entrance: trio.MemorySendChannel[Submission | FragmentFailed],
        exit_: trio.MemoryReceiveChannel[Result],
        *,
        answer_margin_s: float,
    ) -> None:
        self.config = config
        self._entrance = entrance
        self._exit = exit_
        self._answer_margin_s = answer_margin_s
        self._admitted = 0
        self._emitted = 0

    @property
    def in_flight(self) -> int:
        """Admitted and not yet taken as a result."""
        return self._admitted - self._emitted

    @property
    def queue_depth(self) -> int:
        """Admitted fragments that no actor has taken in hand."""
        return self._entrance.statistics().current_buffer_used

    def header(self, *, fragment_id: str, sequence_number: int, duration_ms: int) -> FragmentHeader:
        """The header of the fragment that `submit` will admit next; its deadline counts from now."""
        now = trio.current_time()
        return FragmentHeader(
            stream_id=self.config.stream_id,
            fragment_id=fragment_id,
            sequence_number=sequence_number,
            index=self._admitted,
            duration_ms=duration_ms,
            received=now,
            deadline=now + self.config.timeout_ms / 1000 - self._answer_margin_s,
        )

    def submit(self, header: FragmentHeader, data: bytes, label: AudioFormat) -> None:
        """Admit a fragment without waiting.

        Raises:
            trio.WouldBlock: the entrance is full; nothing was admitted.
            trio.ClosedResourceError: after `end()`.
            trio.BrokenResourceError: the stream is failing.
        """
        self._put(Submission(header=header, data=data, label=label))

    def submit_failed(self, failure: FragmentFailed) -> None:
        """Admit a refusal, so that its answer goes out in its place among the results; raises as `submit`."""
        self._put(failure)

    def _put(self, item: Submission | FragmentFailed) -> None:
        self._entrance.send_nowait(item)
        self._admitted += 1

    def end(self) -> None:
        """Admit nothing more; what is in flight is still answered."""
        self._entrance.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Result:
        try:
            result = await self._exit.receive()
        except trio.EndOfChannel:
            raise StopAsyncIteration from None
        self._emitted += 1
        return result


@asynccontextmanager
async def open_stream(
    config: StreamConfig,
    collaborators: Collaborators,
    *,
    entrance_capacity: int,
    answer_margin_s: float = 0.5,
    intensity: Intensity = STREAM_INTENSITY,
    on_restart: Callable[[str, Exception | None], None] | None = None,
) -> AsyncIterator[Stream]:
    """Run the line for one stream.

    Leaving the block cancels whatever is still in flight, so end the stream and take its results to the
    end inside it. A stage that fails more often than `intensity` allows ends the stream.

    Args:
        config: what the client asked for.
        collaborators: the shared models.
        entrance_capacity: fragments that may wait before the first actor; more is `trio.WouldBlock`.
        answer_margin_s: how long before the client's own timeout an answer is given.
        intensity: restarts allowed within the stream.
        on_restart: told of each restart, with the actor's name and the cause.

    Raises:
        supervision.RestartIntensityExceeded: after the block, where the stream failed.
    """
    prefix = f"stream/{config.stream_id}"
    its = collaborators
    submitted: Pipe[Submission | FragmentFailed] = open_channel(f"{prefix}/submitted", entrance_capacity)
    fragments: Pipe[Fragment | FragmentFailed] = open_channel(f"{prefix}/fragments", 1)
    transcripts: Pipe[Transcript | FragmentFailed] = open_channel(f"{prefix}/transcripts", 1)
    translations: Pipe[Translation | FragmentFailed] = open_channel(f"{prefix}/translations", 1)
    speeches: Pipe[Result] = open_channel(f"{prefix}/speeches", 1)
    results: Pipe[Result] = open_channel(f"{prefix}/results", 1)

    def child(name: str, actor: Callable[[], Awaitable[None]], inbox: Pipe[Any], outbox: Pipe[Any]) -> Child:
        return Child(name=name, run=actor, owns=(inbox[1], outbox[0]))

    run_session = partial(session, submitted[1], fragments[0], its.asr_limits, its.compute)
    run_asr = partial(asr, fragments[1], transcripts[0], its.recogniser, config, its.asr_limits, its.compute)
    run_translation = partial(
        translation, transcripts[1], translations[0], its.translator, config, its.translation_limits
    )
    run_tts = partial(
        tts, translations[1], speeches[0], its.synthesiser, config, its.voicing, its.tts_limits, its.compute
    )
    run_sequencer = partial(sequencer, speeches[1], results[0], Reorder())
    line = (
        child("session", run_session, submitted, fragments),
        child("asr", run_asr, fragments, transcripts),
        child("translation", run_translation, transcripts, translations),
        child("tts", run_tts, translations, speeches),
        child("sequencer", run_sequencer, speeches, results),
    )
    async with open_supervisor(prefix, intensity=intensity, on_restart=on_restart) as supervisor:
        for actor in line:
            supervisor.start_soon(actor)
        try:
            yield Stream(config, submitted[0], results[1], answer_margin_s=answer_margin_s)
        finally:
            submitted[0].close()
            results[1].close()
            supervisor.cancel()
