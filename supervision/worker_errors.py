"""What a worker process writes to its standard error: what was printed there, and what was logged there."""

import json
import logging
import re
from collections import deque
from contextlib import suppress

import trio

TAIL_LINES = 5
_LINE_BYTES = 8192
_RECORD_BYTES = 1 << 17


class ErrorLines:
    """Reads it to its end, and passes it on to the logger `supervision.worker.<name>`.

    Printed lines are passed on at DEBUG: nobody knows what libraries print. What the process logs comes at
    its own level, behind `mark`, which is known to that process alone.

    Attributes:
        tail: the last lines.
        ended: set at the end.
    """

    def __init__(self, name: str, descriptor: int, mark: str) -> None:
        self.tail: deque[str] = deque(maxlen=TAIL_LINES)
        self.ended = trio.Event()
        self._stream = trio.lowlevel.FdStream(descriptor)
        self._mark = mark.encode()
        self._log = logging.getLogger(f"supervision.worker.{name}")

    async def read(self) -> None:
        """Log it, by lines."""
        try:
            rest = b""
            async for data in self._stream:
                # Progress bars return to the start of their line instead of ending it.
                *lines, rest = re.split(rb"[\r\n]+", rest + data)
                if len(rest) > (_RECORD_BYTES if self._mark in rest else _LINE_BYTES):
                    lines.append(rest)
                    rest = b""
                self._say(lines)
            self._say([rest])
        finally:
            self.ended.set()

    def close(self) -> None:
        """Read no more."""
        self._stream.close()

    def _say(self, lines: list[bytes]) -> None:
        for line in lines:
            printed, _, record = line.partition(self._mark)
            if record:
                with suppress(ValueError, TypeError):
                    self._pass_on(**json.loads(record))
            text = printed.decode("utf-8", "replace").rstrip()
            if text:
                self.tail.append(text)
                self._log.debug("%s", text)

    def _pass_on(self, *, level: int, logger: str, text: str, trace: str) -> None:
        told = {"worker_logger": logger} | ({"exception": trace} if trace else {})
        self._log.log(level, "%s", text, extra=told)
        self.tail.append(text)


def worker_level(name: str) -> int:
    """From which level on a worker is to log: what its libraries tell at INFO is too much for a service."""
    wants_all = logging.getLogger(f"supervision.worker.{name}").isEnabledFor(logging.DEBUG)
    return logging.DEBUG if wants_all else logging.WARNING
