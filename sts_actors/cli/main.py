"""`sts-actors`: the commands, and how they answer to a mistyped line."""

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

import sts_actors
from sts_actors.cli.boundary import guarded, tell
from sts_actors.cli.config import config
from sts_actors.cli.demo import demo
from sts_actors.cli.doctor import doctor
from sts_actors.cli.dub import dub
from sts_actors.cli.errors import CommandError, ExitCode
from sts_actors.cli.evaluating.command import evaluate
from sts_actors.cli.models import models
from sts_actors.cli.replay import replay
from sts_actors.cli.serve import serve
from sts_actors.cli.tree import tree
from sts_actors.cli.voices import voices

app = typer.Typer(
    name="sts-actors",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (serve, dub, demo, replay, doctor, config, tree):
    app.command()(guarded(command))
app.command("eval")(guarded(evaluate))
app.add_typer(models)
app.add_typer(voices)


def show_version(asked: bool) -> None:
    """Answer `--version`, whatever else stands on the line."""
    if asked:
        typer.echo(f"sts-actors {sts_actors.__version__}")
        raise typer.Exit


@app.callback()
def options(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", help="Say which version this is.", callback=show_version, is_eager=True),
    ] = False,
) -> None:
    """Live speech dubbing: speech in, speech in another language out, in order and in time."""
    del version  # its callback has answered


def run(arguments: Sequence[str]) -> int:
    """Run one command line; the exit code."""
    try:
        code = app(args=list(arguments), prog_name="sts-actors", standalone_mode=False)
    except typer.Abort:
        return tell(KeyboardInterrupt())
    except Exception as error:  # noqa: BLE001 - the edge: nothing goes past it as a traceback
        # Typer keeps its own class for usage errors private, and has moved it once.
        describe = getattr(error, "format_message", None)
        if describe is None:
            return tell(error)
        message = describe()
        if not message:
            # Nothing was asked for, so the help was shown.
            return int(ExitCode.INPUT)
        return tell(CommandError(f"{message} (--help lists what there is)"))
    return code if isinstance(code, int) else 0


def main() -> None:
    """Run the process's own command line and end the process."""
    sys.exit(run(sys.argv[1:]))
