"""Did the voice say it? Now and then a dub is recognised again, and compared with its text."""

import math

import attrs
import trio

from sts_actors.actors.compute import Compute
from sts_actors.audio.pcm import resample
from sts_actors.engines.ports import RECOGNISER_RATE_HZ, Asker, RecogniseRequest, Recognition
from sts_actors.errors import ServiceError
from sts_actors.messages import Samples, primary_language
from sts_actors.quality import WordErrors, compare, words_of

FEWEST_WORDS = 4
"""A shorter text tells nothing: one misheard name is a third of it."""
MISSING = "words are missing"
ADDED = "words were added"
OTHER = "other words were heard"


@attrs.frozen(kw_only=True)
class ListeningLimits:
    """What a good dub may come back with, as shares of the text's words; above it is a defect.

    A small recogniser mishears names, and writes numbers its own way: so words may differ much more than
    they may be missing or added, and one word missing or added is never a defect. Of 27 good dubs (Kokoro, in
    three languages, heard by Whisper base) the worst had 0.13 lost ("3,7 por cento" came back as "3,7%"),
    0.11 invented, a rate of 0.3. A last third that was gone, or noise, was found in every text of 8 words
    or more.
    """

    lost: float = 0.15
    invented: float = 0.2
    rate: float = 0.5


@attrs.frozen(kw_only=True)
class Heard:
    """What a dub sounded like, and what was wrong with it: nothing where `defects` is empty."""

    text: str = attrs.field(repr=False)
    errors: WordErrors
    defects: tuple[str, ...]


@attrs.frozen(kw_only=True)
class Listener:
    """One stream's ears. The recogniser is the line's own: a check is one more request to it."""

    recogniser: Asker[RecogniseRequest, Recognition]
    compute: Compute
    stream: str
    limits: ListeningLimits = attrs.field(factory=ListeningLimits)

    async def listen(
        self, text: str, dub: Samples, sample_rate_hz: int, *, language: str, deadline: float
    ) -> Heard | None:
        """Recognise the dub of `text`: mono, without what is before and after it on the timeline.

        None is "not checked": too few words, a recogniser that fails, or `deadline` (Trio's clock) passed.
        That should leave time to send the dub, or to speak it anew.
        """
        said = words_of(text)
        if len(said) < FEWEST_WORDS:
            return None
        with trio.move_on_at(deadline):
            try:
                pcm = await self.compute(resample, dub, sample_rate_hz, RECOGNISER_RATE_HZ)
                request = RecogniseRequest(pcm=pcm, language=primary_language(language))
                heard = await self.recogniser(request, stream=self.stream, deadline=deadline)
            except ServiceError:
                return None
            errors = compare(said, words_of(heard.text))
            return Heard(text=heard.text, errors=errors, defects=defects(errors, self.limits))
        return None


def defects(errors: WordErrors, limits: ListeningLimits) -> tuple[str, ...]:
    """What is wrong with a dub that was heard with these errors, in a few words each."""
    found = []
    if errors.lost > max(limits.lost * errors.reference_words, 1):
        found.append(MISSING)
    if errors.invented > max(limits.invented * errors.reference_words, 1):
        found.append(ADDED)
    if errors.rate > limits.rate and not found:
        found.append(OTHER)
    return tuple(found)


@attrs.frozen
class Sample:
    """About `share` (0 … 1) of all, evenly spread: of any n in a row, n x share, give or take one."""

    share: float = attrs.field(validator=[attrs.validators.ge(0), attrs.validators.le(1)])

    def takes(self, number: int) -> bool:
        """Whether the one with this number, counted from 0, is among them."""
        return math.floor((number + 1) * self.share) > math.floor(number * self.share)
