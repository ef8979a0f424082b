"""Where a task waits."""

import gc
from pathlib import Path
from types import AsyncGeneratorType, FrameType
from typing import Any

import trio

_TRIO = str(Path(trio.__file__).parent)


def where(task: trio.lowlevel.Task) -> str:
    """The innermost line of a task outside Trio itself: where it waits; "" once it has ended."""
    found: FrameType | None = None
    awaited: Any = task.coro
    while awaited is not None:
        frame = getattr(awaited, "cr_frame", None) or getattr(awaited, "ag_frame", None)
        if frame is not None and not frame.f_code.co_filename.startswith(_TRIO):
            found = frame
        awaited = _inner(awaited)
    if found is None:
        return ""
    return f"{Path(found.f_code.co_filename).name}:{found.f_lineno} {found.f_code.co_name}"


def _inner(awaited: Any) -> Any:
    for name in ("cr_await", "ag_await"):
        if hasattr(awaited, name):
            return getattr(awaited, name)
    # A step of an async generator does not say whose step it is; the garbage collector knows.
    owners = (held for held in gc.get_referents(awaited) if isinstance(held, AsyncGeneratorType))
    return next(owners, None) if type(awaited).__name__.startswith("async_generator_") else None
