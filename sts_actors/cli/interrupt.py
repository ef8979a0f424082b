"""Signals that end the work by cancelling it; the second one ends the process.

Left alone, Ctrl-C is an exception that comes up wherever the process happens to be: in a task of a server
that runs beside the work it is lost.
"""

import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

import trio

T = TypeVar("T")

EXIT_CODE_BASE = 128
"""What a shell adds to the number of the signal that ended a process."""


async def stopped_by(
    work: Callable[[], Awaitable[object]],
    *numbers: int,
    gently: Callable[[int], bool] = lambda _: False,
) -> int | None:
    """Do `work` until it ends or one of the signals comes; the one that cancelled it, or None.

    A second signal, while the work is still coming to its end, ends the process at once.

    Args:
        work: what to do.
        numbers: of the signals.
        gently: has the work end by itself on the first signal, True; or leaves it to be cancelled, False.
    """
    came: list[int] = []
    with trio.open_signal_receiver(*numbers) as signals:
        async with trio.open_nursery() as nursery:
            scope = trio.CancelScope()
            nursery.start_soon(_watch, scope, signals, came, gently)
            with scope:
                await work()
            nursery.cancel_scope.cancel()
    return came[0] if came and scope.cancelled_caught else None


async def interruptible(work: Callable[[], Awaitable[T]]) -> T:
    """Do `work`; its value.

    Raises:
        KeyboardInterrupt: Ctrl-C came first; the work was cancelled and has ended.
    """
    values: list[T] = []

    async def keep() -> None:
        values.append(await work())

    if await stopped_by(keep, signal.SIGINT) is not None:
        raise KeyboardInterrupt
    return values[0]


async def _watch(
    scope: trio.CancelScope, signals: AsyncIterator[int], came: list[int], gently: Callable[[int], bool]
) -> None:
    number = await anext(signals)
    came.append(number)
    if not gently(number):
        scope.cancel()
    os._exit(EXIT_CODE_BASE + await anext(signals))
