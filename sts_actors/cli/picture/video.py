"""The last step of a dub with a picture: all of it in one file, shown as it is written."""

from collections.abc import Mapping
from pathlib import Path

import attrs
import trio

from sts_actors.cli.errors import CommandError
from sts_actors.cli.naming import OutputPaths
from sts_actors.cli.picture.muxing import Dubbed, Muxing
from sts_actors.cli.plain import clock
from sts_actors.cli.progress import Display


@attrs.frozen(kw_only=True)
class Picture:
    """Where the picture is, and what becomes of the sound that goes with it: see `Muxing`."""

    source: Path
    audio_track: int
    start_s: float
    replace_audio: bool
    subtitles: bool


async def write_video(
    picture: Picture, paths: Mapping[str, OutputPaths], source_language: str, display: Display
) -> None:
    """Write the file with all languages in `paths`, under its partial name.

    Raises:
        CommandError: it cannot be written.
    """
    partial = [each.partial for each in paths.values()]
    output, source_srt = partial[0].video, partial[0].source_srt
    if output is None or source_srt is None:
        raise CommandError("a dub without a picture has no video to write")
    dubs = tuple(
        Dubbed(language=language, wav=each.wav, srt=each.target_srt)
        for language, each in zip(paths, partial, strict=True)
    )
    muxing = Muxing(
        output=output,
        dubs=dubs,
        source_language=source_language,
        source_srt=source_srt,
        **attrs.asdict(picture),
    )
    for what in await trio.to_thread.run_sync(muxing.left_out):
        display.note(f"left out of {output.name}: {what}")
    display.waiting(f"writing {output.name}")
    steps = muxing.steps()
    # Step by step, so that Ctrl-C is heard between them.
    while (done_s := await trio.to_thread.run_sync(next, steps, None)) is not None:
        display.working(f"writing {output.name}: {clock(done_s)}")
    display.waiting("")
