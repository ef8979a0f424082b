"""Whether words that follow a given beginning were said: a decoder can be led astray by it."""

import math
from collections.abc import Sequence
from itertools import pairwise

from sts_actors.audio.seams.settings import SeamSettings
from sts_actors.audio.seams.spelling import bare
from sts_actors.audio.seams.state import Spans, length_s, within
from sts_actors.messages import Word

_LEAST = 1e-6
_LONGEST_LOOP = 12
WORD_S = 0.15
CHARACTER_S = 0.06
DIGIT_S = 0.5


def has_holes(words: Sequence[Word], voice: Spans, settings: SeamSettings, *, since_s: float) -> bool:
    """Whether something was left out: more voice up to the end of a word, or of two, than they take to say.

    The first word follows what was decided up to `since_s`.
    """
    spare_s = []
    for word in words:
        said = within(voice, min(since_s, word.start_s), word.end_s)
        spare_s.append(length_s(said) - _usual_s(word))
        since_s = word.end_s
    return any(max(one, one + other) > settings.hole_s for one, other in pairwise((*spare_s, 0.0)))


def _usual_s(word: Word) -> float:
    """About how long it takes to say a word; a number is one, however many digits are read out."""
    characters = sum(map(str.isalnum, word.text))
    return max(WORD_S + CHARACTER_S * characters, DIGIT_S * sum(map(str.isdigit, word.text)))


def likelihood(words: Sequence[Word]) -> float:
    """The geometric mean of the words' probabilities; 1 for none."""
    if not words:
        return 1.0
    return math.exp(sum(math.log(max(word.probability, _LEAST)) for word in words) / len(words))


def repeats(new: Sequence[Word], before: Sequence[Word], shortest: int) -> bool:
    """Whether a phrase is said twice in a row, the second time in `new`; a word or two, four times."""
    spelt = [bare(word) for word in (*before, *new)]
    first_new = len(before)
    for length in range(1, _LONGEST_LOOP + 1):
        times = 2 if length >= shortest else 4
        for end in range(max(first_new + 1, length * times), len(spelt) + 1):
            tail = spelt[end - length * times : end]
            if tail == tail[:length] * times:
                return True
    return False
