"""What passes between a stream's seams and its recogniser, and what is remembered between fragments.

All samples are mono at `RATE_HZ`. All times are seconds from the start of the fragment in hand, or, in a
`SeamState`, of the one to come: below 0 is before it.
"""

import attrs
import numpy as np

from sts_actors.messages import Samples, Word

RATE_HZ = 16_000
Spans = tuple[tuple[float, float], ...]


@attrs.frozen(kw_only=True)
class Question:
    """What the recogniser is asked.

    `prefix` is what `pcm` begins with. No words are wanted where there is no voice after `since_s`, counted
    from the start of `pcm`.
    """

    pcm: Samples = attrs.field(repr=False, eq=False)
    prefix: str = ""
    since_s: float = 0.0


@attrs.frozen(kw_only=True)
class Heard:
    """The recogniser's answer, timed from the start of the question's samples."""

    words: tuple[Word, ...] = ()
    voice: Spans = ()

    def shifted(self, by_s: float) -> "Heard":
        """The same, timed from another moment."""
        return Heard(
            words=tuple(shifted(word, by_s) for word in self.words),
            voice=tuple((start_s + by_s, end_s + by_s) for start_s, end_s in self.voice),
        )


def shifted(word: Word, by_s: float) -> Word:
    """A word timed from another moment."""
    return attrs.evolve(word, start_s=word.start_s + by_s, end_s=word.end_s + by_s)


@attrs.frozen(kw_only=True)
class SeamState:
    """What is left of the fragments so far.

    Args:
        audio: their end.
        words: decided, and spoken in `audio`.
        decided_s: up to when all is decided; 0 or less, and what comes after it is carried.
    """

    audio: Samples = attrs.field(factory=lambda: np.zeros(0, np.float32), repr=False, eq=False)
    words: tuple[Word, ...] = ()
    decided_s: float = 0.0


@attrs.frozen(kw_only=True)
class Decided:
    """The words that a fragment decides, and the state for the next."""

    words: tuple[Word, ...]
    state: SeamState


def within(spans: Spans, start_s: float, end_s: float) -> Spans:
    """Those parts of spans that lie between two moments."""
    clipped = ((max(left, start_s), min(right, end_s)) for left, right in spans)
    return tuple((left, right) for left, right in clipped if left < right)


def length_s(spans: Spans) -> float:
    """How long spans are together."""
    return sum(right - left for left, right in spans)
