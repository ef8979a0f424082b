"""The TOML files that settings come from."""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sts_actors.config_files import read_config
from sts_actors.settings.values import SettingError


def read_files(profile: str, config_file: Path | None) -> Iterator[tuple[str, dict[str, Any] | SettingError]]:
    """Each file's name and its values by path (`server.port`), or what is wrong with it, the weakest first.

    Raises:
        ConfigError: a file of our own is missing.
    """
    yield "defaults.toml", _parse(read_config("defaults.toml"), "defaults.toml")
    source = f"profile {profile}"
    yield source, _parse(read_config(f"profiles/{profile}.toml"), source)
    if config_file is not None:
        try:
            data = config_file.read_bytes()
        except OSError as error:
            yield str(config_file), SettingError(f"cannot read {config_file}: {error.strerror}")
        else:
            yield str(config_file), _parse(data, str(config_file))


def _parse(data: bytes, source: str) -> dict[str, Any] | SettingError:
    try:
        return _flatten(tomllib.loads(data.decode()))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        return SettingError(f"{source} is not valid TOML: {error}")


def _flatten(table: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for section, content in table.items():
        if isinstance(content, dict):
            flat |= {f"{section}.{key}": value for key, value in content.items()}
        else:
            flat[section] = content
    return flat
