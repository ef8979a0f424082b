"""What of a text goes into one call, and in which language."""

import re
from collections.abc import Callable, Collection, Mapping
from importlib.util import find_spec
from typing import Any

from sts_actors.engines.sentences import split_text

CODES: Mapping[str, str] = {"zh": "zh-cn"}
"""Upstream's code for a language where it is another than the primary one."""
NEEDED: Mapping[str, str] = {"zh": "pypinyin", "ja": "cutlet"}
"""The package that upstream needs besides to spell a language out."""
USUAL_LIMIT = 200
DIGITS: Mapping[str, tuple[str, ...]] = {
    "hi": ("शून्य", "एक", "दो", "तीन", "चार", "पाँच", "छह", "सात", "आठ", "नौ"),
}
"""For a language whose numbers the library does not know at all: each digit is read by itself."""


def spoken_languages(codes: Collection[str], tokens: Collection[str]) -> tuple[str, ...]:
    """The primary codes of the languages that a model speaks here.

    Args:
        codes: upstream's, of the checkpoint's configuration.
        tokens: of its vocabulary: each language has a mark of its own.
    """
    primary = {code.split("-")[0]: code for code in codes}
    return tuple(
        sorted(
            language
            for language, code in primary.items()
            if f"[{CODES.get(language, code)}]" in tokens
            and (language not in NEEDED or find_spec(NEEDED[language]) is not None)
        )
    )


def tokens_of(text: str, language: str, encode: Callable[[str], list[int]]) -> list[int]:
    """The tokens of `text`, numbers spelt out: as ordinals and amounts where upstream can, else plainly."""
    try:
        return encode(text)
    except NotImplementedError:
        return encode(with_plain_numbers(text, language))


def with_plain_numbers(text: str, language: str) -> str:
    """`text` with its numbers as words: cardinals, or digit by digit."""

    def words(match: re.Match[str]) -> str:
        from num2words import num2words  # noqa: PLC0415 - comes with the engine

        try:
            return f" {num2words(int(match[1]), lang=language)} "
        except NotImplementedError:
            return "".join(f" {DIGITS[language][int(digit)]} " for digit in match[1] if language in DIGITS)

    return re.sub(r"(\d+)\.?", words, text)


def split_for(
    text: str,
    limit: int,
    encode: Callable[[str], list[int]],
    most_tokens: int,
) -> list[list[int]]:
    """The tokens of `text`, in pieces that the model can speak.

    Args:
        text: to speak; white space around it does not count.
        limit: of characters in a piece.
        encode: a piece's tokens.
        most_tokens: that a piece may have: numbers and abbreviations are spelt out, so characters do not
        tell.
    """
    pieces = []
    for piece in split_text(text, limit):
        tokens = encode(piece.text)
        if len(tokens) <= most_tokens or len(piece.text) == 1:
            pieces.append(tokens[:most_tokens])
        else:
            pieces += split_for(piece.text, (len(piece.text) + 1) // 2, encode, most_tokens)
    return pieces


def character_limit(tokenizer: Any, language: str) -> int:
    """Beyond so many characters upstream's model loses the thread."""
    limits: Mapping[str, int] = tokenizer.char_limits
    return limits.get(language, USUAL_LIMIT)
