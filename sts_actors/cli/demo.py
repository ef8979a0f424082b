"""`sts-actors demo`: real speech, dubbed live, with nothing but what pip has brought."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from sts_actors.cli.dub import Profile
from sts_actors.cli.dub_job import DubJob, Finished, run_job
from sts_actors.cli.dubbing import DubRequest
from sts_actors.cli.errors import CommandError
from sts_actors.cli.models import prepare_models
from sts_actors.cli.plain import clock, one_line
from sts_actors.cli.progress import closing_table
from sts_actors.cli.report import Totals
from sts_actors.cli.requirements import install_command
from sts_actors.sample import find_sample


def demo(
    folder: Annotated[
        Path, typer.Argument(metavar="[FOLDER]", help="Where to write.", file_okay=False)
    ] = Path("out"),
    *,
    profile: Annotated[Profile, typer.Option(help="Which engines to run on.")] = "embedded",
    live: Annotated[
        bool,
        typer.Option(
            "--live/--fast", help="Send fragments as they are spoken, or as fast as they are taken."
        ),
    ] = True,
) -> None:
    """Dub 44 seconds of English into Portuguese as they are spoken."""
    console = Console()
    source = find_speech()
    prepare_models(profile, console)
    job = DubJob(
        source=source,
        output=folder / f"{source.stem}.pt.wav",
        request=DubRequest(source_language="en", target_language="pt", live=live),
        url=None,
        profile=profile,
        report=folder / f"{source.stem}.json",
    )
    finished = run_job(job, console)
    console.print(closing_table(finished.report))
    for line in epilogue(finished, source):
        console.print(line, soft_wrap=True)
    finished.check()


def find_speech() -> Path:
    """The recording.

    Raises:
        CommandError: it is not installed.
    """
    sample = find_sample()
    if sample is None:
        raise CommandError(
            f"the speech to dub is not installed; install it with: {install_command('embedded')}"
        )
    return sample


def epilogue(finished: Finished, source: Path) -> list[Text]:
    """What was said, how fast, and where to listen."""
    report = finished.report
    lines = [Text("\nWhat was said", "bold")]
    for fragment in report.fragments:
        lines.append(
            Text(f"{clock(fragment.start_s):>5}  {one_line(fragment.transcript or '(nothing)')}", "dim")
        )
        lines.append(Text(f"       {one_line(fragment.translated_text or '(silence)')}"))
    lines.append(Text("\nHow fast", "bold"))
    lines.extend(Text(f"  {line}") for line in _how_fast(report.totals))
    lines.append(Text("\nListen", "bold"))
    lines.append(Text(f"  the dub       {finished.paths.wav}"))
    lines.append(Text(f"  the original  {source}"))
    return lines


def _how_fast(totals: Totals) -> list[str]:
    if totals.latency_p50_s is None or totals.latency_p95_s is None or not totals.real_time_factor:
        return ["nothing was dubbed"]
    speed = f"{1 / totals.real_time_factor:.1f} times as fast as spoken"
    median, slowest = f"{totals.latency_p50_s:.1f} s (median)", f"{totals.latency_p95_s:.1f} s (p95)"
    verdict = "it kept up with real time" if totals.kept_up else "it did not keep up with real time"
    return [
        f"{totals.audio_s:.1f} s of speech took {totals.busy_s:.1f} s of work: {speed}",
        f"each dub came {median} to {slowest} after its fragment was sent",
        verdict,
    ]
