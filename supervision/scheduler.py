"""Who may run an inference now: a device is a budget of tokens, and every batch costs some.

    scheduler = TokenScheduler("gpu0", tokens=8)
    queue = scheduler.open_queue("asr", cost=3, max_batch=8)
    ...
    answer = await ask(queue, audio, stream="match-7", deadline=deadline, batch_key="en")  # any task
    ...
    while True:  # the model's actor
        with await queue.next_batch() as batch:
            for request, answer in zip(batch.requests, await run(batch)):
                request.reply(answer)

Tokens return when the batch's block is left: when the work has truly ended, whoever has stopped waiting.
"""

import math
from collections.abc import Hashable
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

import attrs
import trio

from supervision.fairness import FairBacklog
from supervision.reply import Expired, NoReply, Request

Q = TypeVar("Q")
A = TypeVar("A")


@attrs.frozen(kw_only=True)
class QueueStatistics:
    """A queue at this moment, and what it has done so far."""

    name: str
    waiting: int
    served: int
    batches: int
    expired: int
    withdrawn: int
    waited_s: float
    """All that served requests waited, added up."""


@attrs.frozen(kw_only=True)
class SchedulerStatistics:
    """A device at this moment."""

    name: str
    tokens: int
    tokens_free: int
    queues: tuple[QueueStatistics, ...]


@attrs.define(eq=False)
class _Turn:
    """A model actor waiting for a batch."""

    queue: "RequestQueue[Any, Any]"
    granted: trio.Event = attrs.field(factory=trio.Event)
    batch: "Batch[Any, Any] | None" = None


class TokenScheduler:
    """A device's tokens and the queues that spend them.

    When tokens come free they go to the queue with the earliest deadline waiting (then the earliest
    arrival). A queue whose batch does not fit yet is waited for, not overtaken: overtaking would starve the
    costly one.
    """

    def __init__(self, name: str, *, tokens: int) -> None:
        if tokens < 1:
            raise ValueError(f"a device needs at least one token, not {tokens}")
        self.name = name
        self.tokens = tokens
        self._free = tokens
        self._queues: list[RequestQueue[Any, Any]] = []
        self._turns: list[_Turn] = []

    def statistics(self) -> SchedulerStatistics:
        """What the device is doing."""
        return SchedulerStatistics(
            name=self.name,
            tokens=self.tokens,
            tokens_free=self._free,
            queues=tuple(queue.statistics() for queue in self._queues),
        )

    def open_queue(
        self,
        name: str,
        *,
        cost: int,
        max_batch: int = 1,
        max_waiting: int = 1024,
        linger_s: float = 0.0,
    ) -> "RequestQueue[Any, Any]":
        """A queue whose every batch costs `cost` tokens.

        Args:
            name: shown in statistics.
            cost: tokens for one batch, at most the device's.
            max_batch: the most requests of one batch.
            max_waiting: the most requests that wait here; `send` waits beyond that.
            linger_s: how long a granted batch waits to be filled; its tokens are held meanwhile.

        Raises:
            ValueError: the device could never grant a batch.
        """
        if not 1 <= cost <= self.tokens:
            raise ValueError(f"a batch of {name} costs {cost} tokens and {self.name} has {self.tokens}")
        if max_batch < 1 or max_waiting < 1:
            raise ValueError(f"{name} must hold and serve at least one request")
        queue: RequestQueue[Any, Any] = RequestQueue(
            self, name, cost=cost, max_batch=max_batch, max_waiting=max_waiting, linger_s=linger_s
        )
        self._queues.append(queue)
        return queue

    def _release(self, tokens: int) -> None:
        self._free += tokens
        self._dispatch()

    def _dispatch(self) -> None:
        """Grant whatever can be granted now."""
        for queue in {turn.queue for turn in self._turns}:
            queue.drop_expired()
        while True:
            ready = [(urgency, turn) for turn in self._turns if (urgency := turn.queue.urgency()) is not None]
            if not ready:
                return
            _, turn = min(ready, key=lambda pair: pair[0])
            if turn.queue.cost > self._free:
                return
            self._free -= turn.queue.cost
            self._turns.remove(turn)
            turn.batch = turn.queue.take_batch()
            turn.granted.set()

    def _forget(self, queue: "RequestQueue[Any, Any]") -> None:
        if queue in self._queues:
            self._queues.remove(queue)


