"""The folder in which a dub grows beside its place, `match.es.mp4.part`, until it is whole."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from sts_actors.audio.wav import HEADER_BYTES
from sts_actors.cli.errors import Kept
from sts_actors.cli.naming import OutputPaths
from sts_actors.cli.output import Written, unwritable
from sts_actors.cli.plain import clock
from sts_actors.cli.unfinished.journal import Journal, Options

JOURNAL = "journal.jsonl"


class PartFolder:
    """What there is of the dub in `paths`; a context manager.

    Left by an exception, it stays, and says so, if there is anything in it to go on from; otherwise it goes.

    Args:
        paths: where the dub goes, by language.
        options: what is asked for: what was made with other ones is not gone on from.
        fresh: nothing is gone on from.

    Attributes:
        begun_anew: why what there was does not count, or None.

    Raises:
        CommandError: it cannot be written, or another process is at it; from `__enter__`.
    """

    def __init__(self, paths: dict[str, OutputPaths], options: Options, *, fresh: bool = False) -> None:
        self.paths = paths
        self.begun_anew: str | None = None
        self._path = next(iter(paths.values())).part
        self._options = options
        self._fresh = fresh

    def __enter__(self) -> Self:
        try:
            self._path.mkdir(parents=True, exist_ok=True)
            self.journal = Journal(self._path / JOURNAL)
            before = self.journal.options
            if before is None:
                self.journal.begin(self._options)
            elif self._fresh:
                self.begin_anew("as asked for")
            elif before != self._options:
                changed = sorted(
                    key for key in {*before, *self._options} if before.get(key) != self._options.get(key)
                )
                self.begin_anew(f"it was made with other options ({', '.join(changed)})")
            if not self._whole():
                self.journal.tails = None
        except OSError as error:
            raise unwritable(error, next(iter(self.paths.values())).dub) from None
        return self

    def begin_anew(self, why: str) -> None:
        """Forget what there is.

        Raises:
            CommandError: it cannot be written.
        """
        if any(self.journal.entries.values()):
            self.begun_anew = why
        try:
            self.journal.begin(self._options)
        except OSError as error:
            raise unwritable(error, self._path) from None

    def dubbed(self) -> int:
        """How many fragments are there in all languages, in files that are long enough."""
        count = min((len(self.journal.entries.get(language, ())) for language in self.paths), default=0)
        while count and not all(self._holds(tag, self.written(tag, count)) for tag in self.paths):
            count -= 1
        return count

    def written(self, language: str, count: int) -> Written:
        """How far the files of a language are with `count` fragments."""
        return self.journal.entries[language][count - 1].written if count else Written()

    def deliver(self, paths: Sequence[Path]) -> None:
        """Give files their names and places, the last one last, and remove the folder.

        Raises:
            CommandError: it cannot be done.
        """
        try:
            for path in paths:
                (self._path / path.name).replace(path)
        except OSError as error:
            raise unwritable(error, path) from None
        self._remove()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.journal.close()
        if error is None:
            return
        count = self.dubbed()
        if not count:
            self._remove()
            return
        last = self.journal.entries[next(iter(self.paths))][count - 1].report
        kept = clock(last.start_s + last.duration_s)
        error.add_note(Kept(f"{kept} are kept in {self._path}: the same command goes on from there"))

    def _whole(self) -> bool:
        tails = self.journal.tails
        return tails is not None and all(
            language in tails and self._holds(language, tails[language][1]) for language in self.paths
        )

    def _holds(self, language: str, written: Written) -> bool:
        its = self.paths[language].partial
        frame_bytes = 2 * int(self._options["channels"])
        sizes = [
            (its.wav, HEADER_BYTES + written.frames * frame_bytes),
            (its.target_srt, written.target.size),
        ]
        if its.source_srt is not None:
            sizes.append((its.source_srt, written.source.size))
        return all(path.is_file() and path.stat().st_size >= size for path, size in sizes)

    def _remove(self) -> None:
        # Only what is ours: a folder of this name may have been somebody's before.
        for its in self.paths.values():
            for path in (its.partial.wav, *its.partial.all()):
                path.unlink(missing_ok=True)
        (self._path / JOURNAL).unlink(missing_ok=True)
        with suppress(OSError):
            self._path.rmdir()
