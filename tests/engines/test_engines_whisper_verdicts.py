"""What is taken for speech, and what is tried again."""

import pytest

from sts_actors.engines.whisper.options import WhisperOptions
from sts_actors.engines.whisper.verdicts import Hypothesis, best_of, has_words, is_bad, is_speech

OPTIONS = WhisperOptions()


def decoded(logprob=-0.3, compression=1.2, no_speech=0.1):
    return Hypothesis((), logprob, compression, no_speech)


@pytest.mark.parametrize(
    ("found", "speech", "again"),
    [
        (decoded(), True, False),
        (decoded(no_speech=0.9), True, False),
        (decoded(logprob=-1.5), True, True),
        (decoded(logprob=-1.5, no_speech=0.9), False, False),
        (decoded(compression=3.0), True, True),
        (decoded(compression=3.0, no_speech=0.9), False, True),
    ],
    ids=["clear", "clear, though quiet", "mumbled", "no speech", "repeated", "in circles over no speech"],
)
def test_likelihood_repetition_and_speech_are_weighed_together(found, speech, again):
    assert is_speech(found, OPTIONS) is speech
    assert is_bad(found, OPTIONS) is again


def test_the_operators_thresholds_count():
    strict = WhisperOptions(logprob_threshold=-0.2, no_speech_threshold=0.05)
    assert is_speech(decoded(), OPTIONS)
    assert not is_speech(decoded(), strict)
    assert is_bad(decoded(), WhisperOptions(logprob_threshold=-0.2))


def test_the_likeliest_wins_of_those_that_get_on():
    circles, poor, poorer = decoded(-0.1, 5.0), decoded(-1.1), decoded(-1.2)
    assert best_of([circles, poorer, poor]) is poor
    worse = decoded(-0.4, 5.0)
    assert best_of([worse, circles]) is circles


@pytest.mark.parametrize(
    ("text", "words"), [(" . . . .", False), ("—", False), ("♪", False), ("7", True), ("愛", True)]
)
def test_marks_alone_are_no_words(text, words):
    assert has_words(text) is words
