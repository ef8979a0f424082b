"""Where words heard anew go on from words that are decided."""

from collections.abc import Sequence

from sts_actors.audio.seams.spelling import bare
from sts_actors.messages import Word

NEAR_S = 1.0
"""Two hearings of a word put its end no further apart."""
LONGEST_MATCH = 6


def not_yet_said(
    heard: Sequence[Word], said: Sequence[Word], since_s: float, *, near_s: float = NEAR_S
) -> tuple[Word, ...]:
    """Those of the words heard that come after the last one said.

    Args:
        heard: words from some moment before the end of `said` on.
        said: words that are decided.
        since_s: up to when they go; words are told apart by it where none are the same.
        near_s: within this the same word can have been heard to end.
    """
    spelt, known = [bare(word) for word in heard], [bare(word) for word in said]
    for length in range(min(LONGEST_MATCH, len(said), len(heard)), 0, -1):
        tail = known[-length:]
        ends = [end for end in range(length, len(heard) + 1) if spelt[end - length : end] == tail]
        if ends:
            apart_s, end = min((abs(heard[end - 1].end_s - said[-1].end_s), end) for end in ends)
            if apart_s < near_s:
                return tuple(heard[end:])
    return tuple(word for word in heard if (word.start_s + word.end_s) / 2 > since_s)
