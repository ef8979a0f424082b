"""The report on disk: written however a run ends."""

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from sts_actors.cli.errors import CommandError
from sts_actors.cli.report import DubReport, as_json


class ReportFile:
    """Writes a report when its block is left, whole or broken off. A context manager.

    Args:
        path: where to, or None for nowhere.
        make: the report, told whether the run was completed.

    Raises:
        CommandError: the file cannot be written; from `__enter__`, before any work is done.
    """

    def __init__(self, path: Path | None, make: Callable[[bool], DubReport]) -> None:
        self._path = path
        self._make = make

    def __enter__(self) -> Self:
        if self._path is not None:
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._path.touch()
            except OSError as error:
                raise self._unwritable(error) from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._path is None:
            return
        try:
            self._path.write_bytes(as_json(self._make(error is None)))
        except OSError as fault:
            # An error that is on its way says more than one from writing about it.
            if error is None:
                raise self._unwritable(fault) from None

    def _unwritable(self, error: OSError) -> CommandError:
        return CommandError(f"cannot write {self._path}: {error.strerror or error}; give another --report")
