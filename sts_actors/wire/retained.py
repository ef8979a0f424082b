"""What was told to a worker that may come back: numbered, kept until it is acknowledged, bounded in bytes."""

from collections import deque
from collections.abc import Iterator
from typing import Any

import attrs


@attrs.frozen(kw_only=True)
class Telling:
    """An event that must arrive. `number` counts them from 1, without holes."""

    number: int
    event: str
    payload: dict[str, Any] = attrs.field(repr=False)
    size: int


COUNT_MAX = 1024
"""Tellings kept, however small."""


class Retained:
    """The tellings that a worker may not have; at most `size_max` bytes, the oldest are given up first. Pure.

    The newest is kept whatever its size: what is being sent now can always be sent again.
    """

    def __init__(self, *, size_max: int) -> None:
        self._size_max = size_max
        self._size = 0
        self._kept: deque[Telling] = deque()
        self.last = 0
        """The number of the newest, kept or not; 0 before the first."""
        self.acknowledged_to = 0
        """The highest number that was acknowledged; 0 where none was."""

    @property
    def size(self) -> int:
        """Bytes kept, as counted by whoever added them."""
        return self._size

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[Telling]:
        return iter(self._kept)

    def add(self, event: str, payload: dict[str, Any], size: int) -> Telling:
        """Number a telling, in its payload too (`result_number`), and keep it."""
        self.last += 1
        telling = Telling(
            number=self.last, event=event, payload={**payload, "result_number": self.last}, size=size
        )
        self._kept.append(telling)
        self._size += size
        while (self._size > self._size_max or len(self._kept) > COUNT_MAX) and len(self._kept) > 1:
            self._forget_oldest()
        return telling

    def acknowledged(self, number: int) -> None:
        """Forget all up to `number`: the worker has them. A number that was never told changes nothing."""
        if number > self.last:
            return
        self.acknowledged_to = max(self.acknowledged_to, number)
        while self._kept and self._kept[0].number <= number:
            self._forget_oldest()

    def after(self, number: int) -> Telling | None:
        """The first one kept above `number`."""
        return next((telling for telling in self._kept if telling.number > number), None)

    def lost_after(self, number: int) -> int:
        """How many above `number` were given up for want of room."""
        first = self._kept[0].number if self._kept else self.last + 1
        return max(0, first - 1 - number)

    def number_of_answer(self, sequence_number: int) -> int:
        """The number of the last answer kept for a fragment; where none is, the one before those kept.

        Of a fragment's languages the one that was told first counts: rather twice than never.
        """
        numbers: dict[Any, int] = {}
        for telling in self._kept:
            if telling.payload.get("sequence_number") == sequence_number:
                numbers[telling.payload.get("target_language")] = telling.number
        first = self._kept[0].number if self._kept else self.last + 1
        return min(numbers.values(), default=first - 1)

    def _forget_oldest(self) -> None:
        self._size -= self._kept.popleft().size
