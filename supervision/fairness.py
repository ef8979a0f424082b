"""Which request is next: fair among streams, earliest deadline first among equals. Pure."""

from collections import deque
from collections.abc import Callable, Hashable
from typing import Any

import attrs

from supervision.reply import Request

PATIENCE_S = 30.0
"""Between queues a request counts as due this long after it came, if its deadline is not sooner.

Without it a request with a far deadline, or none, would wait for ever behind a queue whose are always near.
"""


REMEMBERED_STREAMS = 4096
"""How many streams with nothing waiting may be remembered; met only where new ones never stop coming."""


@attrs.frozen(eq=False)
class Waiting:
    """A request that waits, when it came, and its number among all the device's."""

    request: Request[Any, Any]
    arrived: float
    number: int

    @property
    def due(self) -> tuple[float, int]:
        """Its rank among the requests of other queues."""
        return min(self.request.deadline, self.arrived + PATIENCE_S), self.number


@attrs.define(eq=False)
class _Line:
    """A stream's requests, and the virtual time from which the first may be served."""

    start: int
    waiting: deque[Waiting] = attrs.field(factory=deque)


class FairBacklog:
    """Requests of many streams, taken one stream after the other.

    Start-time fair queueing: virtual time advances by one with each request served to a stream, and the
    stream that has had least is next, whoever asked more; among equals the earliest deadline, then the first
    to come. A stream that was idle starts at the present and saves nothing up. Within a stream the order of
    asking holds.
    """

    def __init__(self) -> None:
        self._lines: dict[str, _Line] = {}
        # Streams with nothing waiting that have had more than their share of the present.
        self._ahead: dict[str, int] = {}
        self._now = 0
        self._pruned = 0
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def next_start(self, stream: str) -> int:
        """The virtual time at which one more request of `stream` would be served."""
        line = self._lines.get(stream)
        if line is None:
            return max(self._now, self._ahead.get(stream, 0))
        return line.start + len(line.waiting)

    def add(self, waiting: Waiting) -> None:
        """Take in a request."""
        stream = waiting.request.stream
        line = self._lines.get(stream)
        if line is None:
            line = self._lines[stream] = _Line(start=self.next_start(stream))
        line.waiting.append(waiting)
        self._size += 1

    def due(self) -> tuple[float, int] | None:
        """The rank of the most urgent of all streams' first requests; None where nothing waits."""
        return min((line.waiting[0].due for line in self._lines.values()), default=None)

    def take(self, most: int) -> list[Waiting]:
        """Take up to `most` requests, the next and those after it that share its batch key."""
        taken: list[Waiting] = []
        while len(taken) < most:
            key = taken[0].request.batch_key if taken else None
            stream = self._next_stream(key, any_key=not taken)
            if stream is None:
                break
            line = self._lines[stream]
            taken.append(line.waiting.popleft())
            self._size -= 1
            self._now = max(self._now, line.start)
            line.start += 1
            self._close_if_empty(stream, line)
        return taken

    def remove_if(self, unwanted: Callable[[Request[Any, Any]], bool]) -> list[Waiting]:
        """Take out all requests of which `unwanted` is true, as if they had never been."""
        removed = []
        for stream, line in list(self._lines.items()):
            gone = [waiting for waiting in line.waiting if unwanted(waiting.request)]
            if gone:
                removed += gone
                line.waiting = deque(waiting for waiting in line.waiting if waiting not in gone)
                self._close_if_empty(stream, line)
        self._size -= len(removed)
        return removed

    def discard(self, waiting: Waiting) -> None:
        """Take out one request."""
        stream = waiting.request.stream
        line = self._lines[stream]
        line.waiting.remove(waiting)
        self._size -= 1
        self._close_if_empty(stream, line)

    def start_afresh(self) -> None:
        """Forget who has had how much: for when nobody waits, so that nobody has had less than they asked."""
        self._ahead.clear()

    def _next_stream(self, key: Hashable, *, any_key: bool) -> str | None:
        best: tuple[int, float, int] | None = None
        chosen: str | None = None
        for stream, line in self._lines.items():
            head = line.waiting[0]
            if any_key or head.request.batch_key == key:
                rank = (line.start, head.request.deadline, head.number)
                if best is None or rank < best:
                    best, chosen = rank, stream
        return chosen

    def _close_if_empty(self, stream: str, line: _Line) -> None:
        if line.waiting:
            return
        del self._lines[stream]
        self._ahead[stream] = line.start
        if self._now > self._pruned:
            # What the present has overtaken says nothing any more.
            self._pruned = self._now
            self._ahead = {name: start for name, start in self._ahead.items() if start > self._now}
        elif len(self._ahead) > REMEMBERED_STREAMS:
            del self._ahead[next(iter(self._ahead))]
