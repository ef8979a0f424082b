"""The model actor: takes batches as the device allows, runs them, answers each request."""

from collections.abc import Callable, Hashable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, NoReturn, Protocol, TypeVar

import attrs
import trio

from sts_actors.engines.ports import Asker, EngineInfo
from sts_actors.errors import ErrorCode, ServiceError, Stage
from sts_actors.inference import Inference, current_traceparent, note
from supervision import Expired, NoReply, RequestQueue, ask
from supervision.groups import own_error

Q = TypeVar("Q")
A = TypeVar("A")


@attrs.define(eq=False)
class Asked:
    """A request on its way through the queue, and what becomes known of the call that serves it."""

    request: Any = attrs.field(repr=False)
    traceparent: str
    since: float
    began: float | None = None
    ended: float | None = None
    batch_size: int = 1
    together: tuple[str, ...] = ()
    process: int | None = None

    def note(self, stage: Stage) -> None:
        """Have the call noted, if it has begun; told by the one who asked, who may not have waited for it."""
        if self.began is None:
            return
        note(
            Inference(
                stage=stage.value,
                asked=self.since,
                began=self.began,
                ended=trio.current_time() if self.ended is None else self.ended,
                done=self.ended is not None,
                batch_size=self.batch_size,
                together=self.together,
                process=self.process,
            )
        )


class Runner(Protocol):
    """A loaded engine, wherever it runs."""

    @property
    def info(self) -> EngineInfo:
        """What it can do."""

    async def run(self, batch: Sequence[Any], deadline: float) -> Sequence[Any]:
        """Serve a batch: one value or `EngineError` for each request, in order.

        One in a process of its own has a `pid`, and is `latest`ly from when to when it worked there.

        Raises:
            Exception: the engine is of no use any more; it is opened anew.
        """


OpenRunner = Callable[[], AbstractAsyncContextManager[Runner]]
"""Loads an engine for the length of a block."""


async def model(
    queue: RequestQueue[Any, Any],
    open_runner: OpenRunner,
    loaded: Callable[[EngineInfo], None],
    batches_at_once: int = 1,
) -> None:
    """Serve `queue` for ever with the engine that `open_runner` loads; `loaded` is told when it is.

    An engine that waits for a service elsewhere is given several batches at once.

    One request that fails is its asker's; an engine that dies takes the batch in hand with it (the askers get
    `NoReply`) and ends the actor, so that its supervisor opens it anew. What is queued waits for that.
    """
    async with open_runner() as runner:
        loaded(runner.info)
        if batches_at_once == 1:
            await _serve_batches(queue, runner)
        try:
            async with trio.open_nursery() as nursery:
                for _ in range(batches_at_once):
                    nursery.start_soon(_serve_batches, queue, runner)
        except BaseExceptionGroup as group:
            raise own_error(group, None) from None


async def _serve_batches(queue: RequestQueue[Any, Any], runner: Runner) -> NoReturn:
    while True:
        with await queue.next_batch() as batch:
            asked = [request.payload for request in batch.requests]
            began = trio.current_time()
            for each in asked:
                each.began = began
            results = await runner.run([each.request for each in asked], batch.deadline)
            _note_times(runner, asked, began)
            for request, result in zip(batch.requests, results, strict=True):
                if isinstance(result, Exception):
                    request.fail(result)
                else:
                    request.reply(result)


def _note_times(runner: Runner, asked: Sequence[Asked], began: float) -> None:
    began, ended = getattr(runner, "latest", (began, trio.current_time()))
    traces = [each.traceparent for each in asked]
    for place, each in enumerate(asked):
        each.began, each.ended = began, ended
        each.batch_size = len(asked)
        each.process = getattr(runner, "pid", None)
        each.together = tuple(filter(None, traces[:place] + traces[place + 1 :]))


def make_asker(
    queue: RequestQueue[Any, Any], stage: Stage, *, key: Callable[[Any], Hashable]
) -> Asker[Any, Any]:
    """The line's side of a queue; `key` tells which requests may be served together.

    A model that dies is asked once more, inside the deadline: inference can be repeated, and the model is
    being loaded anew.
    """

    async def asker(request: Any, /, *, stream: str, deadline: float) -> Any:
        for last in (False, True):
            asked = Asked(request, current_traceparent(), trio.current_time())
            try:
                return await ask(queue, asked, stream=stream, deadline=deadline, batch_key=key(request))
            except NoReply:
                if last:
                    break
            except Expired:
                raise ServiceError(ErrorCode.TIMEOUT, f"{stage} was not done in time") from None
            finally:
                asked.note(stage)
        raise ServiceError(ErrorCode.MODEL_UNAVAILABLE, f"the {stage} model died and is being loaded anew")

    return asker
