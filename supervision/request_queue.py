"""The mailbox of a model: `ask()` fills it, `next_batch()` empties it as the device allows."""

import math
from bisect import bisect_left
from typing import Generic, Protocol, TypeVar

import attrs
import trio

from supervision.batch import Batch
from supervision.fairness import FairBacklog, Waiting
from supervision.reply import Expired, NoReply, Request

Q = TypeVar("Q")
A = TypeVar("A")

WAIT_BOUNDS_S = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 15.0, 30.0)


@attrs.frozen(kw_only=True)
class QueueStatistics:
    """A queue at this moment, and what it has done since it was opened.

    Attributes:
        name: the queue's.
        capacity: the most that may wait in it.
        waiting: how many do.
        waiting_senders: tasks that wait to put one in.
        batches_running: granted and not done.
        served: requests handed out in batches.
        batch_sizes: how many batches there were of 1, 2, … requests.
        expired: dropped because their deadline had passed.
        withdrawn: left by their askers before they were served.
        waits: served requests by what they waited: how many at most `WAIT_BOUNDS_S[0]`, up to `[1]`, …,
            longer than the last.
        waited_s: what served requests waited, added up.
        longest_wait_s: the longest that one of them did.
    """

    name: str
    capacity: int
    waiting: int
    waiting_senders: int
    batches_running: int
    served: int
    batch_sizes: tuple[int, ...]
    expired: int
    withdrawn: int
    waits: tuple[int, ...]
    waited_s: float
    longest_wait_s: float

    @property
    def batches(self) -> int:
        """How many there were."""
        return sum(self.batch_sizes)


class Device(Protocol):
    """What a queue needs of the scheduler that opened it."""

    def next_number(self) -> int:
        """Number a request, in the order of all the device's."""

    def dispatch(self) -> None:
        """Grant what can be granted now."""

    def release(self, tokens: int) -> None:
        """Take tokens back."""

    def forget(self, queue: "RequestQueue[Q, A]", /) -> None:
        """Leave a queue out from now on."""


@attrs.define(eq=False)
class _Turn(Generic[Q, A]):
    """A model's actor that waits for a batch."""

    task: trio.lowlevel.Task | None = None
    batch: Batch[Q, A] | None = None


@attrs.define(eq=False)
class _Sender(Generic[Q, A]):
    """A task that waits to put a request in."""

    task: trio.lowlevel.Task
    request: Request[Q, A]
    admitted: bool = False


