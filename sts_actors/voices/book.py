"""The voices as they are now: read at the start, read anew when the file or a recording of it changes."""

import logging
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import trio

from sts_actors.actors.compute import Compute, in_thread
from sts_actors.errors import ConfigError
from sts_actors.voices.profile import Voices
from sts_actors.voices.reading import read_entries, read_voices

log = logging.getLogger(__name__)

POLL_S = 2.0

Marks = dict[Path, tuple[int, ...] | None]
"""What a change of a file shows in, by path; None where there is no file."""
Check = Callable[[Voices], Iterable[str]]


def _no_faults(_: Voices) -> tuple[str, ...]:
    return ()


@attrs.define(eq=False)
class VoiceBook:
    """The `current` voices. Whoever took some out of them keeps those, whatever becomes of the file."""

    path: Path | None = None
    keep: Path = attrs.field(factory=Path, kw_only=True)
    """The folder for copies of the recordings; they stay as long as the service does."""
    compute: Compute = attrs.field(default=in_thread, kw_only=True)
    current: Voices = attrs.field(factory=Voices, init=False)
    _marks: Marks = attrs.field(factory=dict, init=False)
    _told: frozenset[str] = attrs.field(factory=frozenset, init=False)
    _changed: trio.Event = attrs.field(factory=trio.Event, init=False)

    async def read(self) -> None:
        """Read the file for the first time.

        Raises:
            ConfigError: its faults.
        """
        if self.path is not None:
            self._marks = await self.compute(_all_marks, self.path)
            self.current = await self.compute(read_voices, self.path, self.keep)

    async def watch(self, check: Check = _no_faults) -> None:
        """Look at the file every `POLL_S` seconds, for ever; without a file, return at once."""
        while self.path is not None:
            await trio.sleep(POLL_S)
            await self.look(check)

    async def look(self, check: Check = _no_faults) -> None:
        """Take up what has changed since the last look.

        A file with faults, its own or those that `check` finds, changes nothing: each is logged as a
        warning, once for as long as it stands.
        """
        if self.path is None:
            return
        # Before reading: what changes in between is seen by the next look.
        if await self.compute(_marks, tuple(self._marks)) == self._marks:
            return
        self._marks = await self.compute(_all_marks, self.path)
        faults: Iterable[str]
        try:
            voices = await self.compute(read_voices, self.path, self.keep)
            faults = tuple(check(voices))
        except ConfigError as error:
            faults = error.args
        for fault in faults:
            if fault not in self._told:
                log.warning("the voices stay as they were: %s", fault)
        self._told = frozenset(faults)
        if not faults and voices != self.current:
            self.current = voices
            log.info("%d voices read anew from %s", len(voices.profiles), self.path)
            self._changed.set()
            self._changed = trio.Event()

    async def wait_changed(self) -> None:
        """Wait until the current voices are others than now."""
        await self._changed.wait()


@asynccontextmanager
async def open_voice_book(path: Path | None, *, compute: Compute = in_thread) -> AsyncIterator[VoiceBook]:
    """The voices of the file at `path`, read and checked; None is a book without voices.

    Raises:
        ConfigError: the file's faults, or no room for copies of its recordings.
    """
    if path is None:
        yield VoiceBook()
        return
    try:
        folder = tempfile.TemporaryDirectory(prefix="sts-voices-", ignore_cleanup_errors=True)
    except OSError as error:
        raise ConfigError(f"no room for copies of voices: {error}; set TMPDIR to another folder") from None
    with folder as keep:
        book = VoiceBook(path, keep=Path(keep), compute=compute)
        await book.read()
        yield book


def _all_marks(path: Path) -> Marks:
    """Of the file, and of the recordings that it names."""
    file = _marks((path,))
    try:
        profiles = read_entries(path).voices.profiles.values()
    except ConfigError:
        return file
    return file | _marks(p.reference_audio for p in profiles if p.reference_audio is not None)


def _marks(paths: Iterable[Path]) -> Marks:
    return {path: _mark(path) for path in paths}


def _mark(path: Path) -> tuple[int, ...] | None:
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    # The inode too: a file put in another's place may have its size and its time.
    return found.st_mtime_ns, found.st_size, found.st_ino
