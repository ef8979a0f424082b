"""`sts-actors dub`: a file in, the same file in another language out."""

import os
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.text import Text

from sts_actors.cli.dub_job import DubJob, run_job
from sts_actors.cli.dubbing import MAX_FRAGMENT_S, DubRequest
from sts_actors.cli.errors import CommandError
from sts_actors.cli.progress import closing_table

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
            metavar="[OUTPUT]",
            help="A WAV file, one with a picture (mp4, mov, mkv, webm), or a folder.  "
            "[default: INPUT.<to>.wav, or .mp4 and so on where there is a picture]",
            show_default=False,
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
    audio_track: Annotated[
        int, typer.Option(metavar="N", min=1, help="Which of several audio tracks to dub.")
    ] = 1,
    replace_audio: Annotated[
        bool,
        typer.Option(
            "--replace-audio/--keep-audio",
            help="With a picture: leave the original sound out, or keep it too.",
        ),
    ] = False,
    subtitles: Annotated[
        bool,
        typer.Option(help="With a picture: subtitles in both languages as tracks, not only beside it."),
    ] = True,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Do not go on from a dub of before that was broken off.")
    ] = False,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE.json", help="Write all figures here.", dir_okay=False)
    ] = None,
) -> None:
    """Dub a file: writes the dub as WAV and subtitles in both languages beside it.

    Where the file has a picture, so has the dub: the picture copied as it is, the original sound, the dub as
    a further track, and the subtitles. An OUTPUT of mine.wav writes the sound alone.

    The dub is exactly as long as the input; where its last words run over, longer by that much, a few seconds
    at most. With several languages there is a dub of each: INPUT.pt.wav, INPUT.es.wav, or, for an OUTPUT of
    mine.wav, mine.pt.wav and mine.es.wav. With a picture they are tracks of one file.

    What is broken off is kept in OUTPUT.part, and the same command goes on from there.

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
    job = DubJob(
        source=source,
        output=output,
        request=request,
        url=url,
        profile=profile,
        report=report,
        audio_track=audio_track,
        replace_audio=replace_audio,
        subtitles=subtitles,
        fresh=fresh,
    )
    finished = run_job(job, console)
    console.print(closing_table(finished.report))
    for label, path in finished.files():
        console.print(Text(f"{label:>8}  {path}"), soft_wrap=True)
    if report is not None:
        console.print(Text(f"{'report':>8}  {report}"), soft_wrap=True)
    finished.check()


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
