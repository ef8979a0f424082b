"""The rest of a sentence whose beginning was translated, and spoken, before its end was known. Pure.

An engine that takes no context translates the whole sentence, and what has been said of it already is taken
off again. Knowing the end may have changed the beginning: a little of that is overlooked, for a listener
does the same, but no word of weight is left out for it.
"""

import re
from collections.abc import Sequence
from itertools import takewhile

import attrs

_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W_\u3040-\u30ff\u3400-\u9fff]+(?:['\u2019-]\w+)*")
"""Chinese and Japanese by the character, for they put no spaces between words."""
_PUNCTUATION_BETWEEN = re.compile(r"[^\w\"'«\u201c\u2018(\[¿¡-]*")
_LIGHT = 3
"""Words up to this many letters are articles and the like: they change with what follows them."""
_NOT = frozenset({"no", "not", "nor", "não", "nem", "ni", "non", "ne", "pas", "nie", "не", "нет"})
_STEM, _STEM_LETTERS = 0.5, 3
"""Words that share this much of the longer one, and so many letters, from the left are forms of one word."""
_BENT = 0.5
"""What another form of a word costs; another word, one too many or one too few costs 1."""
_FEW_WORDS = 6
"""A beginning shorter than this may differ by one word, a longer one by two."""


@attrs.frozen
class _Way:
    """A way to read the words spoken as the beginning of the whole."""

    cost: float
    unheard: tuple[str, ...] = ()
    """Words spoken that the whole does not have there."""
    bent: int = 0
    """Words that it has in another form."""

    @property
    def badness(self) -> tuple[float, int, int]:
        """By which the better one of two is known."""
        return self.cost, len(self.unheard), self.bent


_NO_WAY = _Way(float("inf"))


def rest_of(whole: str, spoken: str) -> str | None:
    """What of `whole` is still to be said after `spoken`; None where they do not agree, or nothing is left.

    Case and punctuation do not matter. Where `spoken` is how `whole` begins, this is the remainder of `whole`
    to the word.
    """
    words = list(_WORD.finditer(whole))
    said = _said_already([word[0].casefold() for word in words], _words(spoken))
    if said is None or said == len(words):
        return None
    start = words[said - 1].end() if said else 0
    gap = _PUNCTUATION_BETWEEN.match(whole, start)
    return whole[gap.end() if gap else start :].strip()


def without_echo(rest: str, spoken: str) -> str:
    """`rest`, translated by itself, without the word that `spoken` has ended with, should it begin with it.

    The article before a noun, most often, which the engine adds where it sees the noun alone.
    """
    first, last = _WORD.search(rest), _words(spoken)[-1:]
    if first is None or [first[0].casefold()] != last:
        return rest
    return rest[first.end() :].strip() or rest


def _said_already(whole: Sequence[str], spoken: Sequence[str]) -> int | None:
    """How many words of `whole` the `spoken` ones are."""
    column = _columns(whole, spoken)
    # Of equals the one that leaves most to say.
    best = min(range(len(column)), key=lambda said: column[said].badness)
    allowed = 1 if len(spoken) < _FEW_WORDS else 2
    if column[best].cost > allowed:
        return None
    # Spoken early, because the engine did not know the noun yet: it would be heard twice.
    rest = set(whole[best:])
    if any(not _light(word) and word in rest for word in column[best].unheard):
        return None
    return best


def _columns(whole: Sequence[str], spoken: Sequence[str]) -> list[_Way]:
    """The best way for each number of words of `whole` to be the beginning."""
    before = [_Way(0)]
    for new in whole:
        before.append(_added(before[-1], new))
    for old in spoken:
        ways = [_dropped(before[0], old)]
        for position, new in enumerate(whole):
            ways.append(
                min(
                    _matched(before[position], old, new),
                    _dropped(before[position + 1], old),
                    _added(ways[-1], new),
                    key=lambda way: way.badness,
                )
            )
        before = ways
    return before


def _matched(way: _Way, old: str, new: str) -> _Way:
    if old == new:
        return way
    if _forms_of_one(old, new):
        return attrs.evolve(way, cost=way.cost + _BENT, bent=way.bent + 1)
    return _dropped(way, old) if new.isalpha() and new not in _NOT else _NO_WAY


def _dropped(way: _Way, old: str) -> _Way:
    return attrs.evolve(way, cost=way.cost + 1, unheard=(*way.unheard, old))


def _added(way: _Way, new: str) -> _Way:
    # A word of weight that was not spoken must not be passed over.
    return attrs.evolve(way, cost=way.cost + 1) if _light(new) else _NO_WAY


def _light(word: str) -> bool:
    return len(word) <= _LIGHT and word.isalpha() and word not in _NOT


def _forms_of_one(old: str, new: str) -> bool:
    if _light(old) and _light(new):
        return True
    if not (old + new).isalpha():
        return False
    alike = list(takewhile(lambda pair: pair[0] == pair[1], zip(old, new, strict=False)))
    return len(alike) >= max(_STEM * max(len(old), len(new)), _STEM_LETTERS)


def _words(text: str) -> list[str]:
    return [word[0].casefold() for word in _WORD.finditer(text)]
