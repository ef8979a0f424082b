"""Words over seams: each once and in order, wherever a stream is cut, whatever its recogniser does."""

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
