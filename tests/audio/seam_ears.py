"""Audio whose samples say which word is spoken, recognisers that read it, and a stream cut anywhere."""

from itertools import pairwise

import attrs
import numpy as np
from hypothesis import strategies as st

from sts_actors.audio.seams import RATE_HZ, Heard, SeamSettings, SeamState, decide
from sts_actors.messages import Word

STEP = 160
"""Samples in 10 ms: the grain of words, pauses and cuts."""
NUMBERS = 1000
"""A sample is its word's serial number by this."""


@attrs.frozen
class Said:
    """A word with its place, in steps."""

    text: str
    start: int
    steps: int


def audio(said, steps):
    """The samples of a recording, `steps` long."""
    pcm = np.zeros(steps * STEP, np.float32)
    for number, word in enumerate(said, start=1):
        pcm[word.start * STEP : (word.start + word.steps) * STEP] = number / NUMBERS
    return pcm


@st.composite
def recordings(draw, words=("a", "b", "see", "dee"), shortest=12, longest=90, most=24):
    """Words, each followed by a pause or none, and how many steps there are in all."""
    said, at = [], draw(st.integers(0, 300))
    for _ in range(draw(st.integers(0, most))):
        word = Said(draw(st.sampled_from(words)), at, draw(st.integers(shortest, longest)))
        said.append(word)
        at += word.steps + draw(st.one_of(st.just(0), st.integers(0, 30), st.integers(0, 400)))
    return said, at + draw(st.integers(0, 200)) + 1


def cuts(steps):
    """Fragments of 1 to 6 s, each as it comes."""
    return st.lists(st.integers(100, 600), min_size=-(-steps // 100), max_size=-(-steps // 100)).map(
        lambda lengths: [length * STEP for length in lengths]
    )


class Ear:
    """Hears each whole word; of a cut one, something else."""

    def __init__(self, said):
        self.said = said
        self.asked = []

    def __call__(self, question):
        self.asked.append(question)
        numbers = np.rint(question.pcm * NUMBERS).astype(int)
        edges = [0, *(np.flatnonzero(np.diff(numbers)) + 1), numbers.size]
        words = []
        for start, end in pairwise(edges):
            number = numbers[start]
            if number:
                word = self.said[number - 1]
                whole = abs(end - start - word.steps * STEP) <= 2
                text = word.text if whole else f"{word.text}-cut"
                words.append(Word(text=text, start_s=start / RATE_HZ, end_s=end / RATE_HZ))
        voice = tuple((word.start_s, word.end_s) for word in words)
        if not any(end_s > question.since_s for _, end_s in voice):
            return Heard(voice=voice)
        return Heard(words=self.after(words, question.prefix.split()), voice=voice)

    @staticmethod
    def after(words, prefix):
        texts = [word.text for word in words]
        for start in range(len(words)):
            if texts[start : start + len(prefix)] == prefix:
                return tuple(words[start + len(prefix) :])
        return tuple(words)


def fragment_words(ear, state, pcm, *, last=False, language="en", settings=None):
    """One fragment's decision."""
    dialogue = decide(
        state, pcm, language, last=lambda: last, settings=settings if settings is not None else SeamSettings()
    )
    try:
        question = next(dialogue)
        while True:
            question = dialogue.send(ear(question))
    except StopIteration as end:
        return end.value


def stream(ear, pcm, lengths, **options):
    """What each fragment of a recording decides, with its start in seconds."""
    state, start, decisions = SeamState(), 0, []
    for length in lengths:
        last = start + length >= pcm.size
        decided = fragment_words(ear, state, pcm[start : start + length], last=last, **options)
        decisions.append((start / RATE_HZ, decided))
        state, start = decided.state, start + length
        if last:
            break
    return decisions


def texts(decisions):
    """The words of a stream, one after the other."""
    return [word.text for _, decided in decisions for word in decided.words]
