"""Emitted results, kept a while for fragments that are sent again."""

from typing import Generic, TypeVar

R = TypeVar("R")


class Remembered(Generic[R]):
    """The latest results by number and digest, bounded in count and bytes; the oldest is forgotten first."""

    def __init__(self, *, fragments: int, size: int) -> None:
        self._fragments = fragments
        self._size_max = size
        self._size = 0
        self._results: dict[tuple[int, bytes], tuple[R, int]] = {}

    @property
    def size(self) -> int:
        """Bytes kept, as counted by whoever added them."""
        return self._size

    def __len__(self) -> int:
        return len(self._results)

    def __contains__(self, number: int) -> bool:
        return any(known == number for known, _ in self._results)

    def get(self, number: int, digest: bytes) -> tuple[R, int] | None:
        """The result and its size, if it is remembered."""
        return self._results.get((number, digest))

    def add(self, number: int, digest: bytes, result: R, size: int) -> None:
        """Keep a result of `size` bytes; one that is larger than all there is room for is not kept."""
        if size > self._size_max:
            return
        self._results[number, digest] = (result, size)
        self._size += size
        while len(self._results) > self._fragments or self._size > self._size_max:
            oldest = next(iter(self._results))
            self._size -= self._results.pop(oldest)[1]
