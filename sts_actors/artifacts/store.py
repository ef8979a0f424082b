"""The disk: writes where nobody can lead it astray, and keeps within its quota. Blocking: for a thread."""

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import attrs

from sts_actors.artifacts.layout import FILE, FOLDER, STREAM_FILE

_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_LOOK = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@attrs.frozen(kw_only=True)
class Quota:
    """How much is kept.

    Attributes:
        max_bytes: of all files together.
        max_count: fragments.
        retention_s: how old a fragment may get.
    """

    max_bytes: int
    max_count: int
    retention_s: float


@attrs.define
class _Kept:
    """One fragment on disk."""

    size: int
    written: float


class Store:
    """The files of one root folder: those that this one wrote, and those of its predecessors.

    Only names of our own pattern are counted and deleted; what else lies there is let lie.
    """

    def __init__(self, root: Path, quota: Quota) -> None:
        self._root = root
        self._quota = quota
        self._kept: dict[tuple[str, str], _Kept] = {}
        self._size = 0

    @property
    def size(self) -> int:
        """Bytes kept."""
        return self._size

    def __len__(self) -> int:
        return len(self._kept)

    def look_around(self, now: float) -> None:
        """Count what lies there already, the oldest first, and tidy up.

        Raises:
            OSError: the folder cannot be made or read.
        """
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        found: dict[tuple[str, str], _Kept] = {}
        for folder in os.scandir(self._root):
            if not FOLDER.fullmatch(folder.name) or not folder.is_dir(follow_symlinks=False):
                continue
            for file in os.scandir(folder):
                named = FILE.fullmatch(file.name)
                if named is None or not file.is_file(follow_symlinks=False):
                    continue
                status = file.stat(follow_symlinks=False)
                kept = found.setdefault((folder.name, named["stem"]), _Kept(0, status.st_mtime))
                kept.size += status.st_size
                kept.written = max(kept.written, status.st_mtime)
        self._kept = dict(sorted(found.items(), key=lambda item: (item[1].written, item[0])))
        self._size = sum(kept.size for kept in found.values())
        self.tidy(now)

    def write(self, folder: str, name: str, data: bytes, now: float) -> None:
        """Write one file, for its owner's eyes only, and make room for it.

        Raises:
            OSError: it is there already, is a link, or the disk will not take it; nothing half-written stays.
        """
        with self._open_folder(folder) as place:
            descriptor = os.open(name, _WRITE, 0o600, dir_fd=place)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(data)
            except OSError:
                with suppress(OSError):
                    os.unlink(name, dir_fd=place)
                raise
        named = FILE.fullmatch(name)
        if named is not None:
            kept = self._kept.setdefault((folder, named["stem"]), _Kept(0, now))
            kept.size += len(data)
            self._size += len(data)
        self.tidy(now)

    def tidy(self, now: float) -> None:
        """Delete the oldest fragments until the rest is within the quota."""
        for key, kept in list(self._kept.items()):
            within = len(self._kept) <= self._quota.max_count and self._size <= self._quota.max_bytes
            if within and now - kept.written <= self._quota.retention_s:
                return
            self._delete(key)
            del self._kept[key]
            self._size -= kept.size

    def _delete(self, key: tuple[str, str]) -> None:
        folder, stem = key
        with suppress(OSError), self._open_folder(folder, make=False) as place:
            for name in self._files(place, stem):
                with suppress(OSError):
                    os.unlink(name, dir_fd=place)
        if not any(other == folder for other, _ in self._kept if (other, _) != key):
            # Its last: the folder goes, unless something foreign lies in it.
            with suppress(OSError), self._open_folder(folder, make=False) as place:
                if set(os.listdir(place)) <= {STREAM_FILE}:  # noqa: PTH208 - a path might lead elsewhere by now
                    with suppress(FileNotFoundError):
                        os.unlink(STREAM_FILE, dir_fd=place)
                    (self._root / folder).rmdir()

    def _files(self, place: int, stem: str) -> Iterable[str]:
        for name in os.listdir(place):
            named = FILE.fullmatch(name)
            if named is not None and named["stem"] == stem:
                yield name

    @contextmanager
    def _open_folder(self, folder: str, *, make: bool = True) -> Iterator[int]:
        if make:
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        root = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            if make:
                with suppress(FileExistsError):
                    os.mkdir(folder, 0o700, dir_fd=root)
            place = os.open(folder, _LOOK, dir_fd=root)
            try:
                yield place
            finally:
                os.close(place)
        finally:
            os.close(root)


def now_s() -> float:
    """The wall clock, as files have it."""
    return time.time()
