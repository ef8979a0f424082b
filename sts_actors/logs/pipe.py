"""The one pipe: structlog's processors behind the root logger, and whatever Python would print by itself."""

import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TextIO

import structlog

from sts_actors.logs.fields import Fields
from sts_actors.logs.lines import ConsoleLine, json_line
from sts_actors.logs.redaction import Redactor, secrets_of
from sts_actors.settings import Settings

log = logging.getLogger(__name__)

_BEFORE = (
    structlog.stdlib.ExtraAdder(),
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
    structlog.processors.StackInfoRenderer(),
    # Without the values of variables: nobody knows what stands in them.
    structlog.processors.format_exc_info,
)


class LinePipe(logging.StreamHandler[TextIO]):
    """Writes each record as a line; one that cannot be made into a line is told of, never shown as it is."""

    def __init__(self, stream: TextIO, render: Callable[..., str], redactor: Redactor) -> None:
        super().__init__(stream)
        self._render = render
        self.setFormatter(
            structlog.stdlib.ProcessorFormatter(
                foreign_pre_chain=_BEFORE,
                processors=[
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    Fields(redactor),
                    render,
                ],
            )
        )

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Python's own would print the record's arguments."""
        error = sys.exception()
        if isinstance(error, OSError | ValueError) and self.stream.closed:
            return
        told = {
            "time": datetime.now(UTC).isoformat(),
            "level": "error",
            "logger": __name__,
            "event": "a line could not be written",
            "of": record.name,
            "line": f"{record.filename}:{record.lineno}",
            "because": type(error).__name__,
        }
        try:
            self.stream.write(self._render(None, "", told) + "\n")
            self.flush()
        except (OSError, ValueError):
            # Nobody reads any more; there is no one to tell.
            return


@contextmanager
def open_logs(settings: Settings, stream: TextIO | None = None) -> Iterator[None]:
    """Have all loggers write to `stream` (standard error) for the length of the block.

    And what Python prints of errors that nobody caught, in threads and finalisers too, and of warnings.
    """
    out = sys.stderr if stream is None else stream
    terminal = out.isatty()
    as_json = settings.log_format == "json" or (settings.log_format == "auto" and not terminal)
    render = json_line if as_json else ConsoleLine(colours=terminal and not os.environ.get("NO_COLOR"))
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers[:] = [LinePipe(out, render, Redactor(secrets_of(settings)))]
    root.setLevel(settings.log_level)
    try:
        with _uncaught():
            yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)


@contextmanager
def _uncaught() -> Iterator[None]:
    def in_main(kind: type[BaseException], error: BaseException, trace: Any) -> None:
        log.critical("an error that nobody caught", exc_info=(kind, error, trace))

    def in_thread(told: threading.ExceptHookArgs) -> None:
        if told.exc_value is not None:
            error = told.exc_type, told.exc_value, told.exc_traceback
            name = told.thread.name if told.thread is not None else ""
            log.critical("an error that nobody caught, in a thread", exc_info=error, extra={"in": name})

    def unraisable(told: Any) -> None:
        error = told.exc_type, told.exc_value, told.exc_traceback
        log.error("an error that could not be raised", exc_info=error, extra={"in": told.err_msg})

    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    sys.excepthook, threading.excepthook, sys.unraisablehook = in_main, in_thread, unraisable
    logging.captureWarnings(capture=True)
    try:
        yield
    finally:
        logging.captureWarnings(capture=False)
        sys.excepthook, threading.excepthook, sys.unraisablehook = hooks
