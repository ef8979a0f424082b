"""What Whisper's timestamp tokens say: which text was spoken when, and how far a window is done. Pure."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import attrs

from sts_actors.engines.whisper.verdicts import has_words

STEP_S = 0.02
"""Between one timestamp token and the next."""
FRAMES_PER_STEP = 2
"""Frames of features in that time."""


@attrs.frozen
class Piece:
    """Tokens between two timestamps, in seconds from the window's start; `tokens` are text alone."""

    start_s: float
    end_s: float
    tokens: tuple[int, ...]


def pieces(tokens: Sequence[int], *, first: int, frames: int) -> tuple[list[Piece], int]:
    """The pieces of a decoded window, and how many of its frames they account for.

    Two timestamps in a row end one piece and begin the next. What follows the last such pair without an end
    of its own is cut off by the window's end: it is left out, to be decoded again from there.

    Args:
        tokens: as decoded, timestamps among them.
        first: the token of 0.00 s; all above are timestamps, too.
        frames: the window's length.
    """
    marks = [index for index, token in enumerate(tokens) if token >= first]
    cuts = [right for left, right in pairwise(marks) if right == left + 1]
    closed = len(tokens) > 1 and marks[-1:] == [len(tokens) - 1] and len(tokens) - 1 not in cuts
    if not cuts:
        last = (tokens[marks[-1]] - first) * STEP_S if marks else 0.0
        return [Piece(0.0, last or frames * STEP_S / FRAMES_PER_STEP, _text(tokens, first))], frames
    ends = [*cuts, len(tokens)] if closed else cuts
    found = [
        Piece(
            (tokens[start] - first) * STEP_S,
            (tokens[end - 1] - first) * STEP_S,
            _text(tokens[start:end], first),
        )
        for start, end in pairwise([0, *ends])
    ]
    done = frames if closed else (tokens[cuts[-1] - 1] - first) * FRAMES_PER_STEP
    # A window that is not even begun would be decoded for ever.
    return found, min(done, frames) or frames


def after(timings: Sequence[dict[str, Any]], known: int) -> list[dict[str, Any]]:
    """The timed words behind the first `known` tokens, as the library gives them.

    A word that begins among them is decided, and so is the mark that ends it.
    """
    kept: list[dict[str, Any]] = []
    seen = 0
    for timing in timings:
        begins, seen = seen, seen + len(timing["tokens"])
        if begins >= known and (kept or not known or has_words(timing["word"])):
            kept.append(timing)
    return kept


def _text(tokens: Sequence[int], first: int) -> tuple[int, ...]:
    return tuple(token for token in tokens if token < first)
