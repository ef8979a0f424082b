import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sts_actors.audio.timeline.phrases import Phrase, joined, phrases
from sts_actors.messages import Word

RATE = 1000


def words(text, *, start=0.0, step=0.3):
    return [
        Word(text=word, start_s=start + index * step, end_s=start + (index + 1) * step)
        for index, word in enumerate(text.split())
    ]


def texts(text, **keywords):
    return [phrase.text for phrase in phrases(words(text), RATE, **keywords)]


def test_words_become_a_phrase_with_its_start_and_end_in_samples():
    assert phrases(words("good morning all", start=2), RATE) == [
        Phrase(start=2000, end=2900, text="good morning all")
    ]


def test_a_pause_ends_a_phrase_and_a_shorter_gap_does_not():
    said = [*words("one two"), *words("three", start=0.85), *words("four", start=1.45)]
    found = phrases(said, RATE)
    assert [phrase.text for phrase in found] == ["one two three", "four"]
    assert [(phrase.start, phrase.end) for phrase in found] == [(0, 1150), (1450, 1750)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Stop. Who goes? Me! Fine", ["Stop.", "Who goes?", "Me!", "Fine"]),
        ('"Stop." He did', ['"Stop."', "He did"]),
        ("Dr. Jones and J. Smith left. We stay", ["Dr. Jones and J. Smith left.", "We stay"]),
        ("the U.S. Senate", ["the U.S. Senate"]),
        ("on NATO. The end", ["on NATO.", "The end"]),
        ("wait... what", ["wait... what"]),
        ("\u597d\u3002 \u5417\uff1f", ["\u597d\u3002", "\u5417\uff1f"]),
    ],
)
def test_a_sentences_end_ends_a_phrase(text, expected):
    assert texts(text) == expected


def test_a_phrase_never_grows_longer_than_the_longest():
    found = phrases(words("a b c d e f g"), RATE, longest_s=0.95)
    assert [phrase.text for phrase in found] == ["a b c", "d e f", "g"]


def test_a_phrase_ends_with_the_word_that_ends_last():
    said = [Word(text="long", start_s=0, end_s=1), Word(text="short", start_s=0.2, end_s=0.5)]
    assert phrases(said, RATE)[0].end == 1000


def test_empty_words_are_no_phrase():
    assert phrases([], RATE) == []
    assert phrases([Word(text=" ", start_s=0, end_s=1)], RATE) == []


def test_phrases_begin_after_the_fragment_befores_last():
    assert phrases(words("late again", start=1), RATE, after=1100)[0].start == 1100


def test_words_are_joined_with_spaces_where_the_script_has_them():
    assert joined([" good", "day "]) == "good day"
    assert joined(["\u4f60\u597d", "\u5417"]) == "\u4f60\u597d\u5417"
    assert joined(["\uc548\ub155", "\uc138\uacc4"]) == "\uc548\ub155 \uc138\uacc4"


@settings(max_examples=150)
@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b.", "C", "?", " "]), st.floats(-1, 9), st.floats(-1, 9)),
        max_size=12,
    ),
    st.integers(0, 3000),
)
def test_phrases_are_in_order_apart_and_hold_every_word(timed, after):
    said = [Word(text=text, start_s=start, end_s=end) for text, start, end in timed]
    found = phrases(said, RATE, after=after)
    tail = after
    for phrase in found:
        assert tail <= phrase.start <= phrase.end
        tail = phrase.end
    assert " ".join(phrase.text for phrase in found).split() == [t for t, *_ in timed if t.strip()]


@pytest.mark.parametrize(("start", "end"), [(-1, 5), (5, 4)])
def test_a_phrase_that_ends_before_it_starts_is_refused(start, end):
    with pytest.raises(ValueError, match="no phrase"):
        Phrase(start=start, end=end)
