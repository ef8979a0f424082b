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


_KNOWN = 1000
"""Rates that are kept: cloned voices come and go."""


@attrs.define
class DurationModel:
    """Predicts the seconds that a text takes, from what the same voice took before.

    An exponential moving average of characters a second for each engine, voice and language, at the engine's
    speed 1. A voice not heard yet borrows what the engine has shown in the language, and a new language
    starts at 14. One model serves all streams; not thread-safe: it belongs to the event loop.
    """

    prior_characters_per_s: float = PRIOR_CHARACTERS_PER_S
    _rates: dict[tuple[str, str, str], float] = attrs.field(factory=dict, init=False, repr=False)

    def characters_per_s(self, *, voice: str, language: str, engine: str = "") -> float:
        """The rate at speed 1 that `predict` reckons with."""
        general = self._rates.get((engine, "", language), self.prior_characters_per_s)
        return self._rates.get((engine, voice, language), general)

    def predict(self, text: str, *, voice: str, language: str, engine: str = "") -> float:
        """Seconds that `text` takes at speed 1; 0 for an empty one."""
        return spoken_length(text) / self.characters_per_s(voice=voice, language=language, engine=engine)

    def observe(
        self, text: str, seconds: float, *, voice: str, language: str, engine: str = "", speed: float = 1.0
    ) -> None:
        """Learn that `text` took `seconds`, spoken at the engine's `speed`.

        Empty texts and empty syntheses teach nothing. What was not heard for longest is forgotten first.
        """
        length = spoken_length(text)
        at_speed_one_s = seconds * speed
        if not length or not at_speed_one_s > 0:
            return
        weight = _MEMORY * min(1.0, length / _LONG_CHARACTERS)
        # The voice first: it starts from what the language has shown before.
        for name in dict.fromkeys((voice, "")):
            usual = self.characters_per_s(voice=name, language=language, engine=engine)
            seen = min(max(length / at_speed_one_s, usual / _MOST_OFF), usual * _MOST_OFF)
            self._rates.pop((engine, name, language), None)
            self._rates[engine, name, language] = usual + weight * (seen - usual)
        while len(self._rates) > _KNOWN:
            del self._rates[next(iter(self._rates))]

    def pace(self, *, voice: str, language: str, engine: str = "") -> "Pace":
        """How one engine's voice speaks one language."""
        return Pace(durations=self, engine=engine, voice=voice, language=language)


@attrs.frozen(kw_only=True)
class Pace:
    """How long a stream's voice takes to say something in one language; goes on learning."""

    durations: DurationModel = attrs.field(repr=False)
    engine: str
    voice: str
    language: str

    def predict(self, text: str) -> float:
        """Seconds that `text` takes at the engine's speed 1."""
        return self.durations.predict(text, voice=self.voice, language=self.language, engine=self.engine)

    def observe(self, text: str, seconds: float, *, speed: float = 1.0) -> None:
        """Learn that `text` took `seconds` at `speed`."""
        self.durations.observe(
            text, seconds, voice=self.voice, language=self.language, engine=self.engine, speed=speed
        )


def _weight(character: str) -> int:
    if character.isdigit():
        return _DIGIT_WEIGHT
    return _WIDE_WEIGHT if unicodedata.east_asian_width(character) in {"W", "F"} else 1
