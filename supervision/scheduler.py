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

from typing import Any

import attrs
import trio

from supervision.batch import Batch
from supervision.census import Census
from supervision.request_queue import QueueStatistics, RequestQueue

__all__ = ["Batch", "QueueStatistics", "RequestQueue", "SchedulerStatistics", "TokenScheduler"]


@attrs.frozen(kw_only=True)
class SchedulerStatistics:
    """A device at this moment.

    `token_seconds` is how many tokens were in use for how long since the scheduler was made, added up: over a
    span of time, its growth ÷ (`tokens` · seconds) is the device's occupancy.
    """

    name: str
    tokens: int
    tokens_free: int
    token_seconds: float
    queues: tuple[QueueStatistics, ...]


class TokenScheduler:
    """A device's tokens and the queues that spend them.

    When tokens come free they go to the queue with the most urgent request: the one that is due first (at its
    deadline, or 30 s after it came). A queue whose batch does not fit yet is waited for, never overtaken:
    overtaking would starve the costly one. Among one queue's requests see `fairness`.
    """

    def __init__(self, name: str, *, tokens: int) -> None:
        if tokens < 1:
            raise ValueError(f"a device needs at least one token, not {tokens}")
        self.name = name
        self.tokens = tokens
        self._free = tokens
        self._numbered = 0
        self._queues: list[RequestQueue[Any, Any]] = []
        self._token_seconds = 0.0
        self._accounted: float | None = None
        SCHEDULERS.add(self, None)

    def statistics(self) -> SchedulerStatistics:
        """What the device is doing. Call it from inside the run."""
        self._account()
        return SchedulerStatistics(
            name=self.name,
            tokens=self.tokens,
            tokens_free=self._free,
            token_seconds=self._token_seconds,
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
    ) -> RequestQueue[Any, Any]:
        """A queue whose every batch costs `cost` tokens.

        Args:
            name: shown in statistics.
            cost: tokens for one batch, at most the device's.
            max_batch: the most requests of one batch.
            max_waiting: the most requests that wait here; `send` waits beyond that.
            linger_s: how long the first request may wait for others to fill its batch; no token is held
                meanwhile.

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

    # The queues' side.

    def next_number(self) -> int:
        """Number a request, in the order of all the device's."""
        self._numbered += 1
        return self._numbered

    def dispatch(self) -> None:
        """Grant whatever can be granted now."""
        now = trio.current_time()
        while True:
            urgent: RequestQueue[Any, Any] | None = None
            first: tuple[float, int] | None = None
            for queue in self._queues:
                due = queue.urgency(now)
                if due is not None and (first is None or due < first):
                    urgent, first = queue, due
            if urgent is None or urgent.cost > self._free:
                return
            self._account()
            self._free -= urgent.cost
            urgent.grant()

    def release(self, tokens: int) -> None:
        """Take tokens back."""
        self._account()
        self._free += tokens
        self.dispatch()

    def forget(self, queue: RequestQueue[Any, Any], /) -> None:
        """Leave a queue out from now on."""
        if queue in self._queues:
            self._queues.remove(queue)
            # The device may have been saving tokens for it.
            self.dispatch()

    def _account(self) -> None:
        now = trio.current_time()
        if self._accounted is not None:
            self._token_seconds += (self.tokens - self._free) * (now - self._accounted)
        self._accounted = now


SCHEDULERS: Census[TokenScheduler, None] = Census("supervision.schedulers")
"""Those of this run, for `task_tree`."""
