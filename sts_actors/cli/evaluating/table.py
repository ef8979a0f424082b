"""An evaluation as tables for a person."""

from collections.abc import Iterator, Sequence

from rich.table import Table

from sts_actors.cli.evaluating.figures import Cost, DubFigures, Evaluation, RunFigures
from sts_actors.quality.errors import WordErrors
from sts_actors.quality.seams import SeamErrors
from sts_actors.quality.timing import Spread

NONE = "-"
WER = "word errors %"


def tables(evaluation: Evaluation) -> Iterator[Table]:
    """What was heard, then, where there are dubs, how they came out."""
    heard = [dict(_heard_rows(run)) for run in evaluation.runs]
    yield _table("What was heard", evaluation.runs, heard, dict(_whole_rows(evaluation)))
    dubs = [(run, dict(_dub_rows(run.dub))) for run in evaluation.runs if run.dub is not None]
    if dubs:
        yield _table("How it was said", [run for run, _ in dubs], [rows for _, rows in dubs])


def _table(
    title: str,
    runs: Sequence[RunFigures],
    columns: Sequence[dict[str, str]],
    whole: dict[str, str] | None = None,
) -> Table:
    """A column for each run, and where it applies one for the recording in one piece."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column("")
    if whole is not None:
        table.add_column("whole", justify="right")
    for run in runs:
        table.add_column(f"{run.fragment_s:g} s\n{run.seam}", justify="right", no_wrap=True)
    for name in columns[0]:
        first = [] if whole is None else [whole.get(name, "")]
        table.add_row(name, *first, *[column[name] for column in columns])
    return table


def _whole_rows(evaluation: Evaluation) -> Iterator[tuple[str, str]]:
    yield WER, _percent(evaluation.whole)
    yield from _cost_rows(evaluation.whole_cost)


def _heard_rows(run: RunFigures) -> Iterator[tuple[str, str]]:
    yield WER, _percent(run.words)
    yield "seams", str(run.at_seams.seams)
    for name in ("lost", "invented", "doubled", "substituted"):
        yield f"{name} per 100 seams", _per_hundred(run.at_seams, name)
        yield f"  {name} there by the whole", _per_hundred(run.whole_at_seams, name)
    yield "fragments that failed", str(run.failed)
    yield from _cost_rows(run.cost)


def _cost_rows(cost: Cost) -> Iterator[tuple[str, str]]:
    yield "calls of the recogniser", str(cost.calls)
    yield "  seconds heard", f"{cost.audio_s:.0f}"
    for name, seconds in (("taken", cost.took_s), ("of processor", cost.processor_s)):
        yield f"  seconds {name}", NONE if seconds is None else f"{seconds:.1f}"


def _per_hundred(found: SeamErrors, name: str) -> str:
    return f"{found.per_hundred(getattr(found, name)):.1f}"


def _percent(errors: WordErrors) -> str:
    return f"{errors.rate * 100:.1f}"


def _dub_rows(dub: DubFigures) -> Iterator[tuple[str, str]]:
    yield "fragments with speech, failed", f"{dub.fragments}, {dub.failed}"
    yield "round trip WER %", NONE if dub.round_trip is None else _percent(dub.round_trip)
    for name, likeness in (("translation", dub.likeness), ("heard dub", dub.heard_likeness)):
        if likeness is not None:
            yield f"{name}: chrF, BLEU", f"{likeness.chrf:.1f}, {likeness.bleu:.1f}"
    yield "pace in -10 ... +20 %", NONE if dub.in_pace is None else f"{dub.in_pace * 100:.0f} %"
    yield "stretch p50, p95", _spread(dub.stretch, 2)
    yield "timeline error, frames", str(dub.timeline_error_frames)
    yield "fragments of a wrong length", str(dub.wrong_lengths)
    yield "left over at the end", f"{dub.left_over_s:.2f} s"
    yield "lag p50, p95 ms", _spread(dub.lag_ms)
    yield "slope ms/h", NONE if dub.slope_ms_per_hour is None else f"{dub.slope_ms_per_hour:.0f}"
    yield "start offset p50, p95 ms", _spread(dub.start_offset_ms)
    yield "end offset p50, p95 ms", _spread(dub.end_offset_ms)


def _spread(found: Spread | None, digits: int = 0) -> str:
    return NONE if found is None else f"{found.p50:.{digits}f}, {found.p95:.{digits}f}"
