"""What there is in this run: things that want to be looked at are listed here, weakly, by what they are.

Each `trio.run` has a list of its own, and nothing has to be taken off it: what nobody holds any more is gone.
"""

import weakref
from typing import Generic, TypeVar

import trio

K = TypeVar("K")
V = TypeVar("V")


class Census(Generic[K, V]):
    """Things of one kind with a note on each; a module-level constant."""

    def __init__(self, kind: str) -> None:
        self._listed: trio.lowlevel.RunVar[weakref.WeakKeyDictionary[K, V]] = trio.lowlevel.RunVar(kind)

    def add(self, thing: K, note: V) -> None:
        """List a thing for as long as it lives. Outside of a run there is nothing to list it in."""
        if trio.lowlevel.in_trio_run():
            self._all()[thing] = note

    def things(self) -> tuple[K, ...]:
        """What is listed; raises as `items`."""
        return tuple(self._all())

    def items(self) -> tuple[tuple[K, V], ...]:
        """What is listed, with its note.

        Raises:
            RuntimeError: called outside of a run.
        """
        return tuple(self._all().items())

    def _all(self) -> weakref.WeakKeyDictionary[K, V]:
        try:
            return self._listed.get()
        except LookupError:
            listed: weakref.WeakKeyDictionary[K, V] = weakref.WeakKeyDictionary()
            self._listed.set(listed)
            return listed
