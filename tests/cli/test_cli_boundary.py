import errno
import re

import pytest
import typer
from typer.testing import CliRunner

from sts_actors.cli.boundary import explain, guarded
from sts_actors.cli.errors import CommandError, ExitCode, Kept
from sts_actors.client import ConnectFailed, ConnectionLost, StreamRefused
from sts_actors.errors import ConfigError, ErrorCode, ServiceError
from supervision import RestartIntensityExceeded


def noted(error, note):
    error.add_note(note)
    return error


def gave_up():
    error = RestartIntensityExceeded("models/tts")
    error.__cause__ = OSError(errno.ENOENT, "No such file", "model.bin")
    return error


@pytest.mark.parametrize(
    ("error", "words", "code"),
    [
        (KeyboardInterrupt(), "interrupted", 130),
        (CommandError("do this"), "do this", 2),
        (ConfigError("PORT='x': must be an integer"), "PORT='x'", 2),
        (ServiceError(ErrorCode.UNSUPPORTED_LANGUAGE, "en to xx"), "en to xx", 2),
        (StreamRefused("UNSUPPORTED_LANGUAGE", "en to xx"), "en to xx", 2),
        (StreamRefused("MODEL_UNAVAILABLE", "loading"), "loading", 3),
        (ConnectFailed("connection refused"), "connection refused", 3),
        (gave_up(), "models/tts: .*No such file", 3),
        (OSError(errno.EACCES, "Permission denied", "x"), "x: Permission denied", 3),
        (RuntimeError("oh"), "please report it: RuntimeError: oh", 1),
    ],
)
def test_each_kind_of_trouble_has_its_line_and_its_exit_code(error, words, code):
    assert re.search(words, explain(error)[0])
    assert explain(error)[1] == code
    assert explain(BaseExceptionGroup("g", [BaseExceptionGroup("h", [error])]))[1] == code


def test_the_cause_of_a_group_is_told_not_what_followed_from_it():
    lost = ConnectionLost("gone")
    assert explain(BaseExceptionGroup("g", [lost, KeyboardInterrupt()]))[1] == ExitCode.INTERRUPTED
    assert explain(ExceptionGroup("g", [RuntimeError("bug"), lost]))[0] == "gone"
    assert explain(ExceptionGroup("g", [lost, CommandError("disk full")]))[0] == "disk full"


def test_kept_output_is_named_once_wherever_the_note_was_left():
    note = Kept("partial output kept: a.wav")
    inner = noted(KeyboardInterrupt(), note)
    group = noted(BaseExceptionGroup("g", [inner]), note)
    assert explain(group)[0] == "interrupted; partial output kept: a.wav"


def test_notes_of_others_are_not_for_users():
    assert explain(noted(CommandError("x"), "some library's note"))[0] == "x"


def invoke(error):
    app = typer.Typer()

    def fail(name: str = "x") -> None:
        raise error

    app.command()(guarded(fail))
    return CliRunner().invoke(app, ["--name", "y"])


def test_a_guarded_command_keeps_its_options_and_ends_with_one_line():
    result = invoke(CommandError("two\nlines\x1b[2J", code=ExitCode.SERVICE))
    assert result.exit_code == 3
    assert result.stderr == "sts-actors: two lines[2J\n"
    assert result.stdout == ""


def test_an_exit_passes_the_guard():
    result = invoke(typer.Exit(7))
    assert (result.exit_code, result.stderr) == (7, "")


def test_ctrl_c_is_told_as_shells_count_it():
    result = invoke(KeyboardInterrupt())
    assert (result.exit_code, result.stderr) == (130, "sts-actors: interrupted\n")


def test_a_traceback_shows_only_to_those_who_ask(monkeypatch):
    assert "Traceback" not in invoke(RuntimeError("bug")).stderr
    monkeypatch.setenv("STS_TRACEBACK", "1")
    assert "Traceback" in invoke(RuntimeError("bug")).stderr
