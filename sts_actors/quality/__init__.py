"""How good a dub is: arithmetic on words, times and lengths, with no models, files or clocks."""

from sts_actors.quality.errors import WordErrors, compare
from sts_actors.quality.words import words_of

__all__ = ["WordErrors", "compare", "words_of"]
