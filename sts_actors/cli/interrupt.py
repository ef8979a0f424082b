"""Ctrl-C as a signal that ends the work by cancelling it.

Left alone it is an exception that comes up wherever the process happens to be: in a task of a server that
runs beside the work it is lost.
"""

import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

import trio

T = TypeVar("T")


async def interruptible(work: Callable[[], Awaitable[T]]) -> T:
    """Do `work`; its value.

    Raises:
        KeyboardInterrupt: Ctrl-C came first; the work was cancelled and has ended.
    """
    values = []
    with trio.open_signal_receiver(signal.SIGINT) as signals:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_cancel, nursery.cancel_scope, signals)
            values.append(await work())
            nursery.cancel_scope.cancel()
    for value in values:
        return value
    raise KeyboardInterrupt


async def _cancel(scope: trio.CancelScope, signals: AsyncIterator[int]) -> None:
    await anext(signals)
    scope.cancel()
