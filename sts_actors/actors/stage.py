"""What every stage shares: one fragment at a time, failures as values, a deadline for each."""

import math
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

import attrs
import trio

from sts_actors.errors import ErrorCode, ServiceError, Stage
from sts_actors.inference import Inference, noting
from sts_actors.messages import Fragment, FragmentFailed, FragmentHeader, Transcript, Translation
from sts_actors.witness import UNSEEN, Abandoned, Product, StreamWitness, Work


class HasHeader(Protocol):
    """Anything that travels down the line."""

    @property
    def header(self) -> FragmentHeader:
        """Whose it is."""


T = TypeVar("T", bound=HasHeader)
U = TypeVar("U", bound=Product)
V = TypeVar("V")

Pipe = tuple[trio.MemorySendChannel[V], trio.MemoryReceiveChannel[V]]
"""Both ends of a channel between two actors."""


@attrs.frozen(kw_only=True)
class StageLimits:
    """`timeout_s` bounds one fragment's stay in a stage, on top of the fragment's own deadline.

    `witness` is told when the stage is through with one.
    """

    timeout_s: float = math.inf
    witness: StreamWitness = UNSEEN


async def run_stage(
    inbox: trio.MemoryReceiveChannel[T | FragmentFailed],
    outbox: trio.MemorySendChannel[U | FragmentFailed],
    work: Callable[[T], Awaitable[U]],
    *,
    stage: Stage,
    limits: StageLimits,
    on_failure: Callable[[FragmentFailed], U | FragmentFailed] | None = None,
    name: str | None = None,
    language: str = "",
) -> None:
    """Take fragments from `inbox` until its end, and send exactly one result each to `outbox`.

    `on_failure` is told of each failure, be it from an earlier stage or of this one, before it goes on, and
    says what goes on in its place. The witness knows the stage by `name`, and what it works on by `language`.

    A `ServiceError` out of `work` and a missed deadline become a `FragmentFailed`. Any other exception is
    a bug: the fragment fails as `UNKNOWN_ERROR` and the exception then ends the actor, so that its
    supervisor logs it and starts it anew with clean state. The channels are neither opened nor closed here.
    """
    async for item in inbox:
        result: U | FragmentFailed
        bug: Exception | None = None
        if isinstance(item, FragmentFailed):
            result = item
        else:
            called = name or stage.value
            with _telling_what_is_abandoned(item.header, called, language, limits.witness) as (began, asked):
                result, bug = await _attempt(item, work, stage=stage, limits=limits)
            limits.witness.worked(
                Work(
                    header=result.header,
                    stage=called,
                    language=language,
                    began=began,
                    ended=trio.current_time(),
                    product=result,
                    inferences=tuple(asked),
                )
            )
        if isinstance(result, FragmentFailed) and on_failure is not None:
            result = on_failure(result)
        # Outside the except block: a cancelled send there would lose the error.
        await outbox.send(result)
        if bug is not None:
            raise bug


@contextmanager
def _telling_what_is_abandoned(
    header: FragmentHeader, stage: str, language: str, witness: StreamWitness
) -> Iterator[tuple[float, list[Inference]]]:
    """The moment that the work begins, and what is asked of engines for it."""
    began = trio.current_time()
    with noting(header.traceparent) as asked:
        try:
            yield began, asked
        except trio.Cancelled:
            witness.abandoned(
                Abandoned(
                    header=header,
                    stage=stage,
                    language=language,
                    began=began,
                    ended=trio.current_time(),
                    inferences=tuple(asked),
                )
            )
            raise


async def _attempt(
    item: T, work: Callable[[T], Awaitable[U]], *, stage: Stage, limits: StageLimits
) -> tuple[U | FragmentFailed, Exception | None]:
    deadline = min(item.header.deadline, trio.current_time() + limits.timeout_s)
    try:
        with trio.fail_at(deadline):
            # A late fragment must not start: without this check, work that never waits would still run.
            await trio.lowlevel.checkpoint_if_cancelled()
            return await work(item), None
    except trio.TooSlowError:
        overdue_ms = round((trio.current_time() - item.header.received) * 1000)
        message = f"{stage} was not done {overdue_ms} ms after the fragment came in"
        return failed(item, stage, ServiceError(ErrorCode.TIMEOUT, message)), None
    except ServiceError as error:
        return failed(item, stage, error), None
    except Exception as error:  # noqa: BLE001 - a bug in a stage costs its fragment, and is raised by the caller
        unknown = ServiceError(ErrorCode.UNKNOWN_ERROR, f"internal error in {stage}")
        return failed(item, stage, unknown), error


def failed(item: HasHeader, stage: Stage, error: ServiceError) -> FragmentFailed:
    """The value that `item` becomes; keeps what is known of it so far."""
    translation = item if isinstance(item, Translation) else None
    heard: HasHeader = item if translation is None else translation.transcript
    transcript = heard if isinstance(heard, Transcript) else None
    source, answer = None, None
    if isinstance(heard, Fragment):
        source, answer = heard.pcm, heard.answer
    elif transcript is not None:
        source, answer = transcript.source, transcript.answer
    return FragmentFailed(
        header=item.header,
        stage=stage,
        code=error.code,
        message=error.message,
        retryable=error.retryable,
        source=source,
        answer=answer,
        transcript=transcript,
        translation=translation,
    )
