"""How long will it take to say? Learnt per voice and language while the service speaks."""

import unicodedata
from typing import Final

import attrs

PRIOR_CHARACTERS_PER_S = 14.0
_WIDE_WEIGHT = 3
"""A Chinese, Japanese or Korean character is a syllable or two; a Latin one about a third of one."""
_DIGIT_WEIGHT = 4
"""Digits are read out as words."""
_MEMORY: Final = 0.25
"""How much of the old estimate a long observation replaces."""
_LONG_CHARACTERS = 60
"""From here on an observation counts in full; a shorter one in proportion, for its pauses blur it."""
_MOST_OFF = 3.0
"""A synthesis more times slower or faster than usual is a hallucination or cut off: it teaches no more."""


def spoken_length(text: str) -> int:
    """The length of a text in characters of Latin script, as far as the time to say it goes."""
    return sum(_weight(character) for character in " ".join(text.split()))


@attrs.define
class DurationModel:
    """Predicts the seconds that a text takes, from what the same voice took before.

    An exponential moving average of characters a second for each voice and language, at the engine's speed
    1. A voice not heard yet borrows what the language has shown, and a new language starts at 14. Not
    thread-safe: it belongs to one actor.
    """

    prior_characters_per_s: float = PRIOR_CHARACTERS_PER_S
    _rates: dict[tuple[str, str], float] = attrs.field(factory=dict, init=False, repr=False)

    def characters_per_s(self, *, voice: str, language: str) -> float:
        """The rate at speed 1 that `predict` reckons with."""
        general = self._rates.get(("", language), self.prior_characters_per_s)
        return self._rates.get((voice, language), general)

    def predict(self, text: str, *, voice: str, language: str) -> float:
        """Seconds that `text` takes at speed 1; 0 for an empty one."""
        return spoken_length(text) / self.characters_per_s(voice=voice, language=language)

    def observe(self, text: str, seconds: float, *, voice: str, language: str, speed: float = 1.0) -> None:
        """Learn that `text` took `seconds`, spoken at the engine's `speed`.

        Empty texts and empty syntheses teach nothing.
        """
        length = spoken_length(text)
        at_speed_one_s = seconds * speed
        if not length or not at_speed_one_s > 0:
            return
        weight = _MEMORY * min(1.0, length / _LONG_CHARACTERS)
        # The voice first: it starts from what the language has shown before.
        for key in dict.fromkeys(((voice, language), ("", language))):
            usual = self.characters_per_s(voice=key[0], language=language)
            seen = min(max(length / at_speed_one_s, usual / _MOST_OFF), usual * _MOST_OFF)
            self._rates[key] = usual + weight * (seen - usual)


def _weight(character: str) -> int:
    if character.isdigit():
        return _DIGIT_WEIGHT
    return _WIDE_WEIGHT if unicodedata.east_asian_width(character) in {"W", "F"} else 1
