"""A stream's life as its worker sees it: from `stream:init` to `stream:complete`, every fragment answered."""

import logging
from collections.abc import Mapping
from typing import Any, Literal
from uuid import uuid4

import attrs
import trio

from sts_actors.actors.stream import Stream, open_stream
from sts_actors.answering import Answering
from sts_actors.dubbing import Dubbing
from sts_actors.errors import ErrorCode, ServiceError
from sts_actors.levels import Levels
from sts_actors.messages import FragmentHeader
from sts_actors.outlet import PAYLOAD_BYTES, Outlet
from sts_actors.replies import Reply, named, read_or_error, refusal, unplaced
from sts_actors.wire import answers
from sts_actors.wire.fragments import (
    EncodedAudio,
    Named,
    parse_arrival,
    parse_named,
)
from sts_actors.wire.opening import Opening, parse_opening
from sts_actors.wire.ordering import Kind
from sts_actors.wire.session_states import Event, Refusal, State, next_state
from sts_actors.wire.tail import Tail
from sts_actors.witness import UNSEEN, StreamWitness
from supervision import RestartIntensityExceeded

log = logging.getLogger(__name__)

MODELS_WAIT_S = 8.0
"""How long `stream:init` waits for models that still load; workers give up on `stream:ready` after 10."""

_OUT_OF_PLACE = {
    ErrorCode.INVALID_CONFIG: "this connection has a stream already",
    ErrorCode.STREAM_PAUSED: "the stream is paused; send stream:resume first",
}
_NOT_OPEN = "send stream:init first and wait for stream:ready"
_OVER = "the stream has ended"