class RequestQueue(Generic[Q, A]):
    """The mailbox of a model: `ask()` fills it, `next_batch()` empties it as the device allows."""

    def __init__(
        self,
        device: TokenScheduler,
        name: str,
        *,
        cost: int,
        max_batch: int,
        max_waiting: int,
        linger_s: float,
    ) -> None:
        self.name = name
        self.cost = cost
        self.max_batch = max_batch
        self._device = device
        self._max_waiting = max_waiting
        self._linger_s = linger_s
        self._backlog = FairBacklog()
        self._arrived: dict[Request[Q, A], float] = {}
        self._room = trio.lowlevel.ParkingLot()
        self._closed = False
        self._served = self._batches = self._expired = self._withdrawn = 0
        self._waited_s = 0.0

    def statistics(self) -> QueueStatistics:
        """What the queue is doing."""
        return QueueStatistics(
            name=self.name,
            waiting=len(self._backlog),
            served=self._served,
            batches=self._batches,
            expired=self._expired,
            withdrawn=self._withdrawn,
            waited_s=self._waited_s,
        )

    async def send(self, request: Request[Q, A], /) -> None:
        """Queue a request, waiting while the queue is full.

        Raises:
            trio.ClosedResourceError: the model is gone for good.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        while not self._closed and len(self._backlog) >= self._max_waiting:
            await self._room.park()
        if self._closed:
            raise trio.ClosedResourceError
        self._backlog.add(request)
        self._arrived[request] = trio.current_time()
        request.on_withdraw(lambda: self._forget(request))
        self._device._dispatch()  # noqa: SLF001 - device and queue are two halves of one
        await trio.lowlevel.cancel_shielded_checkpoint()

    async def next_batch(self) -> "Batch[Q, A]":
        """Wait for requests and for the tokens to serve them.

        Raises:
            trio.ClosedResourceError: the queue is closed.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._closed:
            raise trio.ClosedResourceError
        turn = _Turn(self)
        self._device._turns.append(turn)  # noqa: SLF001 - see send
        self._device._dispatch()  # noqa: SLF001 - see send
        if turn.batch is None:
            try:
                await turn.granted.wait()
            finally:
                # Cancelled while waiting, nothing was granted; a grant cannot be lost, for it wakes the task.
                if turn.batch is None:
                    self._device._turns.remove(turn)  # noqa: SLF001 - see send
        else:
            await trio.lowlevel.cancel_shielded_checkpoint()
        if turn.batch is None:
            raise trio.ClosedResourceError
        if self._linger_s and len(turn.batch.requests) < self.max_batch:
            await self._linger(turn.batch)
        return turn.batch

    async def _linger(self, batch: "Batch[Q, A]") -> None:
        complete = False
        try:
            await trio.sleep(self._linger_s)
            batch.requests += self._taken(
                tuple(self._backlog.take_more(self.max_batch - len(batch.requests), batch.key))
            )
            complete = True
        finally:
            if not complete:
                batch.close()

    def close(self) -> None:
        """Take no more; what waits gets `NoReply`."""
        self._closed = True
        for request in self._backlog.remove_if(lambda _: True):
            del self._arrived[request]
            request.fail(NoReply(f"{self.name} is gone"))
        self._room.unpark_all()
        for turn in [turn for turn in self._device._turns if turn.queue is self]:  # noqa: SLF001 - see send
            turn.granted.set()
        self._device._forget(self)  # noqa: SLF001 - see send

    def urgency(self) -> tuple[float, int] | None:
        """The most urgent that waits; for the device."""
        return self._backlog.urgency()

    def drop_expired(self) -> None:
        """Answer those whose deadline has passed, before they cost anything; for the device."""
        now = trio.current_time()
        for request in self._backlog.remove_if(lambda request: request.deadline <= now):
            del self._arrived[request]
            self._expired += 1
            request.fail(Expired("the deadline passed while the request waited"))
            self._room.unpark()

    def take_batch(self) -> "Batch[Q, A]":
        """The next batch, its tokens already taken; for the device."""
        self._batches += 1
        return Batch(self, self._device, self._taken(self._backlog.take(self.max_batch)))

    def _taken(self, requests: tuple[Request[Any, Any], ...]) -> tuple[Request[Any, Any], ...]:
        now = trio.current_time()
        for request in requests:
            request.on_withdraw(None)
            self._waited_s += now - self._arrived.pop(request)
            self._served += 1
            self._room.unpark()
        return requests

    def _forget(self, request: Request[Q, A]) -> None:
        if self._arrived.pop(request, None) is None:
            return
        self._backlog.discard(request)
        self._withdrawn += 1
        self._room.unpark()
        # It may have been the one that the device was saving tokens for.
        self._device._dispatch()  # noqa: SLF001 - see send


class Batch(Generic[Q, A]):
    """Requests to serve together, and the tokens to do so; a context manager.

    On leaving, the tokens go back, and a request that was not answered gets `NoReply`.
    """

    def __init__(
        self, queue: RequestQueue[Q, A], device: TokenScheduler, requests: tuple[Request[Q, A], ...]
    ) -> None:
        self.requests = requests
        self._cost = queue.cost
        self._name = queue.name
        self._device = device
        self._open = True

    @property
    def key(self) -> Hashable:
        """The batch key of all its requests."""
        return self.requests[0].batch_key

    @property
    def deadline(self) -> float:
        """When nobody wants an answer of this batch any more."""
        return max((request.deadline for request in self.requests), default=math.inf)

    def close(self) -> None:
        """Give the tokens back."""
        if self._open:
            self._open = False
            for request in self.requests:
                request.fail(NoReply(f"{self._name} went away with the request in hand"))
            self._device._release(self._cost)  # noqa: SLF001 - device and batch are two halves of one

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
