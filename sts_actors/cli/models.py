"""`sts-actors models`: the data that engines load."""

from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from sts_actors import profiles
from sts_actors.cli.boundary import guarded
from sts_actors.cli.dub import Profile
from sts_actors.engines.assets import cache_folder
from sts_actors.settings import load_settings

models = typer.Typer(
    name="models", help="Model data: where it is and whether it is whole.", no_args_is_help=True
)


@models.callback()
def options() -> None:
    """Model data: where it is and whether it is whole."""


def prepare(
    profile: Annotated[Profile, typer.Option(help="Whose engines' data.")] = "embedded",
) -> None:
    """Join, fetch and verify what a profile's engines load; quick when all is there."""
    prepare_models(profile, Console())


models.command()(guarded(prepare))


def prepare_models(profile: str, console: Console) -> None:
    """Prepare a profile's model data, with a progress bar on `console`.

    Raises:
        ConfigError: something is missing that cannot be done without; the line says how to get it.
    """
    settings = load_settings(profile=profile)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    bars: dict[str, TaskID] = {}
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:

        def advance(name: str, done: int, size: int) -> None:
            if name not in bars:
                bars[name] = progress.add_task(name, total=size)
            progress.update(bars[name], completed=done)

        def warn(text: str) -> None:
            console.print(Text(text, "yellow"), soft_wrap=True)

        profiles.prepare(settings, advance, warn)
    needed = [asset.name for asset in profiles.needed_assets(settings)]
    said = f"model data for {profile} is ready: {', '.join(needed)} in {cache_folder()}"
    console.print(Text(said if needed else f"{profile} needs no model data"), soft_wrap=True)
