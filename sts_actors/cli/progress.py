"""What a person sees while a dub runs: a live table on a terminal, plain lines anywhere else."""

import logging
import time
from collections import deque
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from sts_actors.cli.plain import clock, one_line
from sts_actors.cli.report import SERVED, DubReport, FragmentReport, Totals

ROWS = 12
"""Answered fragments shown at once, the last ones; they stay on the screen at the end."""

SLOPE_FROM_S = 300.0
"""How much speech it takes for the slope of its lag to mean something."""

STAGES = ("asr", "translation", "tts")


class Display:
    """Shows a run on `console`; a context manager.

    `estimated_s` is the length of the input, if known; `languages`: into how many it is dubbed.
    """

    def __init__(self, console: Console, *, estimated_s: float | None = None, languages: int = 1) -> None:
        self._console = console
        self._estimated_s = estimated_s
        self._languages = languages
        self._waiting = ""
        self._in_flight: dict[tuple[int, str], tuple[FragmentReport, float]] = {}
        self._recent: deque[FragmentReport] = deque(maxlen=ROWS)
        self._answered_s = 0.0
        # Not redirecting: a worker process or a log writes where it always does.
        self._live = Live(
            console=console,
            get_renderable=self._render,
            refresh_per_second=8,
            redirect_stderr=False,
        )

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def waiting(self, what: str) -> None:
        """Say what the run waits for, in a few words; an empty text: for nothing any more."""
        self._waiting = what
        if what and not self._console.is_terminal:
            self._print(Text(what))

    def note(self, text: str) -> None:
        """Say something in passing."""
        self._print(Text(one_line(text), "yellow"))

    def working(self, what: str) -> None:
        """Say how far something is that is shown while it goes on, and only there."""
        self._waiting = what

    def resumed(self, fragments: Sequence[FragmentReport]) -> None:
        """These fragments were dubbed by an earlier run."""
        self._answered_s += sum(fragment.duration_s for fragment in fragments) / self._languages

    def sent(self, fragment: FragmentReport) -> None:
        """A fragment is on its way."""
        self._in_flight[fragment.sequence_number, fragment.target_language] = fragment, time.monotonic()

    def answered(self, fragment: FragmentReport) -> None:
        """A fragment is back, dubbed or failed."""
        self._in_flight.pop((fragment.sequence_number, fragment.target_language), None)
        self._answered_s += fragment.duration_s / self._languages
        if self._console.is_terminal:
            self._recent.append(fragment)
        else:
            self._print(describe(fragment))

    def _print(self, line: Text) -> None:
        # One line a fragment, however narrow the pipe claims to be.
        self._console.print(line, soft_wrap=True)

    def _render(self) -> RenderableType:
        parts: list[RenderableType] = []
        # Snapshots: the live table is drawn in a thread of its own.
        answered, in_flight = tuple(self._recent), tuple(self._in_flight.values())
        if answered or in_flight:
            parts.append(_table(answered, in_flight))
        if self._waiting:
            parts.append(Spinner("dots", Text(f" {self._waiting}")))
        if self._estimated_s:
            done = min(self._answered_s, self._estimated_s)
            line = Table.grid(padding=(0, 1))
            bar = ProgressBar(total=self._estimated_s, completed=done, width=40)
            line.add_row(bar, f"{clock(done)} of {clock(self._estimated_s)}")
            parts.append(line)
        return Group(*parts)


class LogLines(logging.Handler):
    """Shows log records as notes: one line each, without tracebacks."""

    def __init__(self, display: Display) -> None:
        super().__init__(logging.WARNING)
        self._display = display

    def emit(self, record: logging.LogRecord) -> None:
        """Show a record."""
        self._display.note(record.getMessage())


def describe(fragment: FragmentReport) -> Text:
    """A fragment's fate on one line."""
    begin, end = clock(fragment.start_s), clock(fragment.start_s + fragment.duration_s)
    line = Text.assemble(f"{_name(fragment):>4}  {begin}-{end}  ")
    for name, stage in zip(("recognised", "translated", "spoken"), STAGES, strict=True):
        line.append_text(Text.assemble(f"{name} ", stage_cell(fragment, stage), "  "))
    line.append_text(verdict(fragment))
    if fragment.transcript:
        line.append(f"  {one_line(fragment.transcript)}")
    if fragment.translated_text:
        line.append(f" → {one_line(fragment.translated_text)}")
    return line


