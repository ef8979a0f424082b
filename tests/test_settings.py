"""Settings from defaults, profile, file, environment and command line."""

from pathlib import Path

import attrs
import pytest

from sts_actors.errors import ConfigError
from sts_actors.settings import PROFILES, Settings, load_settings


def load(environment=None, **arguments):
    return load_settings(environment=environment or {}, **arguments)


@pytest.mark.parametrize("profile", PROFILES)
def test_every_profile_that_ships_is_valid(profile):
    assert load(profile=profile).profile == profile


def test_each_source_wins_over_those_before_it(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("[server]\nport = 9001\nhost = '0.0.0.0'\n[stream]\nmax_inflight = 9\n")
    assert load().port == 8000
    assert load(config_file=file).port == 9001
    assert load({"PORT": "9002"}, config_file=file).port == 9002
    assert load({"PORT": "9002"}, config_file=file, overrides={"port": 9003}).port == 9003
    assert load({"PORT": "9002"}, config_file=file, overrides={"port": None}).host == "0.0.0.0"


def test_a_profile_changes_what_it_names_and_nothing_else():
    changed = {
        field.name
        for field in attrs.fields(Settings)
        if getattr(load(profile="fake"), field.name) != getattr(load(profile="embedded"), field.name)
    }
    assert changed == {
        "profile",
        "asr_engine",
        "translation_engine",
        "tts_engine",
        "asr_batch",
        "tts_batch",
        "duration_policy",
        "engine_grace_s",
    }


@pytest.mark.parametrize(
    ("variable", "value", "allowed"),
    [
        ("PORT", "eight", "an integer from 0 to 65535"),
        ("PORT", "70000", "an integer from 0 to 65535"),
        ("DURATION_VARIANCE_SUCCESS_MAX", "nan", "a number of at least 0"),
        ("LOG_LEVEL", "LOUD", "one of DEBUG"),
        ("STS_ALLOW_PUBLIC_WITHOUT_TOKEN", "perhaps", "true or false"),
        ("MAX_INFLIGHT", "0", "an integer from 1 to 10"),
    ],
)
def test_a_value_that_does_not_parse_is_one_line_with_variable_value_and_what_is_allowed(
    variable, value, allowed
):
    with pytest.raises(ConfigError) as caught:
        load({variable: value})
    message = str(caught.value)
    assert variable in message
    assert value in message
    assert allowed in message
    assert "\n" not in message


def test_an_empty_variable_counts_as_absent():
    assert load({"PORT": ""}).port == 8000


@pytest.mark.parametrize(
    "content", ["[server", "[server]\nprot = 1\n", "[server]\nport = '80'\n", "[server]\nport = true\n"]
)
def test_a_wrong_file_is_refused_by_name(tmp_path, content):
    file = tmp_path / "mine.toml"
    file.write_text(content)
    with pytest.raises(ConfigError, match=r"mine\.toml"):
        load(config_file=file)


def test_a_missing_file_is_refused_by_name(tmp_path):
    with pytest.raises(ConfigError, match=r"gone\.toml"):
        load(config_file=tmp_path / "gone.toml")


def test_an_unknown_profile_is_refused_with_the_known_ones():
    with pytest.raises(ConfigError, match="embedded, production, fake"):
        load(profile="cheap")


def test_no_secret_stands_in_a_repr_or_an_error(tmp_path):
    assert "canary" not in repr(load({"STS_AUTH_TOKEN": "canary"}))
    file = tmp_path / "mine.toml"
    file.write_text("[server]\nauth_token = ['canary']\n")
    with pytest.raises(ConfigError) as caught:
        load(config_file=file)
    assert "canary" not in str(caught.value)


def test_every_setting_stands_in_the_documentation():
    table = (Path(__file__).parents[1] / "docs/configuration.md").read_text()
    for field in attrs.fields(Settings):
        if field.name != "profile":
            assert f"| `{field.metadata['path']}` |" in table
            assert all(f"`{variable}`" in table for variable in field.metadata["env"])
