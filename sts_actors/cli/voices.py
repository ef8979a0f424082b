"""`sts-actors voices`: which voices there are."""

import tempfile
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sts_actors import profiles
from sts_actors.cli.boundary import guarded
from sts_actors.cli.dub import Profile
from sts_actors.cli.plain import one_line
from sts_actors.cli.voices_add import add
from sts_actors.errors import ConfigError
from sts_actors.settings import Settings, load_settings
from sts_actors.voices import VoiceProfile, Voices, read_voices

voices = typer.Typer(
    name="voices", help="The voices to dub with: list them, add one.", invoke_without_command=True
)


def show(
    context: typer.Context,
    profile: Annotated[Profile, typer.Option(help="Whose synthesiser.")] = "embedded",
    file: Annotated[
        Path | None,
        typer.Option(help="A file of voices.  [default: VOICE_PROFILES_PATH]", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """List the voices of the file of voices, checked, and those that the synthesiser has built in."""
    if context.invoked_subcommand is not None:
        return
    settings = load_settings(profile=profile)
    rows, note = listed(settings, file)
    if as_json:
        typer.echo(
            orjson.dumps({"profile": profile, "voices": rows, "note": note}, option=orjson.OPT_INDENT_2)
        )
        return
    console = Console(highlight=False)
    table = Table("voice", "language", "gender", "what", "default for", box=None, pad_edge=False)
    for row in rows:
        cells = (
            row["name"],
            row["language"] or "any",
            row["gender"],
            row["what"],
            ", ".join(row["default_for"]),
        )
        # As `Text`: square brackets in a name are no markup.
        table.add_row(*(Text(one_line(cell)) for cell in cells))
    if rows:
        console.print(table)
    if note:
        console.print(Text(note, "yellow"), soft_wrap=True)
    if not rows and not note:
        console.print(f"no voices are known before {settings.tts_engine} is loaded")


voices.callback()(guarded(show))
voices.command()(guarded(add))


def listed(settings: Settings, file: Path | None) -> tuple[list[dict[str, Any]], str]:
    """A row for each voice, the file's first; and what keeps the built-in ones from being known, or "".

    Raises:
        ConfigError: the faults of the file.
    """
    path = file or (Path(settings.voice_profiles_path) if settings.voice_profiles_path else None)
    its = Voices()
    if path is not None:
        with tempfile.TemporaryDirectory(prefix="sts-voices-") as keep:
            its = read_voices(path, Path(keep))
    rows = [_row(profile, its) for profile in its.profiles.values()]
    try:
        builtin, note = profiles.builtin_voices(settings), ""
    except ConfigError as error:
        builtin, note = {}, f"the voices of {settings.tts_engine} are not known: {error}"
    rows += [
        {
            "name": name,
            "language": language,
            "gender": "",
            "description": "",
            "what": f"built into {settings.tts_engine}",
            "default_for": [],
        }
        for name, language in builtin.items()
        if name not in its.profiles
    ]
    return rows, note


def _row(profile: VoiceProfile, its: Voices) -> dict[str, Any]:
    clip = profile.clip
    return {
        "name": profile.name,
        "language": profile.language,
        "gender": profile.gender,
        "description": profile.description,
        "what": f"recording of {clip.duration_s:.1f} s at {clip.sample_rate_hz} Hz, {profile.reference_audio}"
        if clip
        else f"built-in voice {profile.voice}",
        "default_for": [language for language, name in its.defaults.items() if name == profile.name],
    }
