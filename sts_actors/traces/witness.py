"""Makes spans of what is told: fragment, below it each stage, below that each inference."""

from collections.abc import Sequence

import attrs
import trio
from opentelemetry.context import Context
from opentelemetry.trace import Span, Status, StatusCode, Tracer, set_span_in_context
from opentelemetry.util.types import AttributeValue

from sts_actors.inference import Inference
from sts_actors.messages import TAIL, FragmentFailed, FragmentHeader, Result, StreamConfig
from sts_actors.traces.spans import GivenIds, WallClock, below, links
from sts_actors.traces.traceparent import read_traceparent
from sts_actors.waiting import Waiting
from sts_actors.witness import Abandoned, StreamWitness, Witness, Work

CANCELLED = Status(StatusCode.ERROR, "cancelled")

Attributes = dict[str, AttributeValue]


class TraceWitness(Witness):
    """Makes a trace of each fragment whose header names one. No text that was said gets into it."""

    def __init__(self, tracer: Tracer, ids: GivenIds, clock: WallClock) -> None:
        self._tracer = tracer
        self._ids = ids
        self._clock = clock

    def opened(self, session_id: str, config: StreamConfig, *, worker_id: str) -> StreamWitness:
        """Its fragments' spans bear the stream's name and session."""
        del worker_id
        its: Attributes = {"sts.stream": config.stream_id, "sts.session": session_id}
        return _StreamTraces(self._tracer, self._ids, self._clock, its, languages=len(config.targets))


@attrs.define(eq=False)
class _Open:
    """A fragment that is on its way; its span is made when it has come out."""

    header: FragmentHeader
    answers: list[tuple[float, Result]] = attrs.field(factory=list)


class _StreamTraces(StreamWitness):
    def __init__(
        self, tracer: Tracer, ids: GivenIds, clock: WallClock, its: Attributes, *, languages: int
    ) -> None:
        self._tracer = tracer
        self._ids = ids
        self._clock = clock
        self._its = its
        self._languages = languages
        self._open: dict[int, _Open] = {}
        self._waiting = Waiting()

    def admitted(self, header: FragmentHeader) -> None:
        if header.traceparent:
            self._open[header.index] = _Open(header)

    def worked(self, work: Work) -> None:
        if work.header.traceparent:
            queue_s = self._waiting.before(work)
            status = None if work.code is None else Status(StatusCode.ERROR, work.code.value)
            self._stage(work, status, {"sts.queue_s": queue_s})

    def abandoned(self, work: Abandoned) -> None:
        if work.header.traceparent:
            self._stage(work, CANCELLED, {"sts.cancelled": True})

    def answered(self, result: Result, elapsed_s: float) -> None:
        del elapsed_s
        fragment = self._open.get(result.header.index)
        if fragment is None:
            return
        fragment.answers.append((trio.current_time(), result))
        if len(fragment.answers) >= self._languages:
            self._waiting.forget(result.header)
            self._end(self._open.pop(result.header.index))

    def closed(self) -> None:
        for fragment in self._open.values():
            self._end(fragment, cancelled=True)
        self._open.clear()

    def _stage(self, work: Work | Abandoned, status: Status | None, more: Attributes) -> None:
        told = {**self._its, **_named(work.header), "sts.stage": work.stage, **more}
        if work.language:
            told["sts.language"] = work.language
        span = self._span(work.stage, below(work.header.traceparent), work.began, told)
        if status is not None:
            span.set_status(status)
        for inference in work.inferences:
            self._inference(inference, set_span_in_context(span))
        span.end(self._clock(work.ended))

    def _inference(self, inference: Inference, parent: Context) -> None:
        told: Attributes = {
            "sts.batch_size": inference.batch_size,
            "sts.queue_s": max(inference.began - inference.asked, 0.0),
        }
        if inference.process is not None:
            told["process.pid"] = inference.process
        span = self._span(
            f"{inference.stage} inference", parent, inference.began, told, together=inference.together
        )
        if not inference.done:
            span.set_status(Status(StatusCode.ERROR, "nobody waited for its end"))
        span.end(self._clock(inference.ended))

    def _end(self, fragment: _Open, *, cancelled: bool = False) -> None:
        """The first span of the trace, made last."""
        header = fragment.header
        self._ids.given = read_traceparent(header.traceparent)
        told = {**self._its, **_named(header), "sts.duration_ms": header.duration_ms}
        span = self._span("fragment", Context(), header.received, told)
        for moment, result in fragment.answers:
            span.add_event("answered", _outcome(result), self._clock(moment))
        failures = [result for _, result in fragment.answers if isinstance(result, FragmentFailed)]
        if cancelled:
            span.set_attribute("sts.cancelled", value=True)
            span.set_status(CANCELLED)
        elif failures:
            span.set_status(Status(StatusCode.ERROR, failures[0].code.value))
        span.end(self._clock(trio.current_time()))

    def _span(
        self, name: str, context: Context, began: float, told: Attributes, together: Sequence[str] = ()
    ) -> Span:
        return self._tracer.start_span(
            name, context, attributes=told, links=links(together), start_time=self._clock(began)
        )


def _named(header: FragmentHeader) -> Attributes:
    told: Attributes = {
        "sts.fragment": header.fragment_id,
        "sts.sequence_number": header.sequence_number,
    }
    return told | ({"sts.tail": True} if header.index == TAIL else {})


def _outcome(result: Result) -> Attributes:
    told: Attributes = {"outcome": result.outcome, "language": result.target_language}
    if isinstance(result, FragmentFailed):
        return told | {"stage": result.stage.value, "code": result.code.value}
    return told | {"lag_ms": result.lag_ms}
