import jiwer
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sts_actors.quality.errors import Kind, align, compare

WORDS = st.lists(st.sampled_from("abcd"), max_size=12)


def test_the_kinds_of_errors_are_told_apart():
    found = compare(["the", "cat", "sat", "on", "the", "mat"], ["the", "dog", "sat", "the", "mat", "now"])
    assert (found.substituted, found.lost, found.invented) == (1, 1, 1)
    assert found.reference_words == 6
    assert found.rate == pytest.approx(0.5)


def test_what_is_heard_where_nothing_was_said_is_all_invented():
    assert compare([], ["you"]).rate == 1
    assert compare([], []).rate == 0


@given(WORDS.filter(bool), WORDS)
def test_the_rate_is_the_one_that_others_count(said, heard):
    assert compare(said, heard).rate == pytest.approx(jiwer.wer(" ".join(said), " ".join(heard)))


@given(WORDS, WORDS)
def test_each_word_of_either_side_stands_in_one_step(said, heard):
    steps = align(said, heard)
    assert [s.reference for s in steps if s.kind is not Kind.INVENTED] == list(range(len(said)))
    assert [s.heard for s in steps if s.kind is not Kind.LOST] == list(range(len(heard)))


@given(WORDS, WORDS)
def test_right_words_are_the_same_and_substituted_ones_are_not(said, heard):
    for step in align(said, heard):
        if step.kind is Kind.RIGHT:
            assert said[step.reference] == heard[step.heard]
        if step.kind is Kind.SUBSTITUTED:
            assert said[step.reference] != heard[step.heard]


@given(WORDS, WORDS)
def test_turned_round_the_lost_are_the_invented(said, heard):
    there, back = compare(said, heard), compare(heard, said)
    assert there.total == back.total
    assert there.lost - there.invented == back.invented - back.lost