class RequestQueue(Generic[Q, A]):
    """Requests for one model; made by `TokenScheduler.open_queue`.

    It is fair inside and at its door: where it is full, the next request let in is one of the stream that has
    had least. Being owned by a supervisor's child, it outlives its server and keeps what is queued.
    """

    def __init__(
        self, device: Device, name: str, *, cost: int, max_batch: int, max_waiting: int, linger_s: float
    ) -> None:
        self.name = name
        self.cost = cost
        self.max_batch = max_batch
        self.max_waiting = max_waiting
        self._device = device
        self._linger_s = linger_s
        self._backlog = FairBacklog()
        self._waiting: dict[Request[Q, A], Waiting] = {}
        self._senders: list[_Sender[Q, A]] = []
        self._turns: list[_Turn[Q, A]] = []
        self._earliest = math.inf
        self._closed = False
        self._running = self._served = self._expired = self._withdrawn = 0
        self._batch_sizes = [0] * max_batch
        self._waits = [0] * (len(WAIT_BOUNDS_S) + 1)
        self._waited_s = self._longest_wait_s = 0.0

    def statistics(self) -> QueueStatistics:
        """What the queue is doing."""
        return QueueStatistics(
            name=self.name,
            capacity=self.max_waiting,
            waiting=len(self._backlog),
            waiting_senders=len(self._senders),
            batches_running=self._running,
            served=self._served,
            batch_sizes=tuple(self._batch_sizes),
            expired=self._expired,
            withdrawn=self._withdrawn,
            waits=tuple(self._waits),
            waited_s=self._waited_s,
            longest_wait_s=self._longest_wait_s,
        )

    async def send(self, request: Request[Q, A], /) -> None:
        """Queue a request, waiting while the queue is full.

        Raises:
            trio.ClosedResourceError: the model is gone for good.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._closed:
            raise trio.ClosedResourceError
        if len(self._backlog) < self.max_waiting:
            self._admit(request)
            self._device.dispatch()
            await trio.lowlevel.cancel_shielded_checkpoint()
            return
        sender = _Sender(trio.lowlevel.current_task(), request)
        self._senders.append(sender)

        def leave(_: object) -> trio.lowlevel.Abort:
            self._senders.remove(sender)
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(leave)
        if not sender.admitted:
            raise trio.ClosedResourceError

    async def next_batch(self) -> Batch[Q, A]:
        """Wait for requests and for the tokens to serve them; use the batch as a context manager.

        Cancelled, it leaves every request where it was and every token with the device.

        Raises:
            trio.ClosedResourceError: the queue is closed.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        while not self._closed:
            batch = await self._turn()
            if batch is None:
                continue
            batch.requests = tuple(request for request in batch.requests if not request.withdrawn)
            if batch.requests:
                return batch
            batch.close()
        raise trio.ClosedResourceError

    def close(self) -> None:
        """Take no more; what waits gets `NoReply`. A batch in hand may still be answered."""
        self._closed = True
        for waiting in self._backlog.remove_if(lambda _: True):
            self._drop(waiting.request, NoReply(f"{self.name} is gone"))
        senders, self._senders = self._senders, []
        for sender in senders:
            trio.lowlevel.reschedule(sender.task)
        self._wake_turns()
        self._device.forget(self)

    # The device's side.

    def urgency(self, now: float) -> tuple[float, int] | None:
        """The rank of its most urgent request; None where it has none to serve or nobody to serve it."""
        if self._turns:
            self._drop_expired(now)
        # Asked again: dropping lets others in, and whoever lingers for those is woken first.
        return self._backlog.due() if self._turns and self._ripe_at() <= now else None

    def grant(self) -> None:
        """Hand a batch to the actor that waits longest; its tokens have been taken."""
        requests = self._take_requests()
        self._batch_sizes[len(requests) - 1] += 1
        self._running += 1
        turn = self._turns.pop(0)
        turn.batch = Batch(self, requests)
        if turn.task is not None:
            trio.lowlevel.reschedule(turn.task)
        self._let_in()

    def done(self) -> None:
        """A batch has ended."""
        self._running -= 1
        self._device.release(self.cost)

    async def _turn(self) -> Batch[Q, A] | None:
        """Wait for a batch, or (None) until there is reason to look again."""
        turn: _Turn[Q, A] = _Turn()
        self._turns.append(turn)
        self._device.dispatch()
        if turn.batch is not None:
            await trio.lowlevel.cancel_shielded_checkpoint()
            return turn.batch

        def leave(_: object) -> trio.lowlevel.Abort:
            # At once, so that nothing can be granted to a task that has been cancelled.
            self._turns.remove(turn)
            return trio.lowlevel.Abort.SUCCEEDED

        turn.task = trio.lowlevel.current_task()
        ripe_at = self._ripe_at()
        # What is ripe already waits for tokens alone, and whoever returns those looks again.
        with trio.move_on_at(ripe_at if ripe_at > trio.current_time() else math.inf):
            await trio.lowlevel.wait_task_rescheduled(leave)
        return turn.batch

    def _ripe_at(self) -> float:
        """From when on a batch may be made of what waits: at once, or once it has lingered."""
        if not self._waiting:
            return math.inf
        if not self._linger_s or len(self._waiting) >= self.max_batch:
            return -math.inf
        return next(iter(self._waiting.values())).arrived + self._linger_s

    def _admit(self, request: Request[Q, A]) -> None:
        waiting = Waiting(request, trio.current_time(), self._device.next_number())
        self._backlog.add(waiting)
        self._waiting[request] = waiting
        self._earliest = min(self._earliest, request.deadline)
        request.on_withdraw(lambda: self._withdraw(waiting))
        if self._linger_s and len(self._waiting) == 1:
            # Whoever waits for a batch has to set its timer now.
            self._wake_turns()

    def _let_in(self) -> None:
        while self._senders and len(self._backlog) < self.max_waiting:
            sender = min(self._senders, key=lambda sender: self._backlog.next_start(sender.request.stream))
            self._senders.remove(sender)
            sender.admitted = True
            self._admit(sender.request)
            trio.lowlevel.reschedule(sender.task)
        if not self._waiting:
            self._backlog.start_afresh()

    def _wake_turns(self) -> None:
        """Have those that wait for a batch look again; one without a task yet is about to anyway."""
        for turn in list(self._turns):
            if turn.task is not None:
                self._turns.remove(turn)
                trio.lowlevel.reschedule(turn.task)

    def _take_requests(self) -> tuple[Request[Q, A], ...]:
        now = trio.current_time()
        requests = []
        for waiting in self._backlog.take(self.max_batch):
            request: Request[Q, A] = waiting.request
            del self._waiting[request]
            request.on_withdraw(None)
            waited_s = now - waiting.arrived
            self._waited_s += waited_s
            self._waits[bisect_left(WAIT_BOUNDS_S, waited_s)] += 1
            self._longest_wait_s = max(self._longest_wait_s, waited_s)
            requests.append(request)
        self._served += len(requests)
        return tuple(requests)

    def _drop_expired(self, now: float) -> None:
        if now < self._earliest:
            return
        for waiting in self._backlog.remove_if(lambda request: request.deadline <= now):
            self._expired += 1
            self._drop(waiting.request, Expired("the deadline passed while the request waited"))
        self._earliest = min((request.deadline for request in self._waiting), default=math.inf)
        self._let_in()

    def _drop(self, request: Request[Q, A], error: Exception) -> None:
        del self._waiting[request]
        request.on_withdraw(None)
        request.fail(error)

    def _withdraw(self, waiting: Waiting) -> None:
        del self._waiting[waiting.request]
        self._backlog.discard(waiting)
        self._withdrawn += 1
        self._let_in()
        # It may have been the one that the device was saving tokens for.
        self._device.dispatch()
