"""A stream: one dubbing job as a supervised nursery of actors joined by bounded channels."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Self

import attrs
import trio

from sts_actors.actors.asr import asr
from sts_actors.actors.collaborators import Collaborators
from sts_actors.actors.intake import Intake
from sts_actors.actors.languages import languages
from sts_actors.actors.sequencer import Sequence, sequencer
from sts_actors.actors.session import session
from sts_actors.actors.stage import Pipe
from sts_actors.messages import (
    AudioFormat,
    Fragment,
    FragmentFailed,
    FragmentHeader,
    Result,
    Results,
    Speech,
    StreamConfig,
    Submission,
    Transcript,
)
from sts_actors.wire.ordering import Admission, Due, Ordering
from supervision import Child, Intensity, open_channel, open_supervisor

NOWHERE = -1
"""The index of a fragment that was too much even to be refused in its place."""
STREAM_INTENSITY = Intensity(restarts=3, period_s=60.0)


@attrs.frozen(kw_only=True)
class Place:
    """What became of an arriving fragment: how it will be answered, and the header it goes by."""

    admission: Admission
    header: FragmentHeader


class Stream:
    """The two ends of the line: fragments in, iterate over what answers them, exactly one answer each.

    Each fragment is told to `arrive` first; where that `wants_work`, it is then submitted or refused.
    Iteration ends after `end()` once everything admitted has been answered.
    """

    def __init__(
        self,
        config: StreamConfig,
        entrance: trio.MemorySendChannel[Submission],
        sequence: Sequence,
        intake: Intake,
        nudge: trio.MemorySendChannel[None],
        exit_: trio.MemoryReceiveChannel[Due[Results]],
        *,
        answer_margin_s: float,
    ) -> None:
        self.config = config
        self._entrance = entrance
        self._sequence = sequence
        self._intake = intake
        self._nudge = nudge
        self._exit = exit_
        self._answer_margin_s = answer_margin_s
        self._in_flight: set[int] = set()

    @property
    def in_flight(self) -> int:
        """Submitted and not yet taken as an answer."""
        return len(self._in_flight)

    @property
    def queue_depth(self) -> int:
        """Submitted fragments that no actor has taken in hand."""
        return self._entrance.statistics().current_buffer_used

    @property
    def tails(self) -> tuple[Speech, ...]:
        """What is left after the last fragment, by language; complete once iteration has ended."""
        tails = self._sequence.tails
        found = [tails[target] for target in self.config.targets if target in tails]
        return tuple(tail for tail in found if tail.pcm.size or tail.translation.transcript.text)

    def arrive(
        self,
        *,
        fragment_id: str,
        sequence_number: int,
        duration_ms: int,
        digest: bytes = b"",
        traceparent: str = "",
    ) -> Place:
        """Note a fragment as it is received; its deadline counts from now.

        Args:
            fragment_id: the client's.
            sequence_number: the client's.
            duration_ms: as the client declares it.
            digest: of all that decides its result; the same number and digest again is a repeat.
            traceparent: the trace that its work belongs to.
        """
        now = trio.current_time()
        deadline = now + self.config.timeout_ms / 1000 - self._answer_margin_s
        # Those before it that are late as well time out at this very moment: let them go first.
        latest = deadline + self._answer_margin_s / 4
        admission = self._sequence.ordering.arrived(sequence_number, digest, now, latest=latest)
        header = FragmentHeader(
            stream_id=self.config.stream_id,
            fragment_id=fragment_id,
            sequence_number=sequence_number,
            index=NOWHERE if admission.key is None else admission.key,
            duration_ms=duration_ms,
            received=now,
            deadline=deadline,
            traceparent=traceparent,
        )
        return Place(admission=admission, header=header)

    def submit(self, header: FragmentHeader, data: bytes, label: AudioFormat) -> None:
        """Admit a fragment that has arrived, without waiting; where that fails, refuse it.

        Raises:
            trio.WouldBlock: the entrance is full; nothing was admitted.
            trio.ClosedResourceError: after `end()`.
            trio.BrokenResourceError: the stream is failing.
        """
        self._entrance.send_nowait(Submission(header=header, data=data, label=label))
        self._intake.submitted += 1
        self._in_flight.add(header.index)

    def refuse(self, failure: FragmentFailed) -> None:
        """Answer a fragment that has arrived with `failure`, in its place."""
        self._sequence.refused(failure)
        self.wake()

    def wake(self) -> None:
        """Have what a repeat is owed sent."""
        # Full: the sequencer has something to take and will look. Closed or broken: there is no one to tell.
        with suppress(trio.WouldBlock, trio.ClosedResourceError, trio.BrokenResourceError):
            self._nudge.send_nowait(None)

    def end(self) -> None:
        """Take nothing more; what is in flight is still answered, nothing is held for what will not come."""
        self._intake.ended = True
        self._entrance.close()
        self._sequence.ordering.ended()
        self.wake()
        self._nudge.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Due[Results]:
        try:
            due = await self._exit.receive()
        except trio.EndOfChannel:
            raise StopAsyncIteration from None
        self._in_flight.discard(due.key)
        return due


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
    submitted: Pipe[Submission] = open_channel(f"{prefix}/submitted", entrance_capacity)
    fragments: Pipe[Fragment | FragmentFailed] = open_channel(f"{prefix}/fragments", 1)
    transcripts: Pipe[Transcript | FragmentFailed] = open_channel(f"{prefix}/transcripts", 1)
    speeches: Pipe[Result | None] = open_channel(f"{prefix}/speeches", 1)
    results: Pipe[Due[Results]] = open_channel(f"{prefix}/results", 1)
    sequence, nudge = Sequence(Ordering(), config.targets), speeches[0].clone()
    intake = Intake()
    line = [
        Child(
            name="session",
            run=partial(session, submitted[1], fragments[0], its.asr_limits, its.compute),
            owns=(submitted[1], fragments[0]),
        ),
        Child(
            name="asr",
            run=partial(
                asr, fragments[1], transcripts[0], its.recogniser, config, its.asr_limits, its.compute, intake
            ),
            owns=(fragments[1], transcripts[0]),
        ),
        *languages(config, its, prefix, transcripts[1], speeches[0]),
        Child(
            name="sequencer",
            run=partial(sequencer, speeches[1], results[0], sequence),
            owns=(speeches[1], results[0]),
        ),
    ]
    async with open_supervisor(prefix, intensity=intensity, on_restart=on_restart) as supervisor:
        for actor in line:
            supervisor.start_soon(actor)
        try:
            yield Stream(
                config, submitted[0], sequence, intake, nudge, results[1], answer_margin_s=answer_margin_s
            )
        finally:
            submitted[0].close()
            nudge.close()
            results[1].close()
            supervisor.cancel()
