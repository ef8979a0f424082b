"""A text as words that can be compared: what is heard does not depend on how it is written down."""

import re
import unicodedata

_GROUPED = re.compile(r"(?<=\d)[,\u202f\u00a0'](?=\d{3}(?!\d))")
"""What groups thousands: `1,000`."""
_DECIMAL = re.compile(r"(?<=\d)[.,](?=\d)")
_WITHIN_WORDS = re.compile(r"(?<=\w)['\u2019\u02bc](?=\w)")
"""Apostrophes: `don't` is one word, however its apostrophe is drawn or left out."""
_POINT = "\ue000"
"""Stands for a decimal point while punctuation is taken away; a private character, in no text."""
_UNSPACED = (
    (0x2E80, 0x9FFF),  # radicals, kana, CJK ideographs and what stands between
    (0xF900, 0xFAFF),  # compatibility ideographs
    (0x20000, 0x3FFFF),  # the later ideographs
)
"""Scripts that put no spaces between words, as ranges of code points: each character counts as a word.

Korean has spaces, and is compared by them.
"""


def words_of(text: str) -> list[str]:
    """The words of a text, in order: lower case, without punctuation, digits kept.

    Hyphens part words, apostrophes do not; Chinese and Japanese go by characters.
    """
    plain = unicodedata.normalize("NFKC", text).casefold()
    plain = _GROUPED.sub("", plain)
    plain = _DECIMAL.sub(_POINT, plain)
    plain = _WITHIN_WORDS.sub("", plain)
    marked = "".join(_spread(character) for character in plain)
    return [word.replace(_POINT, ".") for word in marked.split()]


def _spread(character: str) -> str:
    if character == _POINT or unicodedata.category(character).startswith("M"):
        # A mark that NFKC could not join to its letter belongs to the word all the same.
        return character
    if not character.isalnum():
        return " "
    return f" {character} " if _is_unspaced(character) else character


def _is_unspaced(character: str) -> bool:
    return any(first <= ord(character) <= last for first, last in _UNSPACED)
