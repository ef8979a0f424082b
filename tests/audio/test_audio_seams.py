"""Words over seams: each once and in order, wherever a stream is cut, whatever its recogniser does."""

import attrs
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from seam_ears import STEP, Ear, audio, cuts, fragment_words, recordings, stream, texts

from sts_actors.audio.seams import RATE_HZ, Heard, SeamSettings, SeamState
from sts_actors.messages import Word

STREAMS = recordings().flatmap(lambda recorded: st.tuples(st.just(recorded), cuts(recorded[1])))
SETTINGS = SeamSettings()
GRAIN_S = 1e-3


@settings(deadline=None)
@given(STREAMS)
def test_every_word_is_decided_once_and_in_order_wherever_the_cuts_are(drawn):
    (said, steps), lengths = drawn
    ear = Ear(said)
    assert texts(stream(ear, audio(said, steps), lengths)) == [word.text for word in said]


@settings(deadline=None)
@given(STREAMS)
def test_every_word_is_timed_where_it_is_spoken(drawn):
    (said, steps), lengths = drawn
    found = [
        (start_s + word.start_s, start_s + word.end_s)
        for start_s, decided in stream(Ear(said), audio(said, steps), lengths)
        for word in decided.words
    ]
    spoken = [(word.start * STEP / RATE_HZ, (word.start + word.steps) * STEP / RATE_HZ) for word in said]
    assert np.allclose(found, spoken, atol=GRAIN_S)


@settings(deadline=None)
@given(STREAMS)
def test_what_is_carried_and_what_is_heard_again_are_bounded(drawn):
    (said, steps), lengths = drawn
    ear = Ear(said)
    for (_, decided), length in zip(stream(ear, audio(said, steps), lengths), lengths, strict=False):
        assert -min(SETTINGS.carry_s, length / RATE_HZ) - GRAIN_S <= decided.state.decided_s <= 0
    longest_s = max(lengths) / RATE_HZ + SETTINGS.carry_s + SETTINGS.context_s + 2 * SETTINGS.lead_s
    assert all(question.pcm.size / RATE_HZ <= longest_s for question in ear.asked)


@settings(deadline=None)
@given(STREAMS, st.data())
def test_no_word_comes_before_those_before_it_nor_outside_its_fragment(drawn, data):
    """Whatever a recogniser says, and whenever it says it was."""
    (said, steps), lengths = drawn
    moments = st.floats(-3, 20)

    def liar(question):
        told = data.draw(st.lists(st.tuples(st.sampled_from(["a", "b"]), moments, moments), max_size=6))
        words = tuple(word_at(text, *times) for text, *times in told)
        spans = sorted(data.draw(st.lists(st.tuples(moments, moments), max_size=3)))
        return Heard(words=words, voice=tuple((min(span), max(span)) for span in spans))

    state, start = SeamState(), 0
    pcm = audio(said, steps)
    for length in lengths[:3]:
        piece = pcm[start : start + length]
        decided = fragment_words(liar, state, piece)
        times = [time for word in decided.words for time in (word.start_s, word.end_s)]
        assert times == sorted(times)
        assert all(state.decided_s <= time <= piece.size / RATE_HZ for time in times)
        state, start = decided.state, start + length


def word_at(text, start_s, end_s):
    return Word(text=text, start_s=start_s, end_s=end_s)


class Deaf(Ear):
    """Hears voices and no words."""

    @staticmethod
    def after(words, prefix):
        return ()


class Looping(Ear):
    """Goes round in circles behind a beginning that it is given."""

    def __call__(self, question):
        heard = super().__call__(question)
        if not question.prefix or not heard.words:
            return heard
        again = tuple(
            word_at(text, place / 100, place / 100)
            for place, text in enumerate(question.prefix.split()[-3:] * 3)
        )
        return Heard(words=again, voice=heard.voice)


class Stopping(Ear):
    """Takes the beginning that it is given for all there is, or all but the last word."""

    def __init__(self, said, keeps):
        super().__init__(said)
        self.keeps = keeps

    def __call__(self, question):
        heard = super().__call__(question)
        return Heard(words=heard.words[: self.keeps], voice=heard.voice) if question.prefix else heard


class Mumbling(Ear):
    """Is led astray by a beginning, and unsure of it."""

    def __call__(self, question):
        heard = super().__call__(question)
        if not question.prefix:
            return heard
        return Heard(
            words=tuple(attrs.evolve(word, text="thing", probability=0.1) for word in heard.words),
            voice=heard.voice,
        )


def unlike(recorded):
    """A recording in which no word comes twice."""
    said, steps = recorded
    return [attrs.evolve(word, text=f"w{number}") for number, word in enumerate(said)], steps


CLEAR, SLOW = (
    recordings(shortest=steps)
    .map(unlike)
    .flatmap(lambda recorded: st.tuples(st.just(recorded), cuts(recorded[1])))
    for steps in (26, 41)
)


@settings(deadline=None)
@given(STREAMS)
def test_who_hears_no_words_is_asked_for_no_more_than_the_bounds_allow(drawn):
    (said, steps), lengths = drawn
    ear = Deaf(said)
    assert texts(stream(ear, audio(said, steps), lengths)) == []
    assert len(ear.asked) <= 2 * len(lengths)


@settings(deadline=None)
@given(STREAMS)
def test_a_loop_is_heard_again_without_what_led_to_it(drawn):
    (said, steps), lengths = drawn
    assert texts(stream(Looping(said), audio(said, steps), lengths)) == [word.text for word in said]


@settings(deadline=None)
@given(SLOW)
def test_what_is_unlikely_behind_a_beginning_is_heard_again_without_it(drawn):
    (said, steps), lengths = drawn
    assert texts(stream(Mumbling(said), audio(said, steps), lengths)) == [word.text for word in said]


@settings(deadline=None)
@given(CLEAR, st.integers(0, 2))
def test_what_a_recogniser_stops_before_is_heard_all_the_same(drawn, keeps):
    (said, steps), lengths = drawn
    heard = texts(stream(Stopping(said, keeps), audio(said, steps), lengths))
    assert heard == [word.text for word in said]
