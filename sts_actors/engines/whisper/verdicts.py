"""Whether what a model decoded was said, and whether it is worth another attempt. Pure."""

from collections.abc import Sequence

import attrs

from sts_actors.engines.whisper.options import WhisperOptions

MAX_COMPRESSION = 2.4
"""Text that compresses better than this goes round in circles: Whisper's own threshold."""


@attrs.frozen
class Hypothesis:
    """One decoding of a window.

    Args:
        tokens: timestamps among them.
        logprob: mean log-probability of a token.
        compression: how many times smaller the text is when compressed.
        no_speech: probability that nobody speaks in the window.
    """

    tokens: Sequence[int] = attrs.field(repr=False)
    logprob: float
    compression: float
    no_speech: float


def is_bad(found: Hypothesis, options: WhisperOptions) -> bool:
    """Whether it is worth another attempt: what is no speech is not."""
    improbable = found.logprob < options.logprob_threshold
    if improbable and found.no_speech > options.no_speech_threshold:
        return False
    return improbable or found.compression > MAX_COMPRESSION


def is_speech(found: Hypothesis, options: WhisperOptions) -> bool:
    """Whether what was decoded was said: people do repeat themselves, and mumble, but in speech."""
    doubtful = found.logprob <= options.logprob_threshold or found.compression > MAX_COMPRESSION
    return not (doubtful and found.no_speech > options.no_speech_threshold)


def best_of(tried: Sequence[Hypothesis]) -> Hypothesis:
    """The likeliest of those that get on, else the likeliest."""
    progressing = [found for found in tried if found.compression <= MAX_COMPRESSION]
    return max(progressing or tried, key=lambda found: found.logprob)


def has_words(text: str) -> bool:
    """Full stops alone are what the model makes of a drone."""
    return any(character.isalnum() for character in text)
