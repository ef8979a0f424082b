"""English as it is spoken: figures and short forms written out, so that `1987` is what was said.

A recogniser chooses freely between `fifteen` and `15`; neither is an error of its hearing. One spelling is
kept of words that have two.
"""

import re
from collections.abc import Iterator

from sts_actors.quality.words import words_of

_ONES = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven"),
    *("twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = ("zero", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_LARGE = ((1_000_000_000, "billion"), (1_000_000, "million"), (1000, "thousand"), (100, "hundred"))
_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
_MONEY = {"$": "dollars", "\u00a3": "pounds", "\u20ac": "euros"}
_SHORT = {
    "%": "percent",
    "cm": "centimetres",
    "km": "kilometres",
    "g": "grams",
    "kg": "kilograms",
    "ml": "millilitres",
    "am": "a m",
    "pm": "p m",
}
"""Behind a figure."""
_ONE_SPELLING = {
    "mr": "mister",
    "mrs": "missus",
    "dr": "doctor",
    "ok": "okay",
    "gray": "grey",
    "meters": "metres",
    "centimeters": "centimetres",
    "kilometers": "kilometres",
    "milliliters": "millilitres",
    "tire": "tyre",
    "color": "colour",
    "neighbor": "neighbour",
    "recognized": "recognised",
    "program": "programme",
    "theater": "theatre",
    "favor": "favour",
    "alright": "all right",
}
_YEARS = range(1100, 2100)
_FIGURES_READ_ONE_BY_ONE = 5
"""A number with as many and no commas is no amount: an order's, a telephone's."""

_MONEY_FIGURE = re.compile(r"([$\u00a3\u20ac])\s?(\d[\d,]*(?:\.\d+)?)(\s(?:million|billion))?")
_CLOCK = re.compile(r"\b(\d{1,2}):(\d{2})\b")
_DASHED = re.compile(r"\b\d+(?:-\d+)+\b")
_ORDINAL = re.compile(r"\b(\d+)(?:st|nd|rd|th)\b", re.IGNORECASE)
_FIGURE = re.compile(r"(\d[\d,]*(?:\.\d+)?)(\s?%|\s?(?:cm|km|kg|g|ml|[ap]\.?m\.?)(?!\w))?", re.IGNORECASE)
_NUMBERS = frozenset((*_ONES, *_TENS))


def spoken_words(text: str) -> list[str]:
    """The words of an English text, as `words_of` gives them, figures and short forms written out."""
    text = _MONEY_FIGURE.sub(lambda m: f" {m[2]}{m[3] or ''} {_MONEY[m[1]]} ", text)
    text = _CLOCK.sub(lambda m: f" {_clock(m[1], m[2])} ", text)
    text = _DASHED.sub(lambda m: " ".join(_one_by_one(m[0])), text)
    text = _ORDINAL.sub(lambda m: f" {_ordinal(int(m[1]))} ", text)
    text = _FIGURE.sub(lambda m: f" {' '.join(_figure(m[1]))} {_short(m[2])} ", text)
    words = [part for word in words_of(text) for part in _ONE_SPELLING.get(word, word).split()]
    return list(_without_and(words))


def _short(mark: str | None) -> str:
    return _SHORT[mark.strip().replace(".", "").lower()] if mark else ""


def _clock(hours: str, minutes: str) -> str:
    if minutes == "00":
        return f"{_amount(int(hours))} o'clock"
    return " ".join((_amount(int(hours)), "oh" if minutes[0] == "0" else "", _amount(int(minutes))))


def _one_by_one(figures: str) -> list[str]:
    return [_ONES[int(figure)] for figure in figures if figure.isdigit()]


def _ordinal(number: int) -> str:
    *before, last = _amount(number).split()
    regular = f"{last[:-1]}ieth" if last.endswith("y") else f"{last}th"
    return " ".join((*before, _ORDINALS.get(last, regular)))


def _figure(figure: str) -> list[str]:
    whole, _, decimals = figure.rstrip(",").partition(".")
    plain = whole.replace(",", "")
    if decimals:
        return [_amount(int(plain)), "point", *_one_by_one(decimals)]
    if plain == whole and (plain.startswith("0") or len(plain) >= _FIGURES_READ_ONE_BY_ONE):
        return _one_by_one(plain)
    if plain == whole and int(plain) in _YEARS and len(plain) == len("1987"):
        return [_year(int(plain))]
    return [_amount(int(plain))]


def _year(year: int) -> str:
    century, rest = divmod(year, 100)
    if century % 10 == 0 and rest < len(_TENS):
        return _amount(year)
    if rest == 0:
        return f"{_amount(century)} hundred"
    return f"{_amount(century)} {'oh ' if rest < len(_TENS) else ''}{_amount(rest)}"


def _amount(number: int) -> str:
    if number < len(_ONES):
        return _ONES[number]
    for unit, name in _LARGE:
        if number >= unit:
            many, rest = divmod(number, unit)
            return f"{_amount(many)} {name}{f' {_amount(rest)}' if rest else ''}"
    tens, ones = divmod(number, 10)
    return f"{_TENS[tens]}{f' {_ONES[ones]}' if ones else ''}"


def _without_and(words: list[str]) -> Iterator[str]:
    """`two hundred and six` has two ways of being said, and `206` one of being written."""
    for index, word in enumerate(words):
        around = words[index - 1 : index + 2] if index else []
        match around:
            case ["hundred" | "thousand", "and", following] if following in _NUMBERS:
                continue
        yield word
