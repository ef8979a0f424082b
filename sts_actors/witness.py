"""Who is told what streams do, while they do it: the console's journal, the log, traces.

Telling is a plain call from the stream's own tasks: who is told must neither wait nor raise.
"""

from collections.abc import Sequence

import attrs

from sts_actors.errors import ErrorCode, ServiceError
from sts_actors.inference import Inference
from sts_actors.messages import Fragment, FragmentHeader, Result, StreamConfig, Transcript, Translation

Product = Fragment | Transcript | Translation | Result
"""What a stage makes of a fragment."""


@attrs.frozen(kw_only=True)
class Work:
    """One stage's work on one fragment.

    `stage` is the actor's name: `session`, `asr`, `translation`, `tts`; `language` the target's, empty where
    the work is for all. Between the end of the stage before and `began` the fragment waited in a channel.
    """

    header: FragmentHeader
    stage: str
    language: str = ""
    began: float
    ended: float
    product: Product
    inferences: tuple[Inference, ...] = ()
    """What engines were asked meanwhile."""

    @property
    def code(self) -> ErrorCode | None:
        """What it failed with here; None where it did not."""
        return getattr(self.product, "code", None)


@attrs.frozen(kw_only=True)
class Abandoned:
    """A stage's work on a fragment that was cancelled in the middle; as `Work`."""

    header: FragmentHeader
    stage: str
    language: str = ""
    began: float
    ended: float
    inferences: tuple[Inference, ...] = ()


class StreamWitness:
    """Is told of one stream. This one lets it pass; others override what they want to hear.

    The order for a fragment: `admitted` or `refused`, then `worked` by each stage, then `answered` once a
    language.
    """

    def stands(self, state: str) -> None:
        """The session's state has changed: `ready`, `paused`, `draining`, …; see `wire.session_states`."""

    def pressed(self, level: str) -> None:
        """Another level of backpressure was told."""

    def admitted(self, header: FragmentHeader) -> None:
        """A fragment was taken."""

    def refused(self, error: ServiceError, fragment_id: str | None) -> None:
        """The worker was told an error; `fragment_id` where it is about a fragment."""

    def worked(self, work: Work) -> None:
        """A stage is through with a fragment."""

    def abandoned(self, work: Abandoned) -> None:
        """A stage was stopped with a fragment in hand."""

    def answered(self, result: Result, elapsed_s: float) -> None:
        """A fragment's result in one language goes out, `elapsed_s` after the fragment came."""

    def restarted(self, actor: str, cause: BaseException | None) -> None:
        """An actor of the stream was started anew."""

    def closed(self) -> None:
        """The stream is over, whatever way; nothing is told after this."""


class Witness:
    """Is told of all streams."""

    def opened(self, session_id: str, config: StreamConfig, *, worker_id: str) -> StreamWitness:
        """A stream has opened; `session_id` is ours and unique."""
        del session_id, config, worker_id
        return UNSEEN

    def turned_away(self, error: ServiceError) -> None:
        """A worker that has no stream was told an error."""


UNSEEN = StreamWitness()


class Several(Witness):
    """Has each of several told, in order."""

    def __init__(self, witnesses: Sequence[Witness]) -> None:
        self._witnesses = tuple(witnesses)

    def opened(self, session_id: str, config: StreamConfig, *, worker_id: str) -> StreamWitness:
        """All of them are told of the stream."""
        return _SeveralOfOne(
            [each.opened(session_id, config, worker_id=worker_id) for each in self._witnesses]
        )

    def turned_away(self, error: ServiceError) -> None:
        """All of them are told."""
        for each in self._witnesses:
            each.turned_away(error)


class _SeveralOfOne(StreamWitness):
    def __init__(self, witnesses: Sequence[StreamWitness]) -> None:
        self._witnesses = tuple(witnesses)

    def stands(self, state: str) -> None:
        for each in self._witnesses:
            each.stands(state)

    def pressed(self, level: str) -> None:
        for each in self._witnesses:
            each.pressed(level)

    def admitted(self, header: FragmentHeader) -> None:
        for each in self._witnesses:
            each.admitted(header)

    def refused(self, error: ServiceError, fragment_id: str | None) -> None:
        for each in self._witnesses:
            each.refused(error, fragment_id)

    def worked(self, work: Work) -> None:
        for each in self._witnesses:
            each.worked(work)

    def abandoned(self, work: Abandoned) -> None:
        for each in self._witnesses:
            each.abandoned(work)

    def answered(self, result: Result, elapsed_s: float) -> None:
        for each in self._witnesses:
            each.answered(result, elapsed_s)

    def restarted(self, actor: str, cause: BaseException | None) -> None:
        for each in self._witnesses:
            each.restarted(actor, cause)

    def closed(self) -> None:
        for each in self._witnesses:
            each.closed()
