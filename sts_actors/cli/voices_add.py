"""`sts-actors voices add`: a recording becomes a voice."""

import tempfile
from pathlib import Path
from typing import Annotated

import numpy as np
import trio
import typer

from sts_actors import profiles
from sts_actors.audio.pcm import S16_SCALE, downmix
from sts_actors.audio.wav import write_wav
from sts_actors.cli.dub import Profile
from sts_actors.cli.errors import CommandError, ExitCode
from sts_actors.cli.media import open_audio
from sts_actors.engines.ports import SynthesisedAudio, SynthesiseRequest
from sts_actors.errors import ConfigError
from sts_actors.messages import Samples, primary_language
from sts_actors.settings import Settings, load_settings
from sts_actors.voices.clips import MAX_S, ClipError, check_clip, keep_clip
from sts_actors.voices.editing import open_edit, write_whole

PREVIEW_S = 120.0
NEW_FILE = "voices.json"
"""Where no file of voices is named."""
SENTENCES = {
    "de": "So klingt diese Stimme, wenn sie einen ganzen Satz spricht.",
    "en": "This is how the voice sounds when it says a whole sentence.",
    "es": "Así suena esta voz cuando dice una frase entera.",
    "fr": "Voici comment sonne cette voix quand elle dit une phrase entière.",
    "it": "Ecco come suona questa voce quando dice una frase intera.",
    "pt": "É assim que esta voz soa quando diz uma frase inteira.",
}


def add(
    name: Annotated[str, typer.Argument(help="What workers will call the voice.", show_default=False)],
    recording: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="3 to 30 s of one speaker; any file with sound.", show_default=False
        ),
    ],
    *,
    language: Annotated[str, typer.Option(help="The language of the voice.", show_default=False)],
    gender: Annotated[str, typer.Option(help="For people.", show_default=False)] = "",
    description: Annotated[str, typer.Option(help="For people.", show_default=False)] = "",
    file: Annotated[
        Path | None,
        typer.Option(
            help="The file of voices.  [default: VOICE_PROFILES_PATH, else voices.json]", show_default=False
        ),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Take the place of a voice of this name.")
    ] = False,
    preview: Annotated[
        Path | None, typer.Option(metavar="OUT.wav", help="Speak a sentence in the voice.", dir_okay=False)
    ] = None,
    text: Annotated[str, typer.Option(help="What to speak for --preview.", show_default=False)] = "",
    profile: Annotated[Profile, typer.Option(help="Whose synthesiser speaks --preview.")] = "embedded",
) -> None:
    """Add a recording to the file of voices, as mono WAV beside it. A running service takes it up."""
    settings = load_settings(profile=profile)
    path = file or Path(settings.voice_profiles_path or NEW_FILE)
    told = {"language": language, "gender": gender, "description": description}
    fields = {key: value for key, value in told.items() if value}
    edit = open_edit(path)
    edit.check(name, fields, replace=replace)
    try:
        samples, rate_hz = read_any(recording)
    except ClipError as error:
        raise CommandError(str(error)) from None
    if preview is not None:
        spoken = text or SENTENCES.get(primary_language(language), "")
        if not spoken:
            raise CommandError(f"give --text: there is no sentence in {language} to speak")
        write_whole(preview, trio.run(speak, settings, name, language, spoken, samples, rate_hz))
        typer.echo(f"{preview}: {name} speaks")
    try:
        placed = edit.add(name, fields, write_wav(samples, rate_hz))
    except OSError as error:
        raise CommandError(f"cannot write {path}: {error.strerror}; choose another --file") from None
    typer.echo(f"{name} is in {path}, its recording in {placed}")
    if not settings.voice_profiles_path:
        typer.echo(f"for a service to speak with it: VOICE_PROFILES_PATH={path}")


def read_any(path: Path) -> tuple[Samples, int]:
    """Mono samples of any file that can be decoded, checked as those of a file of voices.

    Raises:
        ClipError: not fit to be a voice.
        CommandError: not to be read at all.
    """
    with open_audio(path) as audio:
        pieces, frames = [], 0
        for block in audio.blocks:
            pieces.append(block)
            frames += len(block)
            # One frame too many is enough to know.
            if frames > MAX_S * audio.sample_rate_hz:
                raise ClipError(f"{path} lasts longer than {MAX_S:.0f} s; cut it")
        samples = downmix(np.concatenate(pieces).astype(np.float32) / np.float32(S16_SCALE))
        check_clip(samples, audio.sample_rate_hz, path)
        return samples, audio.sample_rate_hz


async def speak(
    settings: Settings, name: str, language: str, text: str, samples: Samples, rate_hz: int
) -> bytes:
    """A sentence in the voice of the recording, as a WAV file.

    Raises:
        ConfigError: the synthesiser is not to be had, or does not clone.
        ServiceError: it could not speak.
    """
    open_runner = await trio.to_thread.run_sync(profiles.synthesiser, settings)
    with tempfile.TemporaryDirectory(prefix="sts-voices-") as folder:
        reference = keep_clip(samples, rate_hz, Path(folder)).reference
        async with open_runner() as runner:
            if not runner.info.clones:
                raise ConfigError(
                    f"{runner.info.name} does not speak in recorded voices, so there is no preview: "
                    "leave --preview out, or give a --profile that clones"
                )
            request = SynthesiseRequest(
                text=text, language=primary_language(language), voice=name, reference=reference
            )
            (answer,) = await runner.run([request], trio.current_time() + PREVIEW_S)
    if isinstance(answer, Exception):
        raise answer
    if not isinstance(answer, SynthesisedAudio):
        raise CommandError(f"{settings.tts_engine} gave no sound", code=ExitCode.SERVICE)
    return write_wav(answer.pcm, answer.sample_rate_hz)
