"""Whether streams are to slow down because memory is short."""

import math

import attrs
import trio

AFTER_RUNNING_OUT_S = 10.0
"""How long streams go slowly after a model ran out of memory: a few fragments' worth."""


@attrs.define(eq=False)
class MemoryPressure:
    """On while a device has too little memory free, and for a while after a model has run out of it."""

    _low: bool = attrs.field(default=False, init=False)
    _until: float = attrs.field(default=-math.inf, init=False)
    _changes: int = attrs.field(default=0, init=False)
    _changed: trio.Event = attrs.field(factory=trio.Event, init=False)

    @property
    def on(self) -> bool:
        """Whether it is on now."""
        return self._low or trio.current_time() < self._until

    @property
    def state(self) -> tuple[bool, int]:
        """Never the same again once `on` has changed, and changed back."""
        return self.on, self._changes

    def set_low(self, *, low: bool) -> None:
        """Say whether a device has too little left."""
        if low is not self._low:
            self._low = low
            self._wake()

    def ran_out(self) -> None:
        """A model has run out of memory just now."""
        self._until = trio.current_time() + AFTER_RUNNING_OUT_S
        self._wake()

    async def wait_change(self, seen: tuple[bool, int]) -> None:
        """Wait until the state is not `seen` any more."""
        while self.state == seen:
            with trio.move_on_at(self._until if trio.current_time() < self._until else math.inf):
                await self._changed.wait()

    def _wake(self) -> None:
        self._changes += 1
        self._changed.set()
        self._changed = trio.Event()
