"""What a stage asked of engines for a fragment: noted while it works; the engines know no fragments.

The note travels with the task, as Python's context does: into nurseries, not through channels. What goes into
a model's queue carries the trace it belongs to instead.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import attrs


@attrs.frozen(kw_only=True)
class Inference:
    """One call of an engine, as one of those sees it whose requests it served; seconds of Trio's clock.

    Attributes:
        stage: the engine's.
        asked: when the request was put into the queue.
        began: when the engine began.
        ended: when it had done, or when nobody waited for it any more.
        done: whether it had done.
        batch_size: requests served together.
        together: traces of the others in the batch, as far as they are traced.
        process: id of the worker process, where there is one: `began` and `ended` were measured there.
    """

    stage: str
    asked: float
    began: float
    ended: float
    done: bool
    batch_size: int
    together: tuple[str, ...] = ()
    process: int | None = None


@attrs.frozen
class _Notes:
    traceparent: str
    inferences: list[Inference]


_NOTES: ContextVar[_Notes | None] = ContextVar("sts_actors.inferences", default=None)


@contextmanager
def noting(traceparent: str) -> Iterator[list[Inference]]:
    """Have what is asked of engines in the block noted, as of this trace ("" is none)."""
    notes = _Notes(traceparent, [])
    token = _NOTES.set(notes)
    try:
        yield notes.inferences
    finally:
        _NOTES.reset(token)


def current_traceparent() -> str:
    """The trace that is worked for, or ""."""
    notes = _NOTES.get()
    return "" if notes is None else notes.traceparent


def note(inference: Inference) -> None:
    """Note one, if anybody wants to know."""
    notes = _NOTES.get()
    if notes is not None:
        notes.inferences.append(inference)
