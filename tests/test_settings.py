"""Settings from defaults, profile, file, environment and command line."""

import json
import tempfile
from pathlib import Path

import attrs
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from sts_actors.cli.config import reference
from sts_actors.errors import ConfigError
from sts_actors.settings import PROFILES, Settings, load_effective, load_settings, setting_fields
from sts_actors.settings.values import check


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
        "seam",
    }


@pytest.mark.parametrize(
    ("variable", "value", "allowed"),
    [
        ("PORT", "eight", "an integer from 0 to 65535"),
        ("PORT", "70000", "an integer from 0 to 65535"),
        ("DURATION_VARIANCE_SUCCESS_MAX", "nan", "a number of at least 0"),
        ("ENGINE_GRACE", "inf", "a number of at least 0"),
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


def test_the_documentation_is_what_the_code_says():
    page = (Path(__file__).parents[1] / "docs/configuration.md").read_text(encoding="utf-8")
    assert reference() in page, "run: just reference"


CONTRACT = [
    "HOST",
    "PORT",
    "DEEPL_AUTH_KEY",
    "DEEPL_API_KEY",
    "DEEPL_SERVER_URL",
    "ASR_MODEL_SIZE",
    "ASR_DEVICE",
    "ASR_COMPUTE_TYPE",
    "TTS_DEVICE",
    "ASR_TIMEOUT_MS",
    "TRANSLATION_TIMEOUT_MS",
    "TTS_TIMEOUT_MS",
    "DURATION_VARIANCE_SUCCESS_MAX",
    "DURATION_VARIANCE_PARTIAL_MAX",
    "BACKPRESSURE_THRESHOLD_LOW",
    "BACKPRESSURE_THRESHOLD_MEDIUM",
    "BACKPRESSURE_THRESHOLD_HIGH",
    "BACKPRESSURE_THRESHOLD_CRITICAL",
    "VOICE_PROFILES_PATH",
    "ENABLE_ARTIFACT_LOGGING",
    "ARTIFACTS_PATH",
    "ARTIFACT_RETENTION_HOURS",
    "ARTIFACT_MAX_COUNT",
    "LOG_LEVEL",
    "MAX_INFLIGHT",
    "FRAGMENT_TIMEOUT_MS",
    "MAX_CONCURRENT_STREAMS",
    "AUTO_DISCONNECT_DELAY",
    "FALLBACK_MODE",
    "GPU_MONITORING_INTERVAL",
    "WS_PING_INTERVAL",
    "WS_PING_TIMEOUT",
    "WS_MAX_BUFFER_SIZE",
    "STS_AUTH_TOKEN",
]
"""Every name that the contract promises."""


@pytest.mark.parametrize("variable", CONTRACT)
def test_every_variable_of_the_contract_is_read(variable):
    ((name, field),) = [(n, f) for n, f in setting_fields().items() if variable in f.metadata["env"]]
    values = {
        int: ("7000000" if field.metadata["high"] is None else str(field.metadata["high"])),
        float: "3.5",
        bool: "yes",
        str: (field.metadata["choices"] or ("else",))[-1],
    }
    # Alone it might be in disagreement with its neighbours.
    beside = {other: "7000000" for other in CONTRACT if other.startswith("BACKPRESSURE")}
    beside |= {other: "3.5" for other in CONTRACT if other.startswith("DURATION")}
    effective = load_effective(environment={**beside, variable: values[field.type]})
    assert effective.sources[name] == f"environment {variable}"
    assert getattr(effective.settings, name) == check(field, field.type(values[field.type]), "")


def test_the_first_of_two_names_for_one_setting_counts():
    both = {"DEEPL_API_KEY": "old", "DEEPL_AUTH_KEY": "new"}
    assert load(both).deepl_auth_key == "new"
    assert load({"DEEPL_API_KEY": "old"}).deepl_auth_key == "old"


def test_every_fault_has_a_line_of_its_own(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("[server]\nprot = 1\n[stream]\nmax_inflight = 99\n")
    environment = {"PORT": "eight", "LOG_LEVEL": "LOUD", "STS_AUTH_TOKEN": "canary"}
    with pytest.raises(ConfigError) as caught:
        load(environment, config_file=file, overrides={"host": 7})
    lines = str(caught.value).splitlines()
    assert lines == list(caught.value.args)
    starts = [f"{file}: there is no setting server.prot", f"{file}: stream.max_inflight=99: must be"]
    starts += ["--host=7: must be", "PORT='eight': must be", "LOG_LEVEL='LOUD': must be"]
    assert len(lines) == len(starts)
    assert all(any(line.startswith(start) for line in lines) for start in starts)


@pytest.mark.parametrize("content", [None, b"[server", b"\xff"])
def test_a_file_that_cannot_be_read_hides_no_other_fault(tmp_path, content):
    file = tmp_path / "mine.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load({"PORT": "eight"}, config_file=file)
    of_the_file, of_the_port = caught.value.args
    assert str(file) in of_the_file
    assert of_the_port.startswith("PORT='eight'")


@pytest.mark.parametrize(
    "environment",
    [
        {"BACKPRESSURE_THRESHOLD_LOW": "7"},
        {"BACKPRESSURE_THRESHOLD_MEDIUM": "11", "BACKPRESSURE_THRESHOLD_CRITICAL": "20"},
        {"BACKPRESSURE_THRESHOLD_CRITICAL": "9"},
        {"DURATION_VARIANCE_SUCCESS_MAX": "0.5"},
    ],
)
def test_settings_that_make_no_sense_together_are_refused_with_both_and_their_sources(environment):
    with pytest.raises(ConfigError, match="must not be above") as caught:
        load(environment)
    (fault,) = caught.value.args
    assert "(defaults.toml)" in fault or "(environment BACKPRESSURE_THRESHOLD_MEDIUM)" in fault
    assert f"(environment {next(iter(environment))})" in fault


LAYERS = ("defaults.toml", "file", "environment", "option")


@given(st.sampled_from(sorted(setting_fields())), st.sets(st.sampled_from(LAYERS[1:])), st.data())
def test_the_strongest_source_that_names_a_setting_wins_whichever_it_is(name, layers, data):
    field = setting_fields()[name]
    low = field.metadata["low"] or 0
    values = {
        int: st.integers(int(low), int(field.metadata["high"] or low + 1000)),
        float: st.floats(low, low + 10, allow_nan=False),
        bool: st.booleans(),
        str: st.sampled_from(field.metadata["choices"] or ("a", "b")),
    }[field.type]
    section, _, key = field.metadata["path"].partition(".")
    chosen = {layer: data.draw(values) for layer in LAYERS if layer in layers}
    if not field.metadata["env"]:
        chosen.pop("environment", None)
    environment, overrides = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "mine.toml")
        file.write_text(f"[{section}]\n{key} = {json.dumps(chosen['file'])}\n" if "file" in chosen else "")
        if "environment" in chosen:
            environment = {field.metadata["env"][0]: str(chosen["environment"])}
        if "option" in chosen:
            overrides = {name: chosen["option"]}
        try:
            effective = load_effective(environment=environment, config_file=file, overrides=overrides)
        except ConfigError:
            reject()  # drawn without regard to its neighbours
    strongest = next((layer for layer in reversed(LAYERS) if layer in chosen), None)
    if strongest is None:
        assert effective.sources[name] in {"defaults.toml", "profile embedded"}
        return
    assert getattr(effective.settings, name) == chosen[strongest]
    assert effective.sources[name] == {
        "file": str(file),
        "environment": f"environment {(field.metadata['env'] or [''])[0]}",
        "option": f"--{name.replace('_', '-')}",
    }.get(strongest)
