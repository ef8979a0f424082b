"""What the journal knows of one fragment. Pure."""

import attrs

from sts_actors.messages import FragmentFailed, FragmentHeader, Result
from sts_actors.waiting import Handed
from sts_actors.witness import Work


@attrs.frozen(kw_only=True)
class Span:
    """A stage's work on a fragment; from `queued`, when the stage before was through, it waited to begin.

    `language` is the target's, empty where the work is for all; `code` what it failed with here.
    """

    stage: str
    language: str
    queued: float
    began: float
    ended: float
    code: str | None


@attrs.frozen(kw_only=True)
class Answer:
    """How a fragment was answered in one language; `code` is what it failed with, or why it has no dub."""

    at: float
    outcome: str
    code: str | None = None
    lag_ms: int | None = None
    speed: float | None = None


@attrs.define(kw_only=True, eq=False)
class FragmentEntry:
    """One fragment: how it went through the line, and what it was answered."""

    header: FragmentHeader
    answers: dict[str, Answer] = attrs.field(factory=dict)
    _spans: dict[tuple[str, str], Span] = attrs.field(factory=dict, init=False)
    _handed: Handed = attrs.field(factory=Handed, init=False)

    @property
    def spans(self) -> tuple[Span, ...]:
        """In the order in which they ended."""
        return tuple(self._spans.values())

    def worked(self, work: Work) -> None:
        """Take in that a stage is through with it."""
        # Its true length is known once it has been decoded.
        self.header = work.header
        self._spans[work.stage, work.language] = Span(
            stage=work.stage,
            language=work.language,
            queued=self._handed.since(work),
            began=work.began,
            ended=work.ended,
            code=None if work.code is None else work.code.value,
        )

    def answered(self, language: str, result: Result, at: float) -> bool:
        """Take in its answer in one language; False where it has one: this answers a repeat."""
        if language in self.answers:
            return False
        self.answers[language] = judge(result, at)
        return True


def judge(result: Result, at: float) -> Answer:
    """What a result is told as."""
    if isinstance(result, FragmentFailed):
        return Answer(at=at, outcome=result.outcome, code=result.code.value)
    return Answer(
        at=at,
        outcome=result.outcome,
        code=None if result.fallback is None else result.fallback.code.value,
        lag_ms=result.lag_ms,
        speed=result.speed_ratio,
    )
