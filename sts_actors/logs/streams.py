"""A line for each decision about a stream and its fragments.

At INFO: what opens, closes, fails, is restarted or refused; of refusals and failures of one kind, one line in
ten seconds for each stream. At DEBUG: all of them, each fragment's way through the stages, and what was said.
"""

import logging
from typing import Any

import attrs
import structlog
import trio
from structlog.contextvars import bind_contextvars

from sts_actors.errors import ServiceError
from sts_actors.messages import (
    TAIL,
    FragmentFailed,
    FragmentHeader,
    Result,
    StreamConfig,
    Transcript,
    Translation,
)
from sts_actors.waiting import Waiting
from sts_actors.witness import StreamWitness, Witness, Work

NAME = "sts_actors.streams"
QUIET_S = 10.0
"""For so long after a line, others of its kind are told at DEBUG."""


@attrs.define(eq=False)
class Sparing:
    """Which of many lines alike is worth INFO."""

    _last: dict[str, float] = attrs.field(factory=dict)
    _kept_back: dict[str, int] = attrs.field(factory=dict)

    def level(self, kind: str) -> tuple[int, dict[str, int]]:
        """The line's level, and how many came before it that were kept back."""
        now = trio.current_time()
        if now - self._last.get(kind, -QUIET_S) < QUIET_S:
            self._kept_back[kind] = self._kept_back.get(kind, 0) + 1
            return logging.DEBUG, {}
        self._last[kind] = now
        more = self._kept_back.pop(kind, 0)
        return logging.INFO, {"kept_back": more} if more else {}


class LogWitness(Witness):
    """Logs what streams do. A stream's lines, its actors' own ones too, bear its name and session."""

    def __init__(self) -> None:
        self._sparing = Sparing()
        self._log = _logger()

    def opened(self, session_id: str, config: StreamConfig, *, worker_id: str) -> StreamWitness:
        """Told in the stream's task: what it starts says whose it is."""
        bind_contextvars(stream=config.stream_id, session=session_id)
        log = _logger().bind(stream=config.stream_id, session=session_id)
        log.info(
            "stream opened",
            worker=worker_id,
            source=config.source_language,
            targets=list(config.targets),
            seam=config.seam.value,
            timeout_ms=config.timeout_ms,
        )
        return _StreamLog(log, languages=len(config.targets))

    def turned_away(self, error: ServiceError) -> None:
        """A worker without a stream."""
        level, more = self._sparing.level(error.code)
        self._log.log(level, "turned away", code=error.code.value, reason=error.message, **more)


class _StreamLog(StreamWitness):
    def __init__(self, log: Any, *, languages: int) -> None:
        self._log = log
        self._sparing = Sparing()
        self._waiting = Waiting()
        self._languages = languages
        self._answers: dict[int, int] = {}
        self._opened = trio.current_time()
        self._outcomes = {"success": 0, "partial": 0, "failed": 0}
        self._restarts = 0

    def stands(self, state: str) -> None:
        self._log.debug("stream stands", state=str(state))

    def pressed(self, level: str) -> None:
        self._log.debug("backpressure told", pressure=level)

    def admitted(self, header: FragmentHeader) -> None:
        self._answers[header.index] = 0
        self._log.debug("fragment admitted", **_named(header), duration_ms=header.duration_ms)

    def refused(self, error: ServiceError, fragment_id: str | None) -> None:
        level, more = self._sparing.level(f"refused {error.code}")
        self._log.log(
            level, "refused", fragment=fragment_id, code=error.code.value, reason=error.message, **more
        )

    def worked(self, work: Work) -> None:
        if not logging.getLogger(NAME).isEnabledFor(logging.DEBUG):
            return
        queue_s = self._waiting.before(work)
        told: dict[str, Any] = {}
        if work.code is not None:
            told["code"] = work.code.value
        if isinstance(work.product, Transcript | Translation):
            told["text"] = work.product.text
        self._log.debug(
            "stage done",
            **_named(work.header),
            stage=work.stage,
            language=work.language,
            queue_s=round(queue_s, 3),
            work_s=round(work.ended - work.began, 3),
            **told,
        )

    def answered(self, result: Result, elapsed_s: float) -> None:
        header = result.header
        self._forget(header)
        self._outcomes[result.outcome] += 1
        told: dict[str, Any] = {"elapsed_s": round(elapsed_s, 3)}
        if isinstance(result, FragmentFailed):
            level, more = self._sparing.level(f"failed {result.stage} {result.code}")
            self._log.log(
                level,
                "fragment failed",
                **_named(header),
                stage=result.stage.value,
                language=result.target_language,
                code=result.code.value,
                reason=result.message,
                **told,
                **more,
            )
            return
        self._log.debug(
            "fragment answered",
            **_named(header),
            language=result.target_language,
            outcome=result.outcome,
            lag_ms=result.lag_ms,
            **told,
        )

    def restarted(self, actor: str, cause: BaseException | None) -> None:
        self._restarts += 1
        self._log.info("actor restarted", actor=actor, cause=type(cause).__name__ if cause else None)

    def closed(self) -> None:
        seconds = round(trio.current_time() - self._opened, 3)
        unanswered = len(self._answers)
        self._log.info(
            "stream closed", seconds=seconds, **self._outcomes, unanswered=unanswered, restarts=self._restarts
        )

    def _forget(self, header: FragmentHeader) -> None:
        if header.index not in self._answers:
            return
        self._answers[header.index] += 1
        if self._answers[header.index] >= self._languages:
            del self._answers[header.index]
            self._waiting.forget(header)


def _named(header: FragmentHeader) -> dict[str, Any]:
    # What is left after the last fragment goes by that one's name.
    tail = {"tail": True} if header.index == TAIL else {}
    return {"fragment": header.fragment_id, "sequence_number": header.sequence_number, **tail}


def _logger() -> Any:
    """With its own processors: it tells where the process has set up no log, too, as its loggers do."""
    return structlog.wrap_logger(
        logging.getLogger(NAME),
        processors=[structlog.stdlib.filter_by_level, structlog.stdlib.render_to_log_kwargs],
        wrapper_class=structlog.stdlib.BoundLogger,
    )