class Session:
    """One worker's stream. What it says goes to its `outlet`.

    `init`, `fragment` and the rest are called with what the worker sends; none waits for a model. `run` is
    the stream itself, in a task of its own.
    """

    def __init__(self, outlet: Outlet, dubbing: Dubbing, headers: Mapping[str, str | None]) -> None:
        self.state = State.CONNECTED
        self.session_id = uuid4().hex
        self.opening: Opening | None = None
        self._dubbing = dubbing
        self._headers = headers
        self._stream: Stream | None = None
        self._answering = Answering(outlet, dubbing)
        self._levels = Levels(self._answering, dubbing)
        self._drain = trio.CancelScope()
        self._ended_by: Literal["worker", "service"] | None = None
        self._witness: StreamWitness | None = None

    @property
    def outlet(self) -> Outlet:
        """Where it speaks; another one, once its connection is one that may come back."""
        return self._answering.outlet

    @outlet.setter
    def outlet(self, outlet: Outlet) -> None:
        self._answering.outlet = outlet

    @property
    def notice(self) -> dict[str, Any] | None:
        """The `warning` that the service has ended the stream; None where it has not."""
        if self._ended_by != "service" or self.opening is None:
            return None
        return self._notice(self.opening.config.stream_id)

    @property
    def unanswered(self) -> list[tuple[str, int, str]]:
        """See `Answering`."""
        return self._answering.unanswered

    def check(self, event: Event) -> State:
        """Where `event` would lead now.

        Raises:
            ServiceError: it may not happen.
        """
        target = next_state(self.state, event)
        if isinstance(target, Refusal):
            if target.code is ErrorCode.STREAM_NOT_FOUND and self._ended_by != "worker":
                self._dubbing.drain.check()
            early = self.state in {State.CONNECTED, State.OPENING}
            raise ServiceError(target.code, _OUT_OF_PLACE.get(target.code, _NOT_OPEN if early else _OVER))
        return target

    def step(self, event: Event) -> None:
        """Let `event` happen.

        Raises:
            ServiceError: it may not now; nothing has changed.
        """
        self.state = self.check(event)
        if self._witness is not None:
            self._witness.stands(self.state)

    # -- what the worker sends ------------------------------------------------------------------------------

    async def init(self, data: Any) -> Opening | None:
        """Read what the worker asks for; where that can be had, the caller has `run` run next."""
        try:
            self._dubbing.drain.check()
            self.check(Event.INIT)
            opening = parse_opening(
                data, headers=self._headers, defaults=self._dubbing.defaults, new_id=lambda: uuid4().hex
            )
            self._dubbing.check_room()
            self.step(Event.INIT)
        except ServiceError as error:
            await self.refuse(error)
            return None
        self.opening = opening
        return opening

    async def pause(self) -> None:
        """Refuse fragments until `resume`."""
        await self._obey(Event.PAUSE)

    async def resume(self) -> None:
        """Take fragments again."""
        await self._obey(Event.RESUME)

    async def end(self) -> None:
        """Take no more; what is in flight is answered until the drain deadline."""
        if self._ended_by == "service" or (
            self.opening is not None
            and self.opening.resume
            and self.state in {State.DRAINING, State.COMPLETE}
        ):
            return  # the one cannot know yet that it was; the other, come back, whether it said so already
        if await self._obey(Event.END) and self._stream is not None:
            self._ended_by = "worker"
            self._stream.end()
            self._drain.deadline = trio.current_time() + self._dubbing.settings.drain_timeout_s

    async def fragment(self, data: Any) -> None:
        """Admit or refuse a fragment; either way it is answered. Nothing here waits before it is admitted."""
        stream = self._stream
        try:
            if stream is None or self.state not in {State.READY, State.PAUSED}:
                self.check(Event.FRAGMENT)
                raise ServiceError(ErrorCode.STREAM_NOT_FOUND, _OVER)  # noqa: TRY301 - one place answers every refusal
            arrival = parse_arrival(data, stream.config)
        except ServiceError as error:
            await self._refuse_unplaced(parse_named(data), error)
            return
        audio = read_or_error(arrival, stream.config)
        place = stream.arrive(
            fragment_id=arrival.fragment_id,
            sequence_number=arrival.sequence_number,
            duration_ms=arrival.duration_ms,
            digest=str(audio).encode() if isinstance(audio, ServiceError) else audio.digest(),
            traceparent=self._dubbing.new_trace(),
        )
        header = place.header
        if place.admission.kind is Kind.CROWDED:
            crowded = ServiceError(
                ErrorCode.BACKPRESSURE_EXCEEDED, "too many fragments wait for their answers"
            )
            await self._refuse_unplaced(named(arrival), crowded)
            return
        reply = self._answering.replies[header.index] = Reply.to(arrival, header)
        if not isinstance(audio, ServiceError):
            self._answering.recording.received(header.index, audio.data, audio.label)
        fault = self._submit(stream, header, audio) if place.admission.wants_work else None
        if fault is not None:
            reply.told = True
            stream.refuse(refusal(header, fault))
            await self.refuse(fault, fragment_id=header.fragment_id)
            return
        if self._witness is not None and place.admission.wants_work:
            self._witness.admitted(header)
        acknowledgement = answers.acknowledged(header.fragment_id, stream.queue_depth)
        try:
            await self.outlet.say("fragment:ack", acknowledgement)
        finally:
            # Cut off or not: what a repeat is owed does not depend on its ack.
            stream.wake()
        await self._levels.tell(stream)

    # -- the stream -----------------------------------------------------------------------------------------

    async def run(self, opening: Opening, resume: answers.Resumable | None = None) -> bool:
        """Open the stream and answer its fragments until its end; False where it cannot be opened."""
        witness = self._dubbing.witness.opened(self.session_id, opening.config, worker_id=opening.worker_id)
        self._witness = self._answering.witness = witness
        try:
            return await self._run(opening, resume, witness)
        finally:
            self._witness, self._answering.witness = None, UNSEEN
            witness.closed()

    async def _run(self, opening: Opening, resume: answers.Resumable | None, witness: StreamWitness) -> bool:
        dubbing = self._dubbing

        def restarted(actor: str, cause: BaseException | None) -> None:
            # Whatever language it serves.
            dubbing.metrics.restarted(actor.rpartition("/")[2])
            witness.restarted(actor, cause)

        await self._wait_for_models()
        try:
            dubbing.drain.check()
            collaborators = dubbing.collaborators(opening.config, witness)
        except ServiceError as error:
            self.step(Event.REFUSED)
            await self.refuse(error)
            return False
        tails: list[Tail] = []
        try:
            async with open_stream(
                opening.config,
                collaborators,
                entrance_capacity=dubbing.thresholds.critical,
                answer_margin_s=dubbing.settings.answer_margin_ms / 1000,
                on_restart=restarted,
            ) as stream:
                with dubbing.listed(self.session_id, stream):
                    self._stream = stream
                    self._answering.recording = dubbing.artifacts.record(opening.config, self.session_id)
                    self.step(Event.OPENED)
                    await self.outlet.say(
                        "stream:ready",
                        answers.ready(
                            opening,
                            session_id=self.session_id,
                            engines=dubbing.models.engine_names(),
                            resume=resume,
                        ),
                    )
                    await self._answer_all(stream)
                    tails = await self._answering.tails(stream)
            ending = Event.RESULTS_OVER
        except RestartIntensityExceeded:
            log.exception("stream %s failed", opening.config.stream_id)
            ending = Event.FAILED
            fault = ServiceError(ErrorCode.UNKNOWN_ERROR, "the stream failed; open it again")
            await self._tell("error", answers.error(fault, stream_id=opening.config.stream_id))
        finally:
            self._stream = None
        self.step(ending)
        # Only now: the end of the results alone does not mean that the stream has ended well.
        summary = self._answering.summary(opening.config.stream_id)
        size = sum(len(audio) for _, audio, _ in tails) * 4 // 3
        await self._tell("stream:complete", answers.complete(summary, tails=tails), size=size)
        return True

    async def _wait_for_models(self) -> None:
        with trio.move_on_after(MODELS_WAIT_S):
            async with self._dubbing.drain.cutting_short():
                await self._dubbing.models.wait_ready()

    async def _answer_all(self, stream: Stream) -> None:
        with self._drain:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._levels.follow_memory, stream)
                nursery.start_soon(self._end_with_the_service, stream)
                async for due in stream:
                    await self._answering.answer(stream, due, self.refuse)
                    await self._levels.tell(stream)
                nursery.cancel_scope.cancel()
        if self._drain.cancelled_caught:
            left = ServiceError(
                ErrorCode.TIMEOUT, f"{stream.in_flight} fragments were still in flight at the drain deadline"
            )
            await self.outlet.say("error", answers.error(left, stream_id=stream.config.stream_id))
            await self._answering.give_up(stream, left)

    async def _end_with_the_service(self, stream: Stream) -> None:
        drain = self._dubbing.drain
        await drain.wait_begun()
        self._drain.deadline = min(self._drain.deadline, drain.deadline)
        if self.state is not State.DRAINING:
            self.step(Event.END)
            self._ended_by = "service"
            # Before its end: with nothing in flight that is the end of this task.
            await self.outlet.say("warning", self._notice(stream.config.stream_id))
            stream.end()

    def _notice(self, stream_id: str) -> dict[str, Any]:
        return answers.warning(self._dubbing.drain.warning, stream_id=stream_id)

    # -- refusals and levels --------------------------------------------------------------------------------

    async def refuse(self, error: ServiceError, *, fragment_id: str | None = None) -> None:
        """Tell the worker what it cannot have."""
        self._dubbing.metrics.rejected(error.code)
        if self._witness is None:
            self._dubbing.witness.turned_away(error)
        else:
            self._witness.refused(error, fragment_id)
        stream_id = None if self._stream is None else self._stream.config.stream_id
        await self.outlet.say("error", answers.error(error, stream_id=stream_id, fragment_id=fragment_id))

    async def tell_level(self) -> None:
        """Tell the present level of backpressure, whatever was told before."""
        if self._stream is not None:
            await self._levels.tell(self._stream, always=True)

    def _submit(
        self, stream: Stream, header: FragmentHeader, audio: EncodedAudio | ServiceError
    ) -> ServiceError | None:
        """Have a fragment worked on, or say why not."""
        try:
            self.check(Event.FRAGMENT)
            if isinstance(audio, ServiceError):
                return audio
            if not self._dubbing.thresholds.admits(stream.in_flight):
                critical = self._dubbing.thresholds.critical
                return ServiceError(
                    ErrorCode.BACKPRESSURE_EXCEEDED, f"{critical} fragments are in flight already"
                )
            stream.submit(header, audio.data, audio.label)
        except ServiceError as error:
            return error
        except trio.WouldBlock:
            return ServiceError(ErrorCode.BACKPRESSURE_EXCEEDED, "too many fragments wait")
        except (trio.ClosedResourceError, trio.BrokenResourceError):
            return ServiceError(ErrorCode.STREAM_NOT_FOUND, _OVER)
        return None

    async def _refuse_unplaced(self, who: Named | None, error: ServiceError) -> None:
        """Refuse a fragment that has no place in the order: its answer goes out at once."""
        await self.refuse(error, fragment_id=None if who is None else who.fragment_id)
        if who is not None:
            stream_id = "" if self.opening is None else self.opening.config.stream_id
            header = unplaced(who, stream_id, trio.current_time())
            reply = Reply(
                fragment_id=who.fragment_id,
                sequence_number=who.sequence_number,
                received=header.received,
                shape=who.shape,
            )
            failure = refusal(header, error)
            for target in () if self.opening is None else self.opening.config.targets:
                await self._answering.tell(attrs.evolve(failure, target_language=target), reply)
            if self.opening is None:
                await self._answering.tell(failure, reply)

    async def _obey(self, event: Event) -> bool:
        try:
            self.step(event)
        except ServiceError as error:
            await self.refuse(error)
            return False
        return True

    async def _tell(self, event: str, payload: dict[str, Any], *, size: int = 0) -> None:
        await self.outlet.tell(event, payload, size=size + PAYLOAD_BYTES)
