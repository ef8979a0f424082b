"""A dub from its first sample to its last file."""

import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import attrs
import trio
from rich.console import Console

from sts_actors.app import run_service
from sts_actors.cli.dubbing import DubRequest, DubRun
from sts_actors.cli.errors import CommandError, ExitCode
from sts_actors.cli.interrupt import interruptible
from sts_actors.cli.media import AudioFile, open_audio
from sts_actors.cli.naming import OutputPaths, outputs_by_language
from sts_actors.cli.output import DubWriter
from sts_actors.cli.picture.video import Picture, write_video
from sts_actors.cli.progress import Display, LogLines
from sts_actors.cli.report import DubReport
from sts_actors.cli.report_file import ReportFile
from sts_actors.cli.unfinished.going_on import Beginning, go_on
from sts_actors.cli.unfinished.journal import Options
from sts_actors.cli.unfinished.part_folder import PartFolder
from sts_actors.client import ConnectFailed
from sts_actors.client.address import parse_address
from sts_actors.settings import Settings, load_settings


@attrs.frozen(kw_only=True)
class DubJob:
    """A dub as it was asked for; without `url` a service on `profile` is started for it.

    `audio_track` counts from 1. `replace_audio` and `subtitles` concern a file with a picture: leave the
    original sound out, add the subtitles as tracks. `fresh`: do not go on from what was broken off.
    """

    source: Path
    output: Path | None
    request: DubRequest
    url: str | None
    profile: str
    report: Path | None
    audio_track: int = 1
    replace_audio: bool = False
    subtitles: bool = True
    fresh: bool = False


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
        dubs = languages if self.further and self.paths.video is None else ("dub",)
        source = [] if self.paths.source_srt is None else [(report.source_language, self.paths.source_srt)]
        return [
            *zip(dubs, (paths.dub for paths in each), strict=False),
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


def run_job(job: DubJob, console: Console) -> Finished:
    """Dub, showing progress on `console`.

    Raises:
        CommandError, ConfigError, ClientError: alone or in groups; see `boundary`.
    """
    its = job.request
    way, made_by = _service(job)
    with ExitStack() as stack:
        audio = stack.enter_context(open_audio(job.source, job.audio_track))
        paths = dict(
            zip(
                its.targets,
                outputs_by_language(
                    job.source,
                    job.output,
                    source_language=its.source_language,
                    target_languages=its.targets,
                    picture=audio.has_picture,
                ),
                strict=True,
            )
        )
        first, *further = paths.values()
        display = stack.enter_context(
            Display(console, estimated_s=audio.estimated_s, languages=len(its.targets))
        )
        stack.enter_context(_logging_to(display))
        options = its.makes_different(audio) | {"audio track": job.audio_track, **made_by}
        part = stack.enter_context(PartFolder(paths, options, fresh=job.fresh))
        audio, beginning = _begin(job, audio, part, display, stack)
        run = _run(its, audio, beginning, part, display, stack)
        started = time.monotonic()

        def make(complete: bool) -> DubReport:
            return DubReport(
                input=str(job.source),
                output=str((first if complete else first.partial).dub),
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
                    tag: str((each if complete else each.partial).dub)
                    for tag, each in paths.items()
                    if further
                },
            )

        async def work() -> None:
            if part.journal.tails is None:
                await way(run)
            if first.video is not None:
                picture = Picture(
                    source=job.source,
                    audio_track=job.audio_track,
                    start_s=audio.start_s,
                    replace_audio=job.replace_audio,
                    subtitles=job.subtitles,
                )
                await write_video(picture, paths, its.source_language, display)

        with ReportFile(job.report, make):
            trio.run(interruptible, work)
        if audio.damaged_packets:
            display.note(
                f"{audio.damaged_packets} damaged pieces of {job.source} could not be read and are left out"
            )
        part.deliver(list(dict.fromkeys(path for each in (*further, first) for path in each.all())))
    return Finished(report=make(complete=True), paths=first, further=tuple(further))


Way = Callable[[DubRun], Awaitable[None]]


def _service(job: DubJob) -> tuple[Way, Options]:
    """How to dub, and what tells one service from another that speaks otherwise."""
    if job.url is not None:
        _check_url(job.url)
        return partial(DubRun.through, url=job.url), {"service": job.url}
    settings = load_settings(profile=job.profile, overrides={"host": "127.0.0.1", "port": 0})
    engines = (settings.asr_engine, settings.translation_engine, settings.tts_engine)
    made_by = {"profile": job.profile, "engines": " ".join(engines)}
    return partial(_through_own_service, settings=settings), made_by


def _begin(
    job: DubJob, audio: AudioFile, part: PartFolder, display: Display, stack: ExitStack
) -> tuple[AudioFile, Beginning]:
    """Find where to go on; the input is opened again where that is its beginning after all."""
    count = part.dubbed()
    fragments = job.request.fragments(audio)
    if count:
        display.waiting("looking for what was dubbed before")
        known = part.journal.entries[job.request.target_language][:count]
        beginning = go_on(fragments, [entry.digest for entry in known], job.request.heard_again)
        display.waiting("")
        if beginning is not None and (part.journal.tails is None or beginning.is_all()):
            display.note(
                f"going on from {beginning.resumed_at / audio.sample_rate_hz:.0f} s, which are dubbed"
            )
            return audio, beginning
        part.begin_anew("its input was another one")
        audio = stack.enter_context(open_audio(job.source, job.audio_track))
        fragments = job.request.fragments(audio)
    if part.begun_anew:
        display.note(f"not going on from what was dubbed before, but beginning anew: {part.begun_anew}")
    return audio, Beginning(fragments=fragments)


def _run(
    request: DubRequest,
    audio: AudioFile,
    beginning: Beginning,
    part: PartFolder,
    display: Display,
    stack: ExitStack,
) -> DubRun:
    tails = part.journal.tails or {}
    writers = [
        stack.enter_context(
            DubWriter(
                paths,
                sample_rate_hz=audio.sample_rate_hz,
                channels=audio.channels,
                written=tails[language][1] if tails else part.written(language, beginning.dubbed),
                begin_ms=round(audio.start_s * 1000),
            )
        )
        for language, paths in part.paths.items()
    ]
    return DubRun(
        request=request,
        audio=audio,
        writers=writers,
        display=display,
        beginning=beginning,
        journal=part.journal,
    )


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
