"""Where an actor's own number crunching runs: decoding, resampling, stretching. Never on the loop."""

from collections.abc import Callable
from typing import Protocol, TypeVar, TypeVarTuple

import trio

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Compute(Protocol):
    """Runs a pure function and waits for its value."""

    async def __call__(self, work: Callable[[*Ts], T], /, *args: *Ts) -> T:
        """The value of `work(*args)`."""


async def in_thread(work: Callable[[*Ts], T], /, *args: *Ts) -> T:
    """In a worker thread; cancelled, the thread is left to finish its few milliseconds alone."""
    return await trio.to_thread.run_sync(work, *args, abandon_on_cancel=True)


async def inline(work: Callable[[*Ts], T], /, *args: *Ts) -> T:
    """On the loop: for virtual time, which does not see threads and would jump past deadlines."""
    await trio.lowlevel.checkpoint()
    return work(*args)
