"""A text too long for one call, cut where a reader would pause. Pure."""

import re

import attrs

_SENTENCE_ENDS = re.compile(r"""[.!?…]+["'»”’)\]]*(?=\s)|[。！？]+["”」』）]*|\S(?=\s*\n)""")  # noqa: RUF001 - Chinese and Japanese marks
_WORD_ENDS = re.compile(r"\S(?=\s)")
_SPACE = re.compile(r"\s*")


@attrs.frozen
class Piece:
    """A part of a text without white space around it, and the white space that stood behind it."""

    text: str
    space: str


def split_text(text: str, limit: int) -> list[Piece]:
    """Cut `text` into pieces of at most `limit` characters, as few as its sentences allow.

    Where a sentence is longer than that it is cut between words, and a word that is longer anywhere. Joined
    again, each with its `space`, the pieces are `text.strip()`.

    Raises:
        ValueError: `limit` is below 1.
    """
    if limit < 1:
        raise ValueError(f"a piece holds at least one character, not {limit}")
    text, pieces, start = text.strip(), [], 0
    while len(text) - start > limit:
        end = _last_end(text, start, start + limit)
        space = _space_at(text, end)
        pieces.append(Piece(text[start:end], space))
        start = end + len(space)
    if start < len(text):
        pieces.append(Piece(text[start:], ""))
    return pieces


def _last_end(text: str, start: int, stop: int) -> int:
    for ends in (_SENTENCE_ENDS, _WORD_ENDS):
        # One more character, so that an end at `stop` can see the space behind it.
        found = [match.end() for match in ends.finditer(text, start, stop + 1) if match.end() <= stop]
        if found:
            return found[-1]
    return stop


def _space_at(text: str, position: int) -> str:
    match = _SPACE.match(text, position)
    return match[0] if match else ""
