"""What of a dub is written, line by line: enough to go on from there in another process.

The first line says what was asked for, each further one that a fragment's dub is written in a language, the
last one that nothing is left to dub. A line is written after what it speaks of; a process that is killed cuts
at most the last one, which then does not count.
"""

import fcntl
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import attrs
import orjson

from sts_actors.cli.errors import CommandError
from sts_actors.cli.output import SubtitlesWritten, Written
from sts_actors.cli.report import FragmentReport
from sts_actors.client import FragmentError

Options = Mapping[str, Any]
"""What was asked for: whatever makes another dub of the same sound; plain JSON."""


@attrs.frozen(kw_only=True)
class Entry:
    """A fragment's dub is written: how far the files are with it, and what it was made of.

    `digest` is that of the fragment's samples.
    """

    number: int
    digest: str
    written: Written
    report: FragmentReport


@attrs.define(eq=False)
class Journal:
    """The record of a dub in `path`, open and locked until it is closed.

    Attributes:
        options: what the dub was asked for as, or None in a new journal.
        entries: by language, in order and without holes.
        tails: by language, how much longer than the input its dub is, in seconds, and how far its files are
            then; None while anything is left to dub.
    """

    path: Path
    options: Options | None = None
    entries: dict[str, list[Entry]] = attrs.field(factory=dict)
    tails: Mapping[str, tuple[float, Written]] | None = None
    _file: BinaryIO = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._file = self.path.open("a+b")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise CommandError(f"another dub is being written in {self.path.parent}") from None
        self._read()

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def begin(self, options: Options) -> None:
        """Forget all there is, and begin anew.

        Raises:
            OSError: it cannot be written.
        """
        self._file.truncate(0)
        self.options, self.entries, self.tails = options, {}, None
        self._write({"options": dict(options)})

    def add(self, language: str, entry: Entry) -> None:
        """A fragment's dub is written; one of the same number before it counts no more.

        Raises:
            OSError: it cannot be written.
        """
        self._write({"language": language, **attrs.asdict(entry)})
        self._take(language, entry)

    def end(self, tails: Mapping[str, tuple[float, Written]]) -> None:
        """Nothing is left to dub.

        Raises:
            OSError: it cannot be written.
        """
        self._write(
            {"tails": {language: [s, attrs.asdict(written)] for language, (s, written) in tails.items()}}
        )
        self.tails = dict(tails)

    def _take(self, language: str, entry: Entry) -> None:
        its = self.entries.setdefault(language, [])
        if entry.number > len(its):
            raise ValueError("a hole")
        its[entry.number :] = [entry]
        self.tails = None

    def _write(self, line: Mapping[str, Any]) -> None:
        self._file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
        self._file.flush()

    def _read(self) -> None:
        self._file.seek(0)
        good = 0
        for line in self._file:
            try:
                self._learn(orjson.loads(line) if line.endswith(b"\n") else {})
            except (KeyError, TypeError, ValueError, AttributeError):
                break
            good += len(line)
        self._file.truncate(good)

    def _learn(self, line: dict[str, Any]) -> None:
        if self.options is None:
            self.options = dict(line["options"])
        elif "tails" in line:
            self.tails = {
                language: (float(seconds), _written(written))
                for language, (seconds, written) in line["tails"].items()
            }
        else:
            entry = Entry(
                number=line["number"],
                digest=line["digest"],
                written=_written(line["written"]),
                report=_report(line["report"]),
            )
            self._take(line["language"], entry)


def _written(raw: Mapping[str, Any]) -> Written:
    source, target = (SubtitlesWritten(**raw[which]) for which in ("source", "target"))
    return Written(frames=raw["frames"], source=source, target=target)


def _report(raw: Mapping[str, Any]) -> FragmentReport:
    error = None if raw["error"] is None else FragmentError(**raw["error"])
    return FragmentReport(**{**raw, "error": error, "warnings": tuple(raw["warnings"])})
