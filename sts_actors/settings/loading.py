"""Settings: defaults, profile, file, environment, command line, in that order; validated at the start.

Each setting stands once, in one of the bases of `Settings`, with its place in the TOML files, its environment
variables, what is allowed and what it means. `config/defaults.toml` holds the default values.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

from sts_actors.errors import ConfigError
from sts_actors.settings.engines import EngineSettings
from sts_actors.settings.files import read_files
from sts_actors.settings.running import RunningSettings
from sts_actors.settings.serving import ServingSettings
from sts_actors.settings.values import SettingError, check, from_text

PROFILES = ("embedded", "production", "fake")


@attrs.frozen(kw_only=True)
class Settings(RunningSettings, EngineSettings, ServingSettings):
    """The effective settings; units stand in the names."""

    profile: str


@attrs.frozen
class Effective:
    """The settings, and where each came from, by field name: `environment PORT`, `profile fake`, `--port`."""

    settings: Settings
    sources: Mapping[str, str]


def load_settings(
    *,
    profile: str = "embedded",
    config_file: Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Settings:
    """The effective settings; arguments and errors as `load_effective`."""
    return load_effective(
        profile=profile, config_file=config_file, overrides=overrides, environment=environment
    ).settings


def load_effective(
    *,
    profile: str = "embedded",
    config_file: Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Effective:
    """The effective settings with their sources.

    Args:
        profile: one of `PROFILES`.
        config_file: a TOML file laid out as `config/defaults.toml`; any part of it.
        overrides: values by field name that win over all else: the command line's.
        environment: variables by name; the process's own by default.

    Raises:
        ConfigError: one fault each line, with the setting, its value, where it came from and what is allowed.
    """
    if profile not in PROFILES:
        raise ConfigError(f"unknown profile {profile!r}: use one of {', '.join(PROFILES)}")
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    faults: list[str] = []
    given = _given(profile, config_file, overrides or {}, os.environ if environment is None else environment)
    for name, value, source in given:
        if isinstance(value, SettingError):
            faults.append(str(value))
            continue
        values[name], sources[name] = value, source
    faults += _disagreements(values, sources)
    if faults:
        raise ConfigError(*faults)
    return Effective(Settings(profile=profile, **values), sources)


def setting_fields() -> "dict[str, attrs.Attribute[Any]]":
    """Every setting by name, but for the profile, which chooses among their values."""
    return {field.name: field for field in attrs.fields(Settings) if field.name != "profile"}


def _given(
    profile: str, config_file: Path | None, overrides: Mapping[str, Any], environment: Mapping[str, str]
) -> Iterator[tuple[str, Any, str]]:
    """Each value that a source gives, checked, the weakest source first; a `SettingError` for a bad one."""
    fields = setting_fields()
    by_path = {field.metadata["path"]: name for name, field in fields.items()}
    for source, given in read_files(profile, config_file):
        if isinstance(given, SettingError):
            yield "", given, source
            continue
        for path, value in given.items():
            if path not in by_path:
                yield "", SettingError(f"{source}: there is no setting {path}"), source
                continue
            yield by_path[path], check(fields[by_path[path]], value, f"{source}: {path}"), source
    for name, field in fields.items():
        variable = next((v for v in field.metadata["env"] if environment.get(v, "") != ""), None)
        if variable is not None:
            yield name, from_text(field, environment[variable], variable), f"environment {variable}"
        if overrides.get(name) is not None:
            option = f"--{name.replace('_', '-')}"
            yield name, check(field, overrides[name], option), option


_ASCENDING = (
    ("backpressure_low", "backpressure_medium"),
    ("backpressure_medium", "backpressure_high"),
    ("backpressure_high", "backpressure_critical"),
    ("duration_variance_success_max", "duration_variance_partial_max"),
)


def _disagreements(values: Mapping[str, Any], sources: Mapping[str, str]) -> Iterator[str]:
    """Settings that are fine alone and make no sense together."""
    fields = setting_fields()
    for lower, higher in _ASCENDING:
        if lower in values and higher in values and values[lower] > values[higher]:
            low, high = fields[lower].metadata["path"], fields[higher].metadata["path"]
            yield (
                f"{low}={values[lower]} ({sources[lower]}): "
                f"must not be above {high}={values[higher]} ({sources[higher]})"
            )
