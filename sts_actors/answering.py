"""A stream's answers: each fragment's results, encoded, recorded, counted and told, once."""

from collections.abc import Awaitable
from typing import Protocol

import attrs
import trio

from sts_actors.actors.stream import Stream
from sts_actors.artifacts import Recording
from sts_actors.audio.codecs import encode
from sts_actors.dubbing import Dubbing
from sts_actors.errors import ErrorCode, ServiceError, ServiceWarning, WarningCode
from sts_actors.messages import FragmentFailed, Result, Results, StreamSummary
from sts_actors.outlet import PAYLOAD_BYTES, Outlet
from sts_actors.replies import Reply, refusal, unplaced
from sts_actors.tally import Tally
from sts_actors.wire import answers
from sts_actors.wire.fragments import AudioShape
from sts_actors.wire.ordering import Due
from sts_actors.wire.tail import Tail
from sts_actors.witness import UNSEEN, StreamWitness

_ALSO_TOLD = frozenset({ErrorCode.INVALID_AUDIO_FORMAT, ErrorCode.FRAGMENT_TOO_LARGE})
"""What is told as an `error` besides, wherever it comes to light."""


class Refuse(Protocol):
    """Tells a worker what it cannot have."""

    def __call__(self, error: ServiceError, *, fragment_id: str | None = None) -> Awaitable[None]:
        """`fragment_id`: the fragment that it is about, if it is about one."""


class Answering:
    """One session's. Whom to answer is noted in `replies` when a fragment comes, by its index."""

    def __init__(self, outlet: Outlet, dubbing: Dubbing) -> None:
        self.replies: dict[int, Reply] = {}
        self.recording = Recording()
        self.outlet = outlet
        self._dubbing = dubbing
        self._tally = Tally()
        self._warned: ServiceWarning | None = None
        self._untold: list[tuple[Reply, str]] = []
        self._shape = AudioShape.BYTES
        self.witness: StreamWitness = UNSEEN

    @property
    def unanswered(self) -> list[tuple[str, int, str]]:
        """Id and sequence number of what waits for its answer, in the order it came.

        And the language, where a fragment was answered in others already; else it is empty.
        """
        waiting = [*self._untold, *((reply, "") for reply in self.replies.values())]
        return [(reply.fragment_id, reply.sequence_number, language) for reply, language in waiting]

    def summary(self, stream_id: str) -> StreamSummary:
        """What it came to so far."""
        return self._tally.summary(stream_id)

    async def answer(self, stream: Stream, due: Due[Results], refuse: Refuse) -> None:
        """Answer a fragment, in all languages; `refuse` tells a fault of it as an `error` besides."""
        reply = self.replies[due.key]
        self._shape = reply.shape
        encoded = [await self._encoded(result) for result in due.result]
        # Until its answer is told, and from that very moment no more, it is one that has none.
        del self.replies[due.key]
        self._untold = [(reply, language) for language in stream.config.answer_languages]
        for result, audio in zip(due.result, encoded, strict=True):
            del self._untold[0]
            self.recording.answered(
                due.key,
                result,
                audio,
                fragment_id=reply.fragment_id,
                sequence_number=reply.sequence_number,
                processing_ms=(trio.current_time() - reply.received) * 1000,
            )
            await self.tell(result, reply, audio)
            if isinstance(result, FragmentFailed) and result.code in _ALSO_TOLD and not reply.told:
                reply.told = True
                fault = ServiceError(result.code, result.message)
                await refuse(fault, fragment_id=reply.fragment_id)
            await self._tell_quota(stream, result)

    async def _encoded(self, result: Result) -> bytes:
        """A dub as it goes out; of a failure, nothing."""
        if isinstance(result, FragmentFailed):
            if result.code is ErrorCode.GPU_OOM:
                self._dubbing.pressure.ran_out()
            return b""
        return await self._dubbing.compute(encode, result.pcm, result.translation.transcript.answer)

    async def _tell_quota(self, stream: Stream, result: Result) -> None:
        """Warn once that the translation's quota is running out, and again when it is used up."""
        near, told = self._dubbing.quota.warning, self._warned
        if isinstance(result, FragmentFailed) and result.code is ErrorCode.QUOTA_EXCEEDED:
            near = ServiceWarning(WarningCode.QUOTA_EXCEEDED, result.message)
        if near is not None and (told is None or told.code is not near.code):
            self._warned = near
            await self.outlet.say("warning", answers.warning(near, stream_id=stream.config.stream_id))

    async def tell(self, result: Result, reply: Reply, audio: bytes = b"") -> None:
        """Tell a result, and count it; `audio`: the dub as it goes out."""
        elapsed_s = trio.current_time() - reply.received
        self._tally.add(result, elapsed_s * 1000)
        self._dubbing.metrics.answered(result, elapsed_s)
        self.witness.answered(result, elapsed_s)
        payload = answers.processed(
            result,
            audio=audio,
            shape=reply.shape,
            processing_ms=elapsed_s * 1000,
            fragment_id=reply.fragment_id,
            pts_ns=reply.pts_ns,
        )
        await self.outlet.tell("fragment:processed", payload, size=len(audio) * 4 // 3 + PAYLOAD_BYTES)

    async def give_up(self, stream: Stream, error: ServiceError) -> None:
        """Answer with `error` whatever still waits for its answer, in the order of the fragments."""
        waiting = sorted(self.replies.values(), key=lambda reply: reply.sequence_number)
        config = stream.config
        self._untold += [(reply, language) for reply in waiting for language in config.answer_languages]
        self.replies.clear()
        while self._untold:
            reply, language = self._untold.pop(0)
            header = unplaced(reply, config.stream_id, trio.current_time())
            failure = refusal(attrs.evolve(header, duration_ms=reply.duration_ms), error)
            await self.tell(attrs.evolve(failure, target_language=language or config.target_language), reply)

    async def tails(self, stream: Stream) -> list[Tail]:
        """What was left when the last fragment had gone out, in the shape that its worker sent it in."""
        return [(tail, await self._encoded(tail), self._shape) for tail in stream.tails]
