"""What `sts-actors serve` logs when it ends in a way that nobody planned."""

import json

import pytest

from sts_actors.cli import serve
from sts_actors.cli.main import run
from sts_actors.errors import ConfigError


def ending_with(error):
    async def run_service(*_args, **_kwargs):
        raise error

    return run_service


@pytest.fixture
def command(monkeypatch):
    monkeypatch.setenv("LOG_FORMAT", "json")
    return ["serve", "--profile", "fake", "--port", "0"]


def test_a_bug_that_ends_the_service_is_logged_with_its_traceback(command, monkeypatch, capsys):
    monkeypatch.setattr(serve, "run_service", ending_with(RuntimeError("a bug")))
    assert run(command) not in {0, 2}
    line, told = capsys.readouterr().err.splitlines()
    logged = json.loads(line)
    assert (logged["level"], logged["event"]) == ("critical", "the service failed")
    assert "RuntimeError: a bug" in logged["exception"]
    assert told.startswith("sts-actors: ")


def test_a_wrong_setting_is_no_bug_and_is_told_once(command, monkeypatch, capsys):
    monkeypatch.setattr(serve, "run_service", ending_with(ConfigError("choose another port")))
    assert run(command) == 2
    assert capsys.readouterr().err == "sts-actors: choose another port\n"


def test_neither_way_of_telling_what_ended_the_service_tells_its_secrets(command, monkeypatch, capsys):
    secret = "canary-token-1c8e7d"
    monkeypatch.setenv("STS_AUTH_TOKEN", secret)
    for error in (RuntimeError(f"no {secret}"), ConfigError(f"no {secret}")):
        monkeypatch.setattr(serve, "run_service", ending_with(error))
        run(command)
        shown = capsys.readouterr().err
        assert "no (hidden)" in shown
        assert secret not in shown
