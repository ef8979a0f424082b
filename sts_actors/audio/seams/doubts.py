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
DIGIT_S = 0.5


def has_holes(words: Sequence[Word], voice: Spans, settings: SeamSettings, *, since_s: float) -> bool:
    """Whether something was left out: a voice between two words, or one that a word is too short for.

    The first word follows what was decided up to `since_s`; without any, nothing is left out between words.
    """
    if words and length_s(within(voice, since_s, words[0].start_s)) > settings.first_hole_s:
        return True
    between = (within(voice, left.end_s, right.start_s) for left, right in pairwise(words))
    if any(length_s(spans) > settings.hole_s for spans in between):
        return True
    return any(
        length_s(within(voice, word.start_s, word.end_s)) > _longest_s(word, settings) for word in words
    )


def _longest_s(word: Word, settings: SeamSettings) -> float:
    """How long a word can be; a number is one word, however many digits are read out."""
    if word.probability < settings.hole_probability:
        return settings.hole_s
    return max(settings.longest_word_s, DIGIT_S * sum(character.isdigit() for character in word.text))


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
