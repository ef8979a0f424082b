"""What a model's actor is handed: requests to serve together, and the tokens to do so."""

import math
from collections.abc import Hashable
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar

from supervision.reply import NoReply, Request

Q = TypeVar("Q")
A = TypeVar("A")


class Source(Protocol):
    """Where a batch comes from."""

    name: str

    def done(self) -> None:
        """The batch has ended: its tokens are free."""


class Batch(Generic[Q, A]):
    """Requests to serve together, and the tokens to do so; a context manager.

    On leaving, the tokens go back, and a request that was not answered gets `NoReply`.
    """

    def __init__(self, queue: Source, requests: tuple[Request[Q, A], ...]) -> None:
        self.requests = requests
        self._queue = queue
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
        """Give the tokens back; closing twice is harmless."""
        if self._open:
            self._open = False
            for request in self.requests:
                request.fail(NoReply(f"{self._queue.name} went away with the request in hand"))
            self._queue.done()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
