"""How a command stops early: one line for a person, one exit code for a script."""

from enum import IntEnum


class ExitCode(IntEnum):
    """What a script can tell apart."""

    BUG = 1
    """An error of ours that nobody foresaw."""
    INPUT = 2
    """The command line, a setting or a file is wrong: change it."""
    SERVICE = 3
    """A service, a model or a connection failed."""
    INTERRUPTED = 130
    """Ctrl-C, as shells count it: 128 + SIGINT."""


class CommandError(Exception):
    """Stops a command; `message` is one line that says what is wrong and how to mend it."""

    def __init__(self, message: str, *, code: ExitCode = ExitCode.INPUT) -> None:
        super().__init__(message)
        self.message = message
        self.code = code


class Kept(str):
    """A note on an exception (`add_note`) that its line ends with: where partial output lies."""

    __slots__ = ()
