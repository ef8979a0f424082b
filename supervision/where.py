"""Where a task waits."""

import gc
from functools import cache
from pathlib import Path
from types import AsyncGeneratorType, CoroutineType
from typing import Any

import trio

_TRIO = str(Path(trio.__file__).parent)


def where(task: trio.lowlevel.Task) -> str:
    """The innermost line of a task outside Trio itself: where it waits; "" once it has ended."""
    found: Any = None
    awaited: Any = task.coro
    while awaited is not None:
        # By code: to ask for a frame is to have one made, and all but one are passed by.
        if isinstance(awaited, CoroutineType):
            code, inner = awaited.cr_code, awaited.cr_await
        elif isinstance(awaited, AsyncGeneratorType):
            code, inner = awaited.ag_code, awaited.ag_await
        else:
            awaited = _stepped(awaited)
            continue
        if _is_ours(code.co_filename):
            found = awaited
        awaited = inner
    frame = None if found is None else getattr(found, "cr_frame", None) or getattr(found, "ag_frame", None)
    if frame is None:
        return ""
    code = frame.f_code
    return f"{_name(code.co_filename)}:{frame.f_lineno} {code.co_name}"


def _stepped(awaited: Any) -> Any:
    # A step of an async generator does not say whose step it is; the garbage collector knows.
    owners = (held for held in gc.get_referents(awaited) if isinstance(held, AsyncGeneratorType))
    return next(owners, None) if type(awaited).__name__.startswith("async_generator_") else None


@cache
def _is_ours(path: str) -> bool:
    return not path.startswith(_TRIO)


@cache
def _name(path: str) -> str:
    return Path(path).name
