"""The edge of the command line: whatever stops a command becomes one line on stderr and an exit code."""

import os
import sys
import traceback
from collections.abc import Callable, Iterator
from functools import wraps
from typing import ParamSpec

import typer

from sts_actors.cli.errors import CommandError, ExitCode, Kept
from sts_actors.cli.plain import one_line
from sts_actors.client import ClientError, StreamRefused
from sts_actors.errors import ConfigError, ErrorCode, ServiceError
from sts_actors.logs import Redactor, secrets_of
from supervision import RestartIntensityExceeded

P = ParamSpec("P")

TRACEBACK_VARIABLE = "STS_TRACEBACK"
"""Set to anything, it shows tracebacks after all: for those who work on this project."""

_ASKED_WRONGLY = frozenset(
    {ErrorCode.INVALID_CONFIG, ErrorCode.INVALID_VOICE_PROFILE, ErrorCode.UNSUPPORTED_LANGUAGE}
)


def guarded(command: Callable[P, None]) -> Callable[P, None]:
    """`command` with this edge around it; Typer sees the same signature."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except (typer.Exit, typer.Abort):
            raise
        except (Exception, KeyboardInterrupt, BaseExceptionGroup) as error:  # noqa: BLE001 - users see no traceback
            raise typer.Exit(tell(error)) from None

    return run


def tell(error: BaseException) -> int:
    """Print the line for `error`, or for each of its faults, to stderr; the exit code that goes with it."""
    message, code = explain(error)
    if os.environ.get(TRACEBACK_VARIABLE):
        traceback.print_exception(error)
    several = [leaf.args for leaf in _leaves(error) if isinstance(leaf, ConfigError) and len(leaf.args) > 1]
    hidden = Redactor(secrets_of())
    for line in several[0] if several else (message,):
        sys.stderr.write(f"sts-actors: {one_line(hidden.text(line))}\n")
    return int(code)


def explain(error: BaseException) -> tuple[str, int]:
    """The line and the exit code for an exception or a group of them; the one most worth telling wins."""
    leaves = list(_leaves(error))
    message, code = min((_one(leaf) for leaf in leaves), key=lambda said: _RANKS.index(said[1]))
    kept = [
        note for each in _every(error) for note in getattr(each, "__notes__", ()) if isinstance(note, Kept)
    ]
    return "; ".join((message, *dict.fromkeys(kept))), code


_RANKS = (ExitCode.INTERRUPTED, ExitCode.INPUT, ExitCode.SERVICE, ExitCode.BUG)
"""Which error of a group is the cause and which ones follow from it: Ctrl-C breaks connections, and so on."""


def _one(error: BaseException) -> tuple[str, ExitCode]:
    match error:
        case KeyboardInterrupt():
            said = "interrupted", ExitCode.INTERRUPTED
        case CommandError():
            said = error.message, error.code
        case ConfigError():
            said = str(error), ExitCode.INPUT
        case ServiceError() | StreamRefused():
            said = str(error), ExitCode.INPUT if error.code in _ASKED_WRONGLY else ExitCode.SERVICE
        case ClientError():
            said = str(error), ExitCode.SERVICE
        case RestartIntensityExceeded():
            said = f"{error}: {error.__cause__ or 'no cause known'}", ExitCode.SERVICE
        case OSError() if error.strerror:
            said = ": ".join(filter(None, (error.filename, error.strerror))), ExitCode.SERVICE
        case _:
            told = f"an error of sts-actors itself, please report it: {type(error).__name__}: {error}"
            said = f"{told} ({TRACEBACK_VARIABLE}=1 shows where)", ExitCode.BUG
    return said


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for part in error.exceptions:
            yield from _leaves(part)
    else:
        yield error


def _every(error: BaseException) -> Iterator[BaseException]:
    yield error
    if isinstance(error, BaseExceptionGroup):
        for part in error.exceptions:
            yield from _every(part)
