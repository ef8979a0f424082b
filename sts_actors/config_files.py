"""The data files of `config/`: inside the package where it was installed, beside it in a checkout."""

from pathlib import Path

from sts_actors.errors import ConfigError

_PACKAGE = Path(__file__).parent
_PLACES = (_PACKAGE / "_config", _PACKAGE.parent / "config")


def read_config(name: str) -> bytes:
    """The contents of `config/<name>`.

    Raises:
        ConfigError: there is no such file.
    """
    for place in _PLACES:
        file = place / name
        if file.is_file():
            return file.read_bytes()
    raise ConfigError(f"config/{name} is missing: reinstall sts_actors")
