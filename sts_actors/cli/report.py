"""What a dub came to: figures per fragment and in total, as JSON. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from math import ceil
from typing import Any

import attrs
import orjson

from sts_actors.client import FragmentError, Processed
from sts_actors.quality.timing import slope_ms_per_hour

SERVED = ("success", "partial")
"""The statuses that come with audio."""

_NO_FIGURE = 1e12
"""From here on (and for NaN) a number is no figure of ours, and JSON writers disagree about it."""


@attrs.frozen(kw_only=True)
class FragmentReport:
    """One fragment in one language, from the worker's side.

    `target_language` is empty in a run with a single one.
    `start_s` is its place in the input; `sent_s` and `answered_s` count from the start of the run.
    `status` is the wire's, or `unanswered`; a figure that never came is None.
    """

    sequence_number: int
    start_s: float
    duration_s: float
    target_language: str = ""
    status: str = "unanswered"
    transcript: str | None = attrs.field(default=None, repr=False)
    translated_text: str | None = attrs.field(default=None, repr=False)
    asr_ms: float | None = None
    translation_ms: float | None = None
    tts_ms: float | None = None
    processing_time_ms: float | None = None
    dubbed_duration_ms: float | None = None
    duration_variance_percent: float | None = None
    speed_ratio: float | None = None
    lag_ms: float | None = None
    sent_s: float = 0.0
    answered_s: float | None = None
    held_back_s: float = 0.0
    """How long after its due time it was sent; only in a live run."""
    late: bool = False
    warnings: tuple[str, ...] = ()
    error: FragmentError | None = None

    @property
    def latency_s(self) -> float | None:
        """From sending to the answer."""
        return None if self.answered_s is None else self.answered_s - self.sent_s


@attrs.frozen(kw_only=True)
class Totals:
    """The sum of a run. Of each fragment there are as many dubs as languages; all counts are of dubs.

    `busy_s` is the time during which at least one fragment was in the making, and
    `real_time_factor` that time ÷ the length of the speech: below 1 is faster than real time, whether
    fragments came at the pace of speech or all at once. `lag_slope_ms_per_h` is that of the language that
    falls behind the fastest.
    """

    fragments: int
    success: int
    partial: int
    failed: int
    unanswered: int
    late: int
    audio_s: float
    busy_s: float
    real_time_factor: float
    latency_p50_s: float | None
    latency_p95_s: float | None
    held_back_s: float
    kept_up: bool
    lag_max_ms: float | None
    lag_p95_ms: float | None
    lag_slope_ms_per_h: float | None


@attrs.frozen(kw_only=True)
class DubReport:
    """A whole run; `complete` is False for one that was broken off.

    `tail_s`: by how much the dub is longer than its source. `outputs`: by language, where there are several;
    `output` and `target_language` are those of the first.
    """

    input: str
    output: str
    source_language: str
    target_language: str
    mode: str
    url: str | None
    profile: str | None
    sample_rate_hz: int
    channels: int
    complete: bool
    wall_s: float
    fragments: tuple[FragmentReport, ...]
    tail_s: float = 0.0
    outputs: Mapping[str, str] = attrs.field(factory=dict)

    @property
    def totals(self) -> Totals:
        """The fragments summed up."""
        return total(self.fragments)

    def totals_of(self, language: str) -> Totals:
        """Those of one of several languages summed up."""
        return total([f for f in self.fragments if f.target_language == language])


def fragment_report(
    asked: FragmentReport, answer: Processed, *, answered_s: float, late_after_s: float
) -> FragmentReport:
    """`asked`, completed from its answer; what the answer leaves out stays None.

    Args:
        asked: the fragment as it was sent.
        answer: the service's; its figures are whatever another program made of them.
        answered_s: when it came.
        late_after_s: a worker throws away what takes longer.
    """
    return attrs.evolve(
        asked,
        status=answer.status,
        transcript=answer.transcript,
        translated_text=answer.translated_text,
        asr_ms=_figure(answer.stage_timings.get("asr_ms")),
        translation_ms=_figure(answer.stage_timings.get("translation_ms")),
        tts_ms=_figure(answer.stage_timings.get("tts_ms")),
        processing_time_ms=_figure(answer.processing_time_ms),
        dubbed_duration_ms=_figure(answer.metadata.get("dubbed_duration_ms")),
        duration_variance_percent=_figure(answer.metadata.get("duration_variance_percent")),
        speed_ratio=_figure(answer.metadata.get("speed_ratio")),
        lag_ms=_figure(answer.metadata.get("lag_ms")),
        answered_s=answered_s,
        late=answered_s - asked.sent_s > late_after_s,
        warnings=answer.warnings,
        error=answer.error,
    )


def total(fragments: Sequence[FragmentReport]) -> Totals:
    """Sum fragments up; `kept_up` asks that all were dubbed, none late, none held back for its own length."""
    count = {status: sum(f.status == status for f in fragments) for status in (*SERVED, "unanswered")}
    latencies = sorted(f.latency_s for f in fragments if f.latency_s is not None)
    audio_s = sum({f.sequence_number: f.duration_s for f in fragments}.values())
    busy_s = _busy(fragments)
    factor = busy_s / audio_s if audio_s else 0.0
    held_back_s = max((f.held_back_s for f in fragments), default=0.0)
    late = sum(f.late for f in fragments)
    longest_s = max((f.duration_s for f in fragments), default=0.0)
    served = count["success"] + count["partial"]
    lags = sorted(f.lag_ms for f in fragments if f.lag_ms is not None)
    return Totals(
        fragments=len(fragments),
        success=count["success"],
        partial=count["partial"],
        failed=len(fragments) - served - count["unanswered"],
        unanswered=count["unanswered"],
        late=late,
        audio_s=audio_s,
        busy_s=busy_s,
        real_time_factor=factor,
        latency_p50_s=percentile(latencies, 50),
        latency_p95_s=percentile(latencies, 95),
        held_back_s=held_back_s,
        kept_up=served == len(fragments) > 0 and factor <= 1.0 and late == 0 and held_back_s < longest_s,
        lag_max_ms=lags[-1] if lags else None,
        lag_p95_ms=percentile(lags, 95),
        lag_slope_ms_per_h=max(_slopes(fragments), default=None),
    )


def percentile(ascending: Sequence[float], percent: int) -> float | None:
    """The smallest value that at least `percent` % of the values do not exceed; None without values."""
    return ascending[max(ceil(len(ascending) * percent / 100), 1) - 1] if ascending else None


def as_json(report: DubReport) -> bytes:
    """The report file: times in milliseconds where the wire has them so, seconds otherwise."""
    head = attrs.asdict(report, filter=attrs.filters.exclude("fragments", "outputs"))
    by_language = {
        language: {"output": output, "totals": _rounded(attrs.asdict(report.totals_of(language)))}
        for language, output in report.outputs.items()
    }
    document = {
        **_rounded(head),
        "totals": _rounded(attrs.asdict(report.totals)),
        **({"languages": by_language} if by_language else {}),
        "fragments": [_fragment_json(fragment) for fragment in report.fragments],
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _fragment_json(fragment: FragmentReport) -> dict[str, Any]:
    timings = {name: getattr(fragment, name) for name in ("asr_ms", "translation_ms", "tts_ms")}
    return {
        "sequence_number": fragment.sequence_number,
        **({"target_language": fragment.target_language} if fragment.target_language else {}),
        "status": fragment.status,
        "transcript": fragment.transcript,
        "translated_text": fragment.translated_text,
        "stage_timings": timings,
        "start_s": round(fragment.start_s, 3),
        "original_duration_ms": round(fragment.duration_s * 1000),
        "dubbed_duration_ms": fragment.dubbed_duration_ms,
        "duration_variance_percent": fragment.duration_variance_percent,
        "speed_ratio": fragment.speed_ratio,
        "lag_ms": fragment.lag_ms,
        "processing_time_ms": fragment.processing_time_ms,
        "latency_ms": None if fragment.latency_s is None else round(fragment.latency_s * 1000),
        "held_back_ms": round(fragment.held_back_s * 1000),
        "late": fragment.late,
        "warnings": list(fragment.warnings),
        "error": None if fragment.error is None else attrs.asdict(fragment.error),
    }


def _busy(fragments: Iterable[FragmentReport]) -> float:
    """The length of the union of the spans from sending to answer."""
    busy, until = 0.0, float("-inf")
    for fragment in sorted(fragments, key=lambda f: f.sent_s):
        if fragment.answered_s is not None and fragment.answered_s > until:
            busy += fragment.answered_s - max(fragment.sent_s, until)
            until = fragment.answered_s
    return busy


def _slopes(fragments: Iterable[FragmentReport]) -> list[float]:
    points: dict[str, list[tuple[float, float]]] = {}
    for f in fragments:
        if f.lag_ms is not None:
            points.setdefault(f.target_language, []).append((f.start_s + f.duration_s, f.lag_ms))
    slopes = (slope_ms_per_hour(*zip(*its, strict=True)) for its in points.values())
    return [slope for slope in slopes if slope is not None]


def _rounded(table: dict[str, Any]) -> dict[str, Any]:
    return {key: round(value, 3) if isinstance(value, float) else value for key, value in table.items()}


def _figure(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if abs(value) < _NO_FIGURE else None
