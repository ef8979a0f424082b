"""`sts-actors models`: the data that engines load: what there is, fetching it, verifying it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.measure import Measurement
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from sts_actors import profiles
from sts_actors.cli.boundary import guarded
from sts_actors.cli.dub import Profile
from sts_actors.cli.errors import CommandError
from sts_actors.engines.weights import assets
from sts_actors.engines.weights.catalogue import VOICES, Model, State, known_models
from sts_actors.errors import ConfigError
from sts_actors.settings import PROFILES, load_settings

MEGABYTE = 1_000_000
SHORT_HASH = 12
_WIDEST = 1000
_STYLES = {State.READY: "green", State.MISSING: "yellow", State.BROKEN: "red"}

Names = Annotated[list[str] | None, typer.Argument(help="Which models; those of `models list`.")]
Accept = Annotated[bool, typer.Option("--accept-licence", help="You have read the licences and accept them.")]

models = typer.Typer(
    name="models", help="Model data: what there is, fetching it, verifying it.", no_args_is_help=True
)


@models.callback()
def options() -> None:
    """Model data: what there is, fetching it, verifying it."""


def list_models(
    profile: Annotated[
        Profile | None, typer.Option(help="Only what this one needs.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """List the models: of which profile, how large, under which licence, where, and whether they are here."""
    rows = [row for row in described() if profile is None or profile in row["profiles"]]
    if as_json:
        typer.echo(orjson.dumps({"models": rows}, option=orjson.OPT_INDENT_2))
        return
    if not rows:
        typer.echo(f"{profile} needs no model data")
        return
    console = Console(highlight=False)
    table = Table(
        "model",
        "stage",
        "for",
        "MB",
        "licence",
        "version",
        "SHA-256",
        "state",
        "where",
        box=None,
        pad_edge=False,
    )
    for row in rows:
        table.add_row(
            row["name"],
            row["stage"],
            ", ".join(row["profiles"]) or "-",
            f"{row['size'] / MEGABYTE:.0f}",
            row["licence"],
            row["version"] if row["pinned"] else f"{row['version']} (not pinned)",
            row["sha256"][:SHORT_HASH] or "-",
            Text(row["state"], _STYLES[State(row["state"])]),
            # As `Text`: square brackets in a path are no markup.
            Text(row["folder"]),
        )
    if not console.is_terminal:
        # Nobody's window is too narrow: a model stays on its line.
        console.width = Measurement.get(console, console.options.update(width=_WIDEST), table).maximum
    console.print(table)


def fetch(
    names: Names = None,
    profile: Annotated[Profile, typer.Option(help="Whose models, where none is named.")] = "embedded",
    accept_licence: Accept = False,
) -> None:
    """Join, fetch and verify models; quick, and without a network, when all is there."""
    if not names:
        prepare_models(profile, Console(), accepted=accept_licence)
        return
    chosen = _chosen(names)
    console = Console()
    with _bars(console) as advance:
        for model in chosen:
            model.fetch(advance, accept_licence)
    for model in chosen:
        console.print(Text(f"{model.name} is ready in {model.folder}"), soft_wrap=True)


def prepare(
    profile: Annotated[Profile, typer.Option(help="Whose engines' data.")] = "embedded",
    accept_licence: Accept = False,
) -> None:
    """Do as `fetch --profile` does."""
    prepare_models(profile, Console(), accepted=accept_licence)


def verify(names: Names = None) -> None:
    """Read every byte of the models and compare the hashes; of those that are here where none is named."""
    chosen = _chosen(names) if names else [m for m in known_models().values() if m.state != State.MISSING]
    faults = 0
    for model in chosen:
        for said, fault in _checked(model):
            faults += fault
            typer.echo(said)
    if faults:
        raise CommandError(f"{faults} of the files {'is' if faults == 1 else 'are'} not right; see above")
    if not chosen:
        typer.echo("no model data is here; run: sts-actors models fetch")


for name, command in (("list", list_models), ("fetch", fetch), ("verify", verify), ("prepare", prepare)):
    models.command(name)(guarded(command))


def described() -> list[dict[str, Any]]:
    """Each model as JSON has it."""
    needed = {
        profile: {model.name for model in profiles.needed_models(load_settings(profile=profile))}
        for profile in PROFILES
    }
    return [
        {
            "name": model.name,
            "stage": model.stage,
            "profiles": [profile for profile, its in needed.items() if model.name in its],
            "size": model.size,
            "licence": model.licence,
            "version": model.version,
            "pinned": model.pinned,
            "sha256": model.sha256,
            "state": model.state.value,
            "folder": str(model.folder),
        }
        for model in known_models().values()
    ]


def prepare_models(profile: str, console: Console, *, accepted: bool = False) -> None:
    """Prepare a profile's model data, with a progress bar on `console`.

    Raises:
        ConfigError: something is missing that cannot be done without; the line says how to get it.
    """
    settings = load_settings(profile=profile)

    def warn(text: str) -> None:
        console.print(Text(text, "yellow"), soft_wrap=True)

    with _bars(console) as advance:
        profiles.prepare(settings, advance, warn, accepted=accepted)
    needed = [model.name for model in profiles.needed_models(settings) if model.name != VOICES]
    said = f"model data for {profile} is ready: {', '.join(needed)} in {assets.cache_folder()}"
    console.print(Text(said if needed else f"{profile} needs no model data"), soft_wrap=True)


@contextmanager
def _bars(console: Console) -> Iterator[assets.Progress]:
    """A bar for each model that tells of its bytes."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    bars: dict[str, TaskID] = {}
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:

        def advance(name: str, done: int, size: int) -> None:
            if name not in bars:
                bars[name] = progress.add_task(name, total=size)
            progress.update(bars[name], completed=done)

        yield advance


def _chosen(names: Sequence[str]) -> list[Model]:
    known = known_models()
    unknown = [name for name in names if name not in known]
    if unknown:
        raise CommandError(f"there is no model {', '.join(unknown)}; there are {', '.join(known)}")
    return [known[name] for name in names]


def _checked(model: Model) -> Iterator[tuple[str, bool]]:
    """A line for each file, and whether something is wrong with it."""
    try:
        for path, fault in model.check():
            yield (f"ok: {path}", False) if fault is None else (str(fault), True)
    except ConfigError as error:
        yield str(error), True
