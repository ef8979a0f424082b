"""Calling the application's handlers: async or not, logged, in slots, with as many arguments as they take."""

import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import trio

log = logging.getLogger(__name__)


async def in_slot(slots: trio.Semaphore, begun: trio.Event, handler: Callable[[], Awaitable[object]]) -> None:
    """Run a handler that holds one of `slots`; `begun` is set before anything else happens."""
    begun.set()
    try:
        await logged(handler)
    finally:
        slots.release()


async def logged(async_fn: Callable[..., Awaitable[object]], *args: Any) -> None:
    """Await `async_fn(*args)`; an error is logged and goes no further."""
    try:
        await async_fn(*args)
    except Exception:
        log.exception("a handler or task of the application failed")


async def called(handler: Callable[..., Any], *args: Any) -> Any:
    """Call a handler, async or not."""
    result = handler(*args)
    return await result if inspect.isawaitable(result) else result


def fitting(handler: Callable[..., Any], *args: Any) -> tuple[Any, ...]:
    """`args`, or all but the last where the handler takes no more: older handlers know no reason or auth."""
    try:
        inspect.signature(handler).bind(*args)
    except TypeError:
        return args[:-1]
    except ValueError:  # A callable without a signature, from an extension module.
        return args
    return args
