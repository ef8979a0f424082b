"""What timestamp tokens say of a window."""

from hypothesis import given
from hypothesis import strategies as st

from sts_actors.engines.whisper.timestamps import Piece, pieces

FIRST = 1000


def at(seconds):
    return FIRST + round(seconds * 50)


def cut(*tokens, frames=600):
    return pieces(tokens, first=FIRST, frames=frames)


def test_a_text_between_two_timestamps_is_one_piece_and_the_window_is_done():
    assert cut(at(0.5), 1, 2, at(3)) == ([Piece(0.0, 3.0, (1, 2))], 600)


def test_a_text_without_an_end_lasts_as_long_as_its_window():
    assert cut(at(0), 1, 2) == ([Piece(0.0, 6.0, (1, 2))], 600)


def test_two_timestamps_in_a_row_part_two_pieces():
    found, done = cut(at(0), 1, at(2), at(2.5), 2, 3, at(5))
    assert found == [Piece(0.0, 2.0, (1,)), Piece(2.5, 5.0, (2, 3))]
    assert done == 600


def test_what_the_window_cuts_off_is_left_to_the_next():
    found, done = cut(at(0), 1, at(5), at(5), 2)
    assert found == [Piece(0.0, 5.0, (1,))]
    assert done == 500


def test_a_last_pair_says_where_the_next_window_begins():
    assert cut(at(0), 1, at(5.2), at(5.2)) == ([Piece(0.0, 5.2, (1,))], 520)


def test_nothing_at_all_is_a_window_done():
    assert cut()[1] == 600


@given(st.lists(st.integers(FIRST - 3, FIRST + 1500), max_size=12), st.integers(1, 3000))
def test_whatever_is_decoded_each_window_gets_on_and_no_text_is_told_twice(tokens, frames):
    found, done = pieces(tokens, first=FIRST, frames=frames)
    assert 0 < done <= frames
    told = [token for piece in found for token in piece.tokens]
    text = [token for token in tokens if token < FIRST]
    assert told == text[: len(told)]
