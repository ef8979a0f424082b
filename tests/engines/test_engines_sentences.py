"""Long texts, cut where a reader would pause."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sts_actors.engines.sentences import split_text

PROSE = st.text(alphabet="ab .!?…。\n\t”)Z", max_size=200)


def texts(text, limit):
    return [piece.text for piece in split_text(text, limit)]


@given(PROSE, st.integers(1, 40))
def test_pieces_fit_are_not_empty_and_join_to_the_text(text, limit):
    pieces = split_text(text, limit)
    assert "".join(piece.text + piece.space for piece in pieces) == text.strip()
    assert all(0 < len(piece.text) <= limit for piece in pieces)
    assert all(piece.text == piece.text.strip() for piece in pieces)


@given(st.lists(st.integers(1, 20), min_size=1, max_size=12), st.integers(22, 60))
def test_where_every_sentence_fits_none_is_cut_and_each_piece_takes_all_it_can(lengths, limit):
    sentences = ["a" * length + "." for length in lengths]
    pieces = texts(" ".join(sentences), limit)
    assert all(piece.endswith(".") for piece in pieces)
    for piece, following in pairwise(pieces):
        assert len(piece) + 1 + len(following.split(" ")[0]) > limit


def test_a_short_text_is_one_piece_and_an_empty_one_none():
    assert texts(" One. Two. ", 9) == ["One. Two."]
    assert texts(" \n ", 9) == []


def test_a_text_is_cut_behind_its_last_sentence_that_fits_with_what_closes_it():
    assert texts("He said: “Go!” Then he went.", 16) == ["He said: “Go!”", "Then he went."]


def test_a_sentence_may_end_just_at_the_limit():
    assert texts("One. Two.", 4) == ["One.", "Two."]


def test_marks_without_space_behind_them_end_sentences_in_chinese_and_japanese():
    assert texts("今日は。明日は。", 5) == ["今日は。", "明日は。"]


def test_a_point_within_a_number_ends_nothing():
    assert texts("It is 3.5 metres long", 12) == ["It is 3.5", "metres long"]


def test_a_new_line_ends_a_sentence():
    assert texts("a title\nand the text of it", 20) == ["a title", "and the text of it"]


def test_a_sentence_too_long_is_cut_between_words_and_a_word_too_long_anywhere():
    assert texts("one two three", 8) == ["one two", "three"]
    assert texts("abcdefgh", 3) == ["abc", "def", "gh"]


def test_a_limit_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        split_text("a", 0)
