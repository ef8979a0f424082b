"""Helpers of the traces' tests: spans kept in memory, and how they hang together."""

from collections import defaultdict

import attrs
import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from sts_actors.traces import opening


@attrs.define
class Made:
    exporter: InMemorySpanExporter = attrs.field(factory=InMemorySpanExporter)

    @property
    def spans(self):
        return self.exporter.get_finished_spans()

    def named(self, name):
        return [span for span in self.spans if span.name == name]

    def traces(self):
        """Spans by trace, each with its parent's name: `{trace: {name: (parent, span)}}`; no tails."""
        names = {span.context.span_id: span.name for span in self.spans}
        traces = defaultdict(dict)
        tails = {span.context.span_id for span in self.spans if "sts.tail" in span.attributes}
        for span in self.spans:
            if span.context.span_id in tails or (span.parent is not None and span.parent.span_id in tails):
                continue
            parent = None if span.parent is None else names[span.parent.span_id]
            traces[span.context.trace_id][span.name] = parent, span
        return dict(traces)


@pytest.fixture
def made(monkeypatch):
    """What services of this test make."""
    kept = Made()
    monkeypatch.setattr(opening, "_processor", lambda: SimpleSpanProcessor(kept.exporter))
    return kept
