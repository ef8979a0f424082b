"""One-shot replies between actors: ask, and get exactly one answer or the reason why there is none."""

import logging
import math
from collections.abc import Awaitable, Callable, Hashable
from contextlib import suppress
from typing import Any, Generic, Protocol, TypeVar

import trio

log = logging.getLogger("supervision")

Q = TypeVar("Q")
A = TypeVar("A")
Q_contra = TypeVar("Q_contra", contravariant=True)


class NoReply(Exception):  # noqa: N818 - a statement, not a fault of the asker's
    """Whoever had the request in hand went away without answering."""


class Expired(Exception):  # noqa: N818 - idem
    """The request's deadline passed before there was an answer."""


class _Answer(Generic[A]):
    """The asker's half: where the answer goes. The asker holds this alone, never the request."""

    def __init__(self, token: trio.lowlevel.TrioToken | None = None) -> None:
        self.token = token
        self.settled = trio.Event()
        self.withdrawn = False
        self.on_withdraw: Callable[[], None] | None = None
        self.error: Exception | None = None
        self.value: A

    def settle(self, error: Exception) -> None:
        if not self.settled.is_set():
            self.error = error
            self.settled.set()

    def withdraw(self) -> None:
        if not self.settled.is_set() and not self.withdrawn:
            self.withdrawn = True
            callback, self.on_withdraw = self.on_withdraw, None
            if callback is not None:
                callback()

    async def wait(self) -> A:
        await self.settled.wait()
        if self.error is not None:
            raise self.error
        return self.value


class Request(Generic[Q, A]):
    """A question with room for one answer; the first answer counts, later ones are dropped.

    Made by `ask`. A request that nobody holds any more can never be answered: its asker gets `NoReply` then,
    so that closing a channel with requests in it strands no one.

    Attributes:
        payload: the question.
        stream: on whose behalf it is asked; the scheduler is fair among these.
        deadline: `trio.current_time()` after which nobody wants the answer.
        batch_key: requests with equal keys may be served together.
    """

    def __init__(
        self,
        payload: Q,
        *,
        stream: str = "",
        deadline: float = math.inf,
        batch_key: Hashable = None,
        answer: _Answer[A] | None = None,
    ) -> None:
        self._answer: _Answer[A] = _Answer() if answer is None else answer
        self.payload = payload
        self.stream = stream
        self.deadline = deadline
        self.batch_key = batch_key

    def __repr__(self) -> str:
        # The payload may be large, and private.
        return f"<Request of {self.stream or 'nobody'} until {self.deadline:g}>"

    def __del__(self) -> None:
        answer = self._answer
        if answer.token is not None and not answer.settled.is_set() and not answer.withdrawn:
            # This may be the garbage collector's doing, in whichever thread it runs: pass it to Trio's own.
            lost = NoReply("the request was dropped before it was answered")
            with suppress(trio.RunFinishedError):
                answer.token.run_sync_soon(answer.settle, lost)

    @property
    def withdrawn(self) -> bool:
        """Whether the asker has left without an answer: serving it any further is wasted."""
        return self._answer.withdrawn

    @property
    def answered(self) -> bool:
        """Whether it has its answer, be it an error."""
        return self._answer.settled.is_set()

    def reply(self, value: A) -> None:
        """Answer it."""
        if not self.answered:
            self._answer.value = value
            self._answer.settled.set()

    def fail(self, error: Exception) -> None:
        """Answer it with an error, raised at the asker."""
        self._answer.settle(error)

    def on_withdraw(self, callback: Callable[[], None] | None) -> None:
        """Call `callback`, once, when the asker leaves without an answer. It replaces any set before.

        A queue forgets the request then; a server stops working on it.
        """
        self._answer.on_withdraw = callback


class Inbox(Protocol[Q_contra]):
    """Where requests go: a memory channel's sending end or a scheduler's queue."""

    async def send(self, request: Q_contra, /) -> None:
        """Hand it over, waiting for room."""


async def ask(
    inbox: Inbox[Request[Q, A]],
    payload: Q,
    *,
    stream: str = "",
    deadline: float = math.inf,
    batch_key: Hashable = None,
) -> A:
    """Ask and wait for the answer.

    Leaving early, by cancellation or at the deadline, withdraws the request, queued or in hand.

    Args:
        inbox: a memory channel's sending end, or a `RequestQueue`.
        payload: the question.
        stream: on whose behalf.
        deadline: until when the answer is worth having, by Trio's clock.
        batch_key: requests with equal keys may be served together.

    Raises:
        NoReply: the server went away with the request in hand, or before taking it.
        Expired: the deadline passed.
        Exception: what the server failed the request with.
    """
    answer: _Answer[A] = _Answer(trio.lowlevel.current_trio_token())
    try:
        with trio.move_on_at(deadline):
            try:
                # No name for it here: only the server's side may keep it alive (see Request).
                await inbox.send(
                    Request(payload, stream=stream, deadline=deadline, batch_key=batch_key, answer=answer)
                )
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                raise NoReply("nobody is there to answer") from None
            return await answer.wait()
    finally:
        answer.withdraw()
    raise Expired("no answer before the deadline")


async def serve(
    inbox: trio.MemoryReceiveChannel[Request[Q, A]], handler: Callable[[Q], Awaitable[A]]
) -> None:
    """Answer requests one at a time until the end of input.

    An exception of the handler's goes to the asker. An asker that leaves cancels the handler's work on its
    request. Cancelled, the request in hand gets `NoReply`, and those queued stay for the next server. A
    request whose asker has left or whose deadline has passed is skipped.
    """
    async for request in inbox:
        if request.withdrawn:
            continue
        if request.deadline <= trio.current_time():
            request.fail(Expired("the deadline passed while the request waited"))
            continue
        await _serve_one(request, handler)


async def _serve_one(request: Request[Q, Any], handler: Callable[[Q], Awaitable[Any]]) -> None:
    try:
        with trio.CancelScope() as scope:
            request.on_withdraw(scope.cancel)
            request.reply(await handler(request.payload))
    except Exception as error:
        if request.withdrawn:
            log.exception("a request failed after its asker had left")
        request.fail(error)
    finally:
        request.on_withdraw(None)
        request.fail(NoReply("the server went away with the request in hand"))
