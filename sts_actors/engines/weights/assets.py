"""Model data: joined once out of packages into a cache folder, verified by SHA-256, found at every start.

`config/models.toml` lists each file with its parts, size and hash. A file is joined beside its place and
renamed into it once its hash is right, so that what stands there is whole, whoever else joins meanwhile.
"""

import hashlib
import importlib.util
import json
import os
import tempfile
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import attrs
import platformdirs

from sts_actors.config_files import read_config
from sts_actors.errors import ConfigError

CACHE_VARIABLE = "STS_CACHE_DIR"
_BLOCK_BYTES = 1 << 20


class MissingError(ConfigError):
    """Model data is not here."""


class BrokenError(ConfigError):
    """Model data is here and wrong."""


Progress = Callable[[str, int, int], None]
"""Told of an asset, the bytes done and the bytes in all."""


@attrs.frozen(kw_only=True)
class AssetFile:
    """One file of an asset: its parts in order, each a package and a path inside it."""

    name: str
    size: int
    sha256: str
    parts: tuple[tuple[str, str], ...]


@attrs.frozen(kw_only=True)
class Asset:
    """A model as it is installed: a folder of files."""

    name: str
    stage: str = ""
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
    table = tomllib.loads(read_config("models.toml").decode())
    return {name: _asset(name, entry) for name, entry in table["assets"].items()}


def asset_folder(asset: Asset) -> Path:
    """Where an asset's files are, or will be."""
    return cache_folder() / "models" / f"{asset.name}-{asset.version}"


def find(asset: Asset) -> Path:
    """The folder of an asset that is there in full, as far as sizes tell; quick.

    Raises:
        MissingError, BrokenError: a file is not there or has another size, naming it and the remedy.
    """
    folder = asset_folder(asset)
    for file in asset.files:
        _check_size(folder / file.name, file, asset.name)
    return folder


def verify(asset: Asset, progress: Progress | None = None) -> Path:
    """The folder of an asset whose every byte was checked.

    A stamp beside a file says for which size and time of change its hash was right, so that only what has
    changed is read again.

    Raises:
        MissingError, BrokenError: a file is not there or wrong, naming it and the remedy.
    """
    folder = find(asset)
    done = 0
    for file in asset.files:
        path = folder / file.name
        if not _stamped(path, file):
            if hash_file(path) != file.sha256:
                raise _wrong_hash(path, file, asset.name)
            with suppress(OSError):
                # Models may lie where nothing can be written: then each start reads them in full.
                _stamp(path, file)
        done += file.size
        if progress is not None:
            progress(asset.name, done, asset.size)
    return folder


def join(asset: Asset, progress: Progress | None = None) -> Path:
    """The folder of an asset, joined from its packages where it is not there yet or is broken.

    Raises:
        ConfigError: a package is missing or holds something else, naming it and the remedy; or the cache
            folder cannot be written.
    """
    try:
        return verify(asset, progress)
    except ConfigError:
        pass
    folder = asset_folder(asset)
    done = 0
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file in asset.files:
            for written in _join_file(file, folder):
                done += written
                if progress is not None:
                    progress(asset.name, done, asset.size)
            _stamp(folder / file.name, file)
    except OSError as error:
        raise cannot_write(folder, error) from None
    return folder


def check(asset: Asset) -> Iterator[tuple[Path, ConfigError | None]]:
    """Every file of an asset, read in full whatever a stamp says, and what is wrong with it."""
    folder = asset_folder(asset)
    for file in asset.files:
        path = folder / file.name
        fault: ConfigError | None = None
        try:
            _check_size(path, file, asset.name)
            if hash_file(path) != file.sha256:
                _stamp_path(path).unlink(missing_ok=True)
                raise _wrong_hash(path, file, asset.name)
        except ConfigError as error:
            fault = error
        yield path, fault


def remedy(name: str) -> str:
    """What mends an asset."""
    return f"run: sts-actors models fetch {name}"


def cannot_write(folder: Path, error: OSError) -> ConfigError:
    """Why model data cannot be kept."""
    return ConfigError(
        f"cannot write model data to {folder}: {error.strerror or error}; "
        f"free some space or set {CACHE_VARIABLE} to another folder"
    )


def hash_file(path: Path) -> str:
    """The SHA-256 of a file's contents, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def package_file(package: str, path: str) -> Path:
    """A data file inside an installed package, which is not imported for it.

    Raises:
        ConfigError: the package or the file is missing.
    """
    found = importlib.util.find_spec(package)
    places = found.submodule_search_locations if found is not None else None
    if not places:
        raise ConfigError(f"the package {package} is missing; run: pip install 'sts_actors[embedded]'")
    file = Path(next(iter(places))) / path
    if not file.is_file():
        raise ConfigError(
            f"{path} is missing from the package {package}; run: pip install --force-reinstall {package}"
        )
    return file


def _check_size(path: Path, file: AssetFile, name: str) -> None:
    if not path.is_file():
        raise MissingError(f"{path} is missing; {remedy(name)}")
    size = path.stat().st_size
    if size != file.size:
        raise BrokenError(f"{path} is broken: {size} bytes where {file.size} are right; {remedy(name)}")


def _wrong_hash(path: Path, file: AssetFile, name: str) -> BrokenError:
    return BrokenError(f"{path} is broken: its SHA-256 is not {file.sha256}; {remedy(name)}")


def _join_file(file: AssetFile, folder: Path) -> Iterator[int]:
    digest = hashlib.sha256()
    handle, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=folder)
    joined = Path(name)
    try:
        with os.fdopen(handle, "wb") as target:
            for package, path in file.parts:
                with package_file(package, path).open("rb") as source:
                    while block := source.read(_BLOCK_BYTES):
                        digest.update(block)
                        target.write(block)
                        yield len(block)
        if digest.hexdigest() != file.sha256:
            packages = ", ".join(dict.fromkeys(package for package, _ in file.parts))
            raise ConfigError(
                f"{file.name} out of {packages} is broken: its SHA-256 is not {file.sha256}; "
                f"run: pip install --force-reinstall {packages.replace(',', '')}"
            )
        joined.replace(folder / file.name)
    finally:
        joined.unlink(missing_ok=True)


def _stamp_path(path: Path) -> Path:
    return path.with_name(f".{path.name}.verified")


def _stamp(path: Path, file: AssetFile) -> None:
    now = path.stat()
    content = json.dumps([file.sha256, now.st_size, now.st_mtime_ns])
    _stamp_path(path).write_text(content)


def _stamped(path: Path, file: AssetFile) -> bool:
    now = path.stat()
    try:
        stamp = json.loads(_stamp_path(path).read_text())
    except (OSError, ValueError):
        return False
    return bool(stamp == [file.sha256, now.st_size, now.st_mtime_ns])


def _asset(name: str, entry: Mapping[str, Any]) -> Asset:
    return Asset(
        name=name,
        stage=entry["stage"],
        version=entry["version"],
        licence=entry["licence"],
        files=tuple(
            AssetFile(
                name=file["name"],
                size=file["size"],
                sha256=file["sha256"],
                parts=tuple((package, path) for package, path in file["parts"]),
            )
            for file in entry["files"]
        ),
    )
