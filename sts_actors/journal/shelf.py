"""What is kept within a number of bytes: the oldest goes first. Pure."""

from collections import OrderedDict
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Shelf(Generic[K, V]):
    """Values by key, at most `size_max` bytes of them together; 0 keeps none."""

    def __init__(self, size_max: int) -> None:
        self.size_max = size_max
        self._size = 0
        self._held: OrderedDict[K, tuple[V, int]] = OrderedDict()

    @property
    def size(self) -> int:
        """Bytes that are kept."""
        return self._size

    def __len__(self) -> int:
        return len(self._held)

    def __contains__(self, key: K) -> bool:
        return key in self._held

    def put(self, key: K, value: V, size: int) -> None:
        """Keep a value of `size` bytes in place of what its key had; what there is no room for is not kept.

        Something without a size would be without a bound: it is not kept either.
        """
        self.drop(key)
        if not 0 < size <= self.size_max:
            return
        self._held[key] = (value, size)
        self._size += size
        while self._size > self.size_max:
            _, (_, gone) = self._held.popitem(last=False)
            self._size -= gone

    def get(self, key: K) -> V | None:
        """The value, or None where it has gone."""
        held = self._held.get(key)
        return None if held is None else held[0]

    def drop(self, key: K) -> None:
        """Keep it no longer."""
        held = self._held.pop(key, None)
        if held is not None:
            self._size -= held[1]
