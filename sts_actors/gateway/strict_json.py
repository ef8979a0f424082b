"""JSON as both ends agree on it: fast, and strict about what the standard library lets through."""

from collections.abc import Callable
from typing import Any

import orjson

from sts_actors.gateway.errors import ProtocolViolation


def dumps(data: Any, default: Callable[[Any], Any] | None = None) -> str:
    """Serialise; NaN and the infinities become null, as in JavaScript. `default` is asked for unknown types.

    Raises:
        TypeError: there is something in it that JSON has not, or an integer of more than 64 bits.
    """
    try:
        return orjson.dumps(data, default).decode()
    except TypeError as error:
        # Rare enough not to be paid for by every other event.
        if "must be str" not in str(error):
            raise
        return orjson.dumps(data, default, orjson.OPT_NON_STR_KEYS).decode()


def loads(text: str, *, max_depth: int) -> Any:
    """Parse; no NaN, no infinity, no lone surrogate, no trailing comma.

    Raises:
        ProtocolViolation: it is no JSON, or is nested deeper than `max_depth`.
    """
    try:
        data = orjson.loads(text)
    except (orjson.JSONDecodeError, UnicodeEncodeError) as error:
        raise ProtocolViolation(f"not JSON: {error}") from None
    # What is large in most that arrives is text: a walk over its containers costs less than one over its
    # characters (counting brackets first took 0.2 ms of 342 kB).
    if _deeper_than(data, max_depth):
        raise ProtocolViolation("JSON is nested too deeply")
    return data


def _deeper_than(data: Any, max_depth: int) -> bool:
    level = [data] if isinstance(data, dict | list) else []
    for _ in range(max_depth):
        level = [
            child
            for container in level
            for child in (container.values() if isinstance(container, dict) else container)
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True
