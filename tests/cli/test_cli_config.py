"""`sts-actors config`."""

import json

import pytest

from sts_actors.cli.main import run


@pytest.fixture
def bare(monkeypatch):
    """No variable of the surroundings."""
    for name in ("PORT", "HOST", "STS_AUTH_TOKEN", "DEEPL_AUTH_KEY", "DEEPL_API_KEY", "LOG_LEVEL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    return monkeypatch


def test_each_setting_is_shown_with_its_value_and_where_it_came_from(bare, capsys, tmp_path) -> None:
    bare.setenv("MAX_INFLIGHT", "7")
    file = tmp_path / "mine.toml"
    file.write_text("[server]\nlog_level = 'DEBUG'\n")
    assert run(["config", "--profile", "fake", "--port", "9000", "--config", str(file)]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["server.port", "9000", "--port"] in lines
    assert ["server.host", "127.0.0.1", "defaults.toml"] in lines
    assert ["stream.max_inflight", "7", "environment", "MAX_INFLIGHT"] in lines
    assert ["server.log_level", "DEBUG", str(file)] in lines
    assert ["tts.engine", "fake", "profile", "fake"] in lines


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_secret_is_not_shown_but_that_it_is_set_is(bare, capsys, options) -> None:
    bare.setenv("STS_AUTH_TOKEN", "canary")
    bare.setenv("DEEPL_API_KEY", "canary")
    assert run(["config", *options]) == 0
    out = capsys.readouterr().out
    assert "canary" not in out
    assert out.count("(set)") == 2


def test_programs_get_json(bare, capsys) -> None:
    assert run(["config", "--json", "--profile", "fake"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["profile"] == "fake"
    assert {"setting": "server.port", "value": 8000, "from": "defaults.toml"} in told["settings"]


def test_every_fault_is_a_line_on_standard_error(bare, capsys) -> None:
    bare.setenv("PORT", "eight")
    bare.setenv("LOG_LEVEL", "LOUD")
    assert run(["config"]) != 0
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("sts-actors: ") for line in lines)


def test_square_brackets_in_a_value_are_shown_as_they_are(bare, capsys) -> None:
    bare.setenv("HOST", "[/fe80::1]")
    assert run(["config"]) == 0
    assert "[/fe80::1]" in capsys.readouterr().out


def test_a_setting_stays_on_one_line_in_a_pipe_however_long_it_is(bare, capsys) -> None:
    bare.setenv("COLUMNS", "80")
    origins = ",".join(f"https://{number}.example" for number in range(20))
    bare.setenv("CORS_ALLOWED_ORIGINS", origins)
    assert run(["config"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["server.cors_allowed_origins", origins, "environment", "CORS_ALLOWED_ORIGINS"] in lines
