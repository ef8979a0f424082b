"""The name of a trace, as W3C Trace Context writes it: `00-<trace>-<span>-01`."""

import re
import secrets
from collections.abc import Callable
from random import Random

_FORM = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-01")
_TRACE_BYTES, _SPAN_BYTES = 16, 8


def new_traceparent() -> str:
    """One that there was never before; its span is the trace's first."""
    # All zeros mean that there is none.
    trace = secrets.token_hex(_TRACE_BYTES - 1) + "01"
    return f"00-{trace}-{secrets.token_hex(_SPAN_BYTES - 1)}01-01"


def read_traceparent(traceparent: str) -> tuple[int, int]:
    """The ids of the trace and of its span.

    Raises:
        ValueError: it is none.
    """
    found = _FORM.fullmatch(traceparent)
    if found is None:
        raise ValueError(f"{traceparent!r} is no traceparent of a sampled trace")
    return int(found[1], 16), int(found[2], 16)


def drawn(ratio: float, random: Random | None = None) -> Callable[[], str]:
    """Makes a new one each time with the probability `ratio`, and "" else."""
    draw = (random or Random()).random  # noqa: S311 - which fragments are looked at is no secret
    return lambda: new_traceparent() if draw() < ratio else ""
