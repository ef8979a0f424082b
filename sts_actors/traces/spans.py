"""Spans after the fact: with ids and times that are known already."""

import time
from collections.abc import Sequence

from opentelemetry.context import Context
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

from sts_actors.traces.traceparent import read_traceparent


class GivenIds(RandomIdGenerator):
    """Draws ids, but for the span whose ids are given: a trace's first is named before it is made."""

    def __init__(self) -> None:
        self.given: tuple[int, int] | None = None

    def generate_trace_id(self) -> int:
        """Drawn, or given."""
        return super().generate_trace_id() if self.given is None else self.given[0]

    def generate_span_id(self) -> int:
        """Drawn, or given, which is then used up."""
        given, self.given = self.given, None
        return super().generate_span_id() if given is None else given[1]


class WallClock:
    """Tells the time of day of a moment on Trio's clock, where that says `now`."""

    def __init__(self, now: float) -> None:
        self._ahead_ns = time.time_ns() - round(now * 1e9)

    def __call__(self, moment: float) -> int:
        """Nanoseconds since 1970."""
        return self._ahead_ns + round(moment * 1e9)


def below(traceparent: str) -> Context:
    """The context of a span whose parent is the trace's first, be that one made already or not."""
    return set_span_in_context(NonRecordingSpan(_named(traceparent)))


def links(traceparents: Sequence[str]) -> list[Link]:
    """Links to the first spans of other traces."""
    return [Link(_named(each)) for each in traceparents]


def _named(traceparent: str) -> SpanContext:
    trace, span = read_traceparent(traceparent)
    return SpanContext(trace, span, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))
