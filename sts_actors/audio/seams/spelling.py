"""How words make a text, and which are the same word."""

from collections.abc import Iterable

from sts_actors.messages import Word

UNSPACED = frozenset({"zh", "ja", "th", "lo", "my", "yue"})
"""Written without spaces between words; what a recogniser calls a word there is a character or a few."""


def join_words(words: Iterable[Word], language: str) -> str:
    """The text of words in `language`, a primary code."""
    return ("" if language in UNSPACED else " ").join(word.text for word in words)


def bare(word: Word) -> str:
    """A word without case and marks: what is compared."""
    return "".join(character for character in word.text.casefold() if character.isalnum())
