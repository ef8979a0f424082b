from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sts_actors.messages import Word
from sts_actors.quality.errors import align, compare
from sts_actors.quality.seams import NEAR_S, SeamErrors, doubled, placed, seam_errors, words_at

TEXTS = st.lists(st.sampled_from("abcd"), max_size=12)


def spoken(text, step_s=1.0):
    """Each word takes half of its step."""
    return [
        Word(text=word, start_s=index * step_s, end_s=(index + 0.5) * step_s)
        for index, word in enumerate(text.split())
    ]


def test_words_beside_a_cut_are_at_it():
    # It falls into the third word; the others end and begin half a second from it.
    assert words_at(spoken("a b c d e"), [2.25]) == {1, 2, 3}


def test_a_word_far_from_a_cut_is_at_it_where_it_is_the_next():
    reference = [Word(text="a", start_s=0, end_s=0.5), Word(text="b", start_s=9, end_s=9.5)]
    assert words_at(reference, [5.0]) == {0, 1}


def test_a_word_further_than_the_limit_is_not_at_the_cut():
    reference = [
        Word(text=text, start_s=start_s, end_s=start_s + 0.01)
        for text, start_s in zip("abcdef", (0, 1.24, 1.26, 2.0, 2.74, 2.76), strict=True)
    ]
    assert words_at(reference, [2.0]) == {1, 2, 3, 4}
    assert NEAR_S == 0.75


def test_a_long_word_of_one_who_speaks_over_another_is_at_the_cut_it_reaches():
    reference = [Word(text="a", start_s=0, end_s=4), *spoken("b c d", 0.3)]
    assert 0 in words_at(reference, [4.1])


def test_cuts_before_and_after_all_words_touch_the_nearest():
    assert words_at(spoken("a b c"), [-5.0]) == {0}
    assert words_at(spoken("a b c"), [50.0]) == {2}
    assert words_at([], [1.0]) == set()


def test_errors_away_from_seams_are_not_theirs():
    reference = spoken("a b c d e f g h i j")
    found = seam_errors(reference, ["a", "X", "c", "d", "e", "g", "h", "i", "j"], [5.0])
    assert (found.seams, found.substituted, found.lost, found.invented) == (1, 0, 1, 0)


def test_a_word_said_twice_at_a_seam_is_invented_and_doubled():
    found = seam_errors(spoken("a b c d e f"), ["a", "b", "c", "c", "d", "e", "f"], [3.0])
    assert (found.invented, found.doubled) == (1, 1)


def test_a_word_from_nowhere_is_invented_and_not_doubled():
    found = seam_errors(spoken("a b c d e f"), ["a", "b", "c", "X", "d", "e", "f"], [3.0])
    assert (found.invented, found.doubled) == (1, 0)


@pytest.mark.parametrize(
    ("said", "heard", "again"),
    [
        ("a b c", "a b a b c", 2),
        ("a b c", "a b x b c", 0),
        ("a b c", "a b b x c", 1),
        ("a b c", "a b x c c", 1),
        ("a b c", "a a a b c", 1),
        ("no no", "no no", 0),
    ],
)
def test_what_repeats_its_neighbour_is_doubled(said, heard, again):
    steps = align(said.split(), heard.split())
    assert len(doubled(steps, heard.split())) == again


def test_counts_are_told_per_hundred_seams_and_added_up():
    both = SeamErrors(seams=50, lost=3) + SeamErrors(seams=150, lost=1, doubled=2, invented=2, substituted=4)
    assert both == SeamErrors(seams=200, substituted=4, lost=4, invented=2, doubled=2)
    assert both.per_hundred(both.lost) == 2
    assert SeamErrors(seams=0).per_hundred(0) == 0


@given(TEXTS, TEXTS)
def test_with_a_cut_at_each_word_all_errors_are_at_seams(said, heard):
    reference = spoken(" ".join(said))
    found = seam_errors(reference, heard, [word.start_s for word in reference] or [0.0])
    whole = compare(said, heard)
    if said:
        assert (found.substituted, found.lost, found.invented) == (
            whole.substituted,
            whole.lost,
            whole.invented,
        )
    assert found.doubled <= found.invented


@given(TEXTS, TEXTS, st.lists(st.floats(0, 15), max_size=4).map(sorted))
def test_errors_at_seams_are_never_more_than_all(said, heard, cuts):
    found = seam_errors(spoken(" ".join(said)), heard, cuts)
    whole = compare(said, heard)
    assert found.substituted <= whole.substituted
    assert found.lost <= whole.lost
    assert found.invented <= whole.invented


def test_without_cuts_there_are_no_errors_at_them():
    assert seam_errors(spoken("a b"), ["x"], []) == SeamErrors(seams=0)


def test_a_reference_gets_the_times_of_what_was_heard():
    heard = [Word(text="Hello,", start_s=1, end_s=1.5), Word(text="twenty-one!", start_s=2, end_s=3)]
    times = [(word.text, word.start_s, word.end_s) for word in placed(["hello", "twenty", "one"], heard)]
    assert times == [("hello", 1, 1.5), ("twenty", 2, 3), ("one", 2, 3)]


def test_words_that_were_not_heard_share_the_gap_between_their_neighbours():
    heard = [Word(text="a", start_s=1, end_s=2), Word(text="d", start_s=4, end_s=5)]
    times = [(word.start_s, word.end_s) for word in placed(["a", "b", "c", "d", "e"], heard)]
    assert times == [(1, 2), (2, 3), (3, 4), (4, 5), (5, 5)]


@given(TEXTS, TEXTS)
def test_placed_words_are_the_reference_in_the_order_of_time(said, heard):
    found = placed(said, spoken(" ".join(heard)))
    assert [word.text for word in found] == said
    assert all(word.start_s <= word.end_s for word in found)
    assert all(a.start_s <= b.start_s for a, b in pairwise(found))
