"""`sts-actors dub`: a file in, the same file in another language out."""

import logging
import os
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import attrs
import trio
import typer
from rich.console import Console
from rich.text import Text

from sts_actors.app import run_service
from sts_actors.cli.dubbing import MAX_FRAGMENT_S, DubRequest, DubRun
from sts_actors.cli.errors import CommandError, ExitCode
from sts_actors.cli.interrupt import interruptible
from sts_actors.cli.media import open_audio
from sts_actors.cli.output import DubWriter, OutputPaths, outputs_by_language
from sts_actors.cli.progress import Display, LogLines, closing_table
from sts_actors.cli.report import DubReport
from sts_actors.cli.report_file import ReportFile
from sts_actors.client import ConnectFailed
from sts_actors.client.address import parse_address
from sts_actors.settings import Settings, load_settings

Profile = Literal["embedded", "production", "fake"]
Seam = Literal["carry", "fixed"]
BedMode = Literal["duck", "none"]


def dub(
    source: Annotated[
        Path, typer.Argument(metavar="INPUT", help="Any file with sound in it.", show_default=False)
    ],
    output: Annotated[
        Path | None,
        typer.Argument(
            metavar="[OUTPUT]", help="A WAV file or a folder.  [default: INPUT.<to>.wav]", show_default=False
        ),
    ] = None,
    *,
    from_: Annotated[
        str, typer.Option("--from", metavar="LANGUAGE", help="The language spoken in it.")
    ] = "en",
    to: Annotated[
        str,
        typer.Option(
            "--to", metavar="LANGUAGE[,…]", help="The language to dub it in, or several at once: pt,es."
        ),
    ] = "pt",
    voice: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The voice to dub with, or one by language: pt=NAME,es=NAME; `doctor` lists them.",
        ),
    ] = None,
    seam: Annotated[
        Seam | None,
        typer.Option(
            help="Words that a fragment's end cuts: decide them with the next fragment, or not.",
            show_default="the service's",
        ),
    ] = None,
    bed: Annotated[
        BedMode | None,
        typer.Option(help="Leave the original underneath, softer where anyone speaks.", show_default=False),
    ] = None,
    verify: Annotated[
        float | None,
        typer.Option(
            min=0.0, max=1.0, help="The share of dubs that is listened to again.", show_default=False
        ),
    ] = None,
    fragment_seconds: Annotated[
        float, typer.Option(min=1.0, max=MAX_FRAGMENT_S, help="Seconds in a fragment.")
    ] = 6.0,
    url: Annotated[
        str | None, typer.Option(metavar="URL", help="A running service; else one is started for this dub.")
    ] = None,
    profile: Annotated[
        Profile, typer.Option(help="What the service runs on that is started for this dub.")
    ] = "embedded",
    live: Annotated[
        bool,
        typer.Option(
            "--live/--fast", help="Send fragments as they would be spoken, or as fast as they are taken."
        ),
    ] = False,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE.json", help="Write all figures here.", dir_okay=False)
    ] = None,
) -> None:
    """Dub a file: writes the dub as WAV and subtitles in both languages beside it.

    The dub is exactly as long as the input; where its last words run over, longer by that much, a few seconds
    at most. With several languages there is a dub of each: INPUT.pt.wav, INPUT.es.wav, or, for an OUTPUT of
    mine.wav, mine.pt.wav and mine.es.wav.

    A service that takes only those who know its token gets the one in STS_AUTH_TOKEN.
    """
    first, *further = read_languages(to)
    request = DubRequest(
        source_language=from_,
        target_language=first,
        further_targets=tuple(further),
        voice=read_voice(voice),
        seam=seam,
        bed=bed,
        verify=verify,
        fragment_s=fragment_seconds,
        live=live,
        token=os.environ.get("STS_AUTH_TOKEN", ""),
    )
    console = Console()
    job = DubJob(source=source, output=output, request=request, url=url, profile=profile, report=report)
    finished = run_job(job, console)
    console.print(closing_table(finished.report))
    for label, path in finished.files():
        console.print(Text(f"{label:>8}  {path}"), soft_wrap=True)
    if report is not None:
        console.print(Text(f"{'report':>8}  {report}"), soft_wrap=True)
    finished.check()


@attrs.frozen(kw_only=True)
class DubJob:
    """A dub as it was asked for; without `url` a service on `profile` is started for it."""

    source: Path
    output: Path | None
    request: DubRequest
    url: str | None
    profile: str
    report: Path | None


