"""Which request is next: fair among streams, earliest deadline first among equals. Pure."""

from collections import deque
from collections.abc import Callable, Hashable, Iterator
from typing import Any

import attrs

from supervision.reply import Request


@attrs.define(eq=False)
class _Backlog:
    requests: deque[tuple[int, Request[Any, Any]]] = attrs.field(factory=deque)
    start: int = 0
    """The virtual time at which this stream's first request may be served."""


class FairBacklog:
    """Requests of many streams, taken one stream after the other.

    Start-time fair queueing: virtual time advances by one with each request served to a stream, and the
    stream that has had least is next, whoever asked more; among equals, the earliest deadline, then the
    first to come. A stream that was idle starts at the present and saves nothing up. Within a stream the
    order of asking holds.
    """

    def __init__(self) -> None:
        self._backlogs: dict[str, _Backlog] = {}
        self._finished: dict[str, int] = {}
        self._now = 0
        self._arrivals = 0
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def add(self, request: Request[Any, Any]) -> None:
        """Take in a request."""
        backlog = self._backlogs.get(request.stream)
        if backlog is None:
            start = max(self._now, self._finished.get(request.stream, 0))
            backlog = self._backlogs[request.stream] = _Backlog(start=start)
        self._arrivals += 1
        self._size += 1
        backlog.requests.append((self._arrivals, request))

    def discard(self, request: Request[Any, Any]) -> None:
        """Forget a request, if it is here."""
        backlog = self._backlogs.get(request.stream)
        if backlog is None:
            return
        kept = deque(entry for entry in backlog.requests if entry[1] is not request)
        self._size -= len(backlog.requests) - len(kept)
        backlog.requests = kept
        if not kept:
            del self._backlogs[request.stream]

    def urgency(self) -> tuple[float, int] | None:
        """The earliest deadline and the earliest arrival that wait; None where nothing does."""
        if not self._backlogs:
            return None
        heads = [backlog.requests[0] for backlog in self._backlogs.values()]
        return min(request.deadline for _, request in heads), min(arrival for arrival, _ in heads)

    def take(self, most: int) -> tuple[Request[Any, Any], ...]:
        """Take up to `most` requests that share the first one's batch key."""
        first = self._pop(lambda _: True)
        if first is None:
            return ()
        return (first, *self.take_more(most - 1, first.batch_key))

    def take_more(self, most: int, key: Hashable) -> Iterator[Request[Any, Any]]:
        """Take up to `most` further requests of one batch key."""
        for _ in range(most):
            request = self._pop(lambda head: head.batch_key == key)
            if request is None:
                return
            yield request

    def remove_if(self, unwanted: Callable[[Request[Any, Any]], bool]) -> list[Request[Any, Any]]:
        """Take out all requests of which `unwanted` is true."""
        removed = [
            request
            for backlog in self._backlogs.values()
            for _, request in backlog.requests
            if unwanted(request)
        ]
        for request in removed:
            self.discard(request)
        return removed

    def _pop(self, fits: Callable[[Request[Any, Any]], bool]) -> Request[Any, Any] | None:
        candidates = [
            (backlog.start, request.deadline, arrival, stream)
            for stream, backlog in self._backlogs.items()
            for arrival, request in (backlog.requests[0],)
            if fits(request)
        ]
        if not candidates:
            return None
        start, _, _, stream = min(candidates)
        backlog = self._backlogs[stream]
        _, request = backlog.requests.popleft()
        self._size -= 1
        self._now = max(self._now, start)
        backlog.start += 1
        if not backlog.requests:
            del self._backlogs[stream]
            self._finished[stream] = backlog.start
            # What the present has overtaken says nothing any more.
            self._finished = {name: end for name, end in self._finished.items() if end > self._now}
        return request
