"""`sts-actors config`: the effective settings, and where each came from."""

import json
from pathlib import Path
from typing import Annotated, Any

import attrs
import typer
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from sts_actors.cli.dub import Profile
from sts_actors.settings import Effective, load_effective, setting_fields
from sts_actors.settings.values import allowed, is_secret

_WIDEST = 1_000_000


def config(
    profile: Annotated[Profile, typer.Option(help="Which engines to run on.")] = "embedded",
    host: Annotated[str | None, typer.Option(help="As of serve.", show_default=False)] = None,
    port: Annotated[int | None, typer.Option(help="As of serve.", show_default=False)] = None,
    config_file: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="A TOML file with settings.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Show the settings that `serve` would run with, and where each comes from. Secrets are not shown."""
    effective = load_effective(
        profile=profile, config_file=config_file, overrides={"host": host, "port": port}
    )
    rows = shown(effective)
    if as_json:
        typer.echo(json.dumps({"profile": profile, "settings": rows}, indent=2))
        return
    console = Console(highlight=False)
    table = Table("setting", "value", "from", box=None, pad_edge=False)
    section = ""
    for row in rows:
        head = row["setting"].partition(".")[0]
        if section and head != section:
            table.add_row()
        section = head
        # As `Text`: square brackets in an address or a path are no markup.
        table.add_row(row["setting"], Text(_text(row["value"])), Text(row["from"]))
    console.print(f"profile {profile}")
    if not console.is_terminal:
        # Nobody's window is too narrow: a setting stays whole, on its line.
        console.width = Measurement.get(console, console.options.update(width=_WIDEST), table).maximum
    console.print(table)


def shown(effective: Effective) -> list[dict[str, Any]]:
    """Each setting with its value and its source; of a secret only whether it is set."""
    return [
        {
            "setting": field.metadata["path"],
            "value": _masked(field, getattr(effective.settings, name)),
            "from": effective.sources[name],
        }
        for name, field in setting_fields().items()
    ]


def reference() -> str:
    """The table of docs/configuration.md."""
    lines = ["| setting | environment | default | allowed | |", "|---|---|---|---|---|"]
    defaults = load_effective(profile="embedded", environment={})
    for name, field in setting_fields().items():
        its = field.metadata
        variables = ", ".join(f"`{variable}`" for variable in its["env"])
        default = json.dumps(getattr(defaults.settings, name), ensure_ascii=False)
        lines.append(f"| `{its['path']}` | {variables} | `{default}` | {allowed(field)} | {its['means']} |")
    return "\n".join(lines) + "\n"


def _masked(field: "attrs.Attribute[Any]", value: Any) -> Any:
    if is_secret(field):
        return "(set)" if value else "(not set)"
    return value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