@attrs.frozen(kw_only=True)
class Finished:
    """A dub that ran to its end; `paths`: of its first language, `further` of the others."""

    report: DubReport
    paths: OutputPaths
    further: tuple[OutputPaths, ...] = ()

    def files(self) -> list[tuple[str, Path]]:
        """What was written, each with what it is."""
        report, each = self.report, (self.paths, *self.further)
        languages = tuple(report.outputs) or (report.target_language,)
        dubs = languages if self.further else ("dub",)
        source = [] if self.paths.source_srt is None else [(report.source_language, self.paths.source_srt)]
        return [
            *zip(dubs, (paths.wav for paths in each), strict=True),
            *source,
            *zip(languages, (paths.target_srt for paths in each), strict=True),
        ]

    def check(self) -> None:
        """Tell a dub with holes from a good one by the exit code.

        Raises:
            CommandError: fragments failed; the dub is silent there.
        """
        failed = [(f.sequence_number, f.error) for f in self.report.fragments if f.error is not None]
        if failed:
            number, fault = failed[0]
            raise CommandError(
                f"{len(failed)} of {len(self.report.fragments)} fragments failed and are silent in the dub; "
                f"the first, number {number}: {fault.code}: {fault.message}",
                code=ExitCode.SERVICE,
            )


def read_languages(to: str) -> tuple[str, ...]:
    """`--to`: one language, or several with commas between them, as the service calls them.

    Raises:
        CommandError: one is named twice, or none.
    """
    languages = tuple(part.strip() for part in to.split(","))
    if len(languages) > 1:  # answers are told apart by these, so they are written as in an answer
        languages = tuple(part.replace("_", "-").lower() for part in languages)
    if not all(languages) or len(set(languages)) < len(languages):
        raise CommandError(f"--to {to} must name each language once, with commas between them: pt,es")
    return languages


def read_voice(voice: str | None) -> str | dict[str, str] | None:
    """`--voice`: a name, or names by language: `pt=dora,es=alex`.

    Raises:
        CommandError: it is neither.
    """
    if voice is None or "=" not in voice:
        return voice
    named = [part.partition("=") for part in voice.split(",")]
    if not all(language and name for language, _, name in named):
        raise CommandError(f"--voice {voice} must be a name, or a name for each language: pt=NAME,es=NAME")
    return {language.strip(): name.strip() for language, _, name in named}


def run_job(job: DubJob, console: Console) -> Finished:
    """Dub, showing progress on `console`.

    Raises:
        CommandError, ConfigError, ClientError: alone or in groups; see `boundary`.
    """
    its = job.request
    paths, *further = outputs_by_language(
        job.source, job.output, source_language=its.source_language, target_languages=its.targets
    )
    outputs = dict(zip(its.targets, (paths, *further), strict=True)) if further else {}
    way: Callable[[DubRun], Awaitable[None]]
    if job.url is None:
        settings = load_settings(profile=job.profile, overrides={"host": "127.0.0.1", "port": 0})
        way = partial(_through_own_service, settings=settings)
    else:
        _check_url(job.url)
        way = partial(DubRun.through, url=job.url)
    with (
        open_audio(job.source) as audio,
        Display(console, estimated_s=audio.estimated_s, languages=len(its.targets)) as display,
        _logging_to(display),
        ExitStack() as files,
    ):
        writers = [
            files.enter_context(DubWriter(each, sample_rate_hz=audio.sample_rate_hz, channels=audio.channels))
            for each in (paths, *further)
        ]
        run = DubRun(request=its, audio=audio, writers=writers, display=display)
        started = time.monotonic()

        def make(complete: bool) -> DubReport:
            return DubReport(
                input=str(job.source),
                output=str(paths.wav if complete else paths.partial.wav),
                source_language=its.source_language,
                target_language=its.target_language,
                mode="live" if its.live else "fast",
                url=job.url,
                profile=None if job.url else job.profile,
                sample_rate_hz=audio.sample_rate_hz,
                channels=audio.channels,
                complete=complete,
                wall_s=time.monotonic() - started,
                fragments=run.fragments,
                tail_s=run.tail_s,
                outputs={
                    tag: str(each.wav if complete else each.partial.wav) for tag, each in outputs.items()
                },
            )

        with ReportFile(job.report, make):
            trio.run(interruptible, partial(way, run))
        if audio.damaged_packets:
            display.note(
                f"{audio.damaged_packets} damaged pieces of {job.source} could not be read and are left out"
            )
    return Finished(report=make(complete=True), paths=paths, further=tuple(further))


def _check_url(url: str) -> None:
    try:
        parse_address(url)
    except ConnectFailed as error:
        raise CommandError(str(error)) from None


async def _through_own_service(run: DubRun, settings: Settings) -> None:
    async with trio.open_nursery() as nursery:
        run.display.waiting(f"starting the engines ({settings.profile})")
        service = await nursery.start(run_service, settings)
        await service.wait_ready()
        run.display.waiting("")
        await run.through(service.url)
        nursery.cancel_scope.cancel()


@contextmanager
def _logging_to(display: Display) -> Iterator[None]:
    """Warnings of the service that runs in this process go where the progress is shown."""
    handler = LogLines(display)
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
