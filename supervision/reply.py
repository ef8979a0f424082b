"""One-shot replies between actors: ask, and get exactly one answer or a reason why not."""

import math
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, Generic, Protocol, TypeVar

import trio

Q = TypeVar("Q")
A = TypeVar("A")
Q_contra = TypeVar("Q_contra", contravariant=True)


class NoReply(Exception):  # noqa: N818 - a statement, not a fault of the asker's
    """Whoever had the request in hand went away without answering."""


class Expired(Exception):  # noqa: N818 - idem
    """The request's deadline passed before there was an answer."""


class Request(Generic[Q, A]):
    """A question with room for one answer; the first answer counts, later ones are dropped.

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
    ) -> None:
        self.payload = payload
        self.stream = stream
        self.deadline = deadline
        self.batch_key = batch_key
        self._withdrawn = False
        self._answered = trio.Event()
        self._value: A | None = None
        self._error: Exception | None = None
        self._on_withdraw: Callable[[], None] | None = None

    def __repr__(self) -> str:
        # The payload may be large, and private.
        return f"<Request of {self.stream or 'nobody'} until {self.deadline:g}>"

    @property
    def withdrawn(self) -> bool:
        """Whether the asker has left: serving it any further is wasted."""
        return self._withdrawn

    @property
    def answered(self) -> bool:
        """Whether it has its answer."""
        return self._answered.is_set()

    def reply(self, value: A) -> None:
        """Answer it."""
        if not self.answered:
            self._value = value
            self._answered.set()

    def fail(self, error: Exception) -> None:
        """Answer it with an error, raised at the asker."""
        if not self.answered:
            self._error = error
            self._answered.set()

    def on_withdraw(self, callback: Callable[[], None] | None) -> None:
        """Call `callback` once when the asker leaves; a queue forgets the request then."""
        self._on_withdraw = callback

    def withdraw(self) -> None:
        """Give up asking."""
        self._withdrawn = True
        if self._on_withdraw is not None:
            self._on_withdraw()
            self._on_withdraw = None

    async def wait(self) -> A:
        """Wait for the answer."""
        await self._answered.wait()
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[return-value] # set by reply(), and None where A is None


class Inbox(Protocol[Q_contra]):
    """Where requests go: a memory channel's sending end or a scheduler's queue."""

    async def send(self, request: Q_contra, /) -> None:
        """Hand it over, waiting for room."""


async def ask(
    inbox: Inbox[Request[Q, Any]],
    payload: Q,
    *,
    stream: str = "",
    deadline: float = math.inf,
    batch_key: Hashable = None,
) -> Any:
    """Ask and wait for the answer.

    Leaving early, by cancellation or at the deadline, withdraws the request wherever it is.

    Raises:
        NoReply: the server went away with the request in hand, or before taking it.
        Expired: the deadline passed.
        Exception: what the server failed the request with.
    """
    request: Request[Q, Any] = Request(payload, stream=stream, deadline=deadline, batch_key=batch_key)
    try:
        with trio.fail_at(deadline):
            await inbox.send(request)
            return await request.wait()
    except trio.TooSlowError:
        raise Expired("no answer before the deadline") from None
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        raise NoReply("nobody is there to answer") from None
    finally:
        request.withdraw()


async def serve(
    inbox: trio.MemoryReceiveChannel[Request[Q, A]], handler: Callable[[Q], Awaitable[A]]
) -> None:
    """Answer requests one at a time until the end of input.

    An exception of the handler's goes to the asker. Cancelled, the request in hand gets `NoReply`, and those
    queued stay for the next server. A request whose asker has left or whose deadline has passed is skipped.
    """
    async for request in inbox:
        if request.withdrawn:
            continue
        if request.deadline <= trio.current_time():
            request.fail(Expired("the deadline passed while the request waited"))
            continue
        try:
            value = await handler(request.payload)
        except Exception as error:  # noqa: BLE001 - the asker's to judge
            request.fail(error)
        else:
            request.reply(value)
        finally:
            request.fail(NoReply("the server went away with the request in hand"))