def stage_cell(fragment: FragmentReport, stage: str) -> Text:
    """How long a stage took, or that it failed, or nothing where it was not reached."""
    took_ms = getattr(fragment, f"{stage}_ms")
    if took_ms is not None:
        return Text(f"{took_ms / 1000:.1f} s", "green")
    if fragment.error is not None and fragment.error.stage == stage:
        return Text("failed", "red")
    # A failure tells no times, but what was said before it.
    known = {"asr": fragment.transcript, "translation": fragment.translated_text}.get(stage)
    return Text("-", "dim") if known is None else Text("done", "green")


def verdict(fragment: FragmentReport) -> Text:
    """When the answer came and what it was worth."""
    if fragment.latency_s is None:
        return Text("unanswered", "red")
    took = f"{fragment.latency_s:.1f} s"
    if fragment.status not in SERVED:
        code = one_line(fragment.error.code) if fragment.error else fragment.status
        return Text(f"{took} {code}", "red")
    if fragment.late:
        return Text(f"{took} late", "yellow")
    return Text(f"{took} partial", "yellow") if fragment.status == "partial" else Text(took, "green")


def _table(
    answered: tuple[FragmentReport, ...], in_flight: tuple[tuple[FragmentReport, float], ...]
) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("#", justify="right", no_wrap=True)
    table.add_column("at", no_wrap=True)
    for heading in ("recognised", "translated", "spoken", "answered in"):
        table.add_column(heading, no_wrap=True)
    # The one column that gives way on a narrow screen; its texts are cut, not wrapped.
    table.add_column("dub")
    for fragment in answered:
        said = one_line(fragment.translated_text or fragment.transcript or "")
        stages = [stage_cell(fragment, stage) for stage in STAGES]
        number, at = _name(fragment), clock(fragment.start_s)
        table.add_row(number, at, *stages, verdict(fragment), Text(said, no_wrap=True, overflow="ellipsis"))
    now = time.monotonic()
    for fragment, since in in_flight:
        waiting = Text(f"{now - since:.0f} s …", "dim")
        table.add_row(_name(fragment), clock(fragment.start_s), "", "", "", waiting, "")
    return table


def _name(fragment: FragmentReport) -> str:
    return f"{fragment.sequence_number} {fragment.target_language}".rstrip()


def closing_table(report: DubReport) -> Table:
    """The run summed up."""
    totals = report.totals
    targets = ", ".join(report.outputs) or report.target_language
    table = Table(title=f"{report.source_language} → {targets}", show_header=False, title_justify="left")
    table.add_column(style="dim")
    table.add_column()
    fragments = totals.fragments // max(len(report.outputs), 1)
    table.add_row("speech", f"{clock(totals.audio_s)} in {fragments} fragments")
    table.add_row("dubbed", _fates(report))
    if totals.latency_p50_s is not None and totals.latency_p95_s is not None:
        table.add_row(
            "answered in", f"{totals.latency_p50_s:.1f} s (median), {totals.latency_p95_s:.1f} s (p95)"
        )
        table.add_row("real-time factor", f"{totals.real_time_factor:.2f}")
        table.add_row("kept up with real time", Text("yes", "green") if totals.kept_up else Text("no", "red"))
    if totals.lag_max_ms is not None and totals.lag_p95_ms is not None:
        table.add_row("behind its source", _lag(totals))
    if report.tail_s:
        table.add_row("longer than its source", f"by {report.tail_s:.1f} s")
    return table


def _lag(totals: Totals) -> str:
    most, p95 = (totals.lag_max_ms or 0) / 1000, (totals.lag_p95_ms or 0) / 1000
    said = f"{most:.1f} s (at most), {p95:.1f} s (p95)"
    if totals.lag_slope_ms_per_h is None or totals.audio_s < SLOPE_FROM_S:
        return said
    return f"{said}, {totals.lag_slope_ms_per_h:+.0f} ms an hour"


def _fates(report: DubReport) -> str:
    totals = report.totals
    named = {
        "well": totals.success,
        "partly": totals.partial,
        "failed": totals.failed,
        "unanswered": totals.unanswered,
        "late": totals.late,
    }
    return ", ".join(f"{count} {name}" for name, count in named.items() if count) or "nothing"
