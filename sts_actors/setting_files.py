"""The TOML files that settings come from."""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sts_actors.config_files import read_config
from sts_actors.errors import ConfigError


def read_files(profile: str, config_file: Path | None) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each file's name and its values by path (`server.port`), the weakest first.

    Raises:
        ConfigError: a file is not there, or no TOML.
    """
    for source, data in _files(profile, config_file):
        yield source, _flatten(_parse_toml(data, source))


def _files(profile: str, config_file: Path | None) -> Iterator[tuple[str, bytes]]:
    yield "defaults.toml", read_config("defaults.toml")
    yield f"profile {profile}", read_config(f"profiles/{profile}.toml")
    if config_file is not None:
        try:
            yield str(config_file), config_file.read_bytes()
        except OSError as error:
            raise ConfigError(f"cannot read {config_file}: {error.strerror}") from None


def _parse_toml(data: bytes, source: str) -> dict[str, Any]:
    try:
        return tomllib.loads(data.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{source} is not valid TOML: {error}") from None


def _flatten(table: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for section, content in table.items():
        if isinstance(content, dict):
            flat |= {f"{section}.{key}": value for key, value in content.items()}
        else:
            flat[section] = content
    return flat
