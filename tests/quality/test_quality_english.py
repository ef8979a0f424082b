import pytest
from hypothesis import given
from hypothesis import strategies as st

from sts_actors.quality.english import spoken_words


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("15 boxes", "fifteen boxes"),
        ("206 and 1,206", "two hundred and six and one thousand two hundred and six"),
        ("12,500", "twelve thousand five hundred"),
        ("in 1987", "in nineteen eighty-seven"),
        ("in 1905 and 1900", "in nineteen oh five and nineteen hundred"),
        ("in 2004 and 2019", "in two thousand and four and twenty nineteen"),
        ("4.6 million", "four point six million"),
        ("14% or 14 percent", "fourteen percent or fourteen percent"),
        ("\u00a3510", "five hundred and ten pounds"),
        ("$4.6 million", "four point six million dollars"),
        ("at 6:15 and 9:05 and 7:00", "at six fifteen and nine oh five and seven o'clock"),
        ("7 p.m. or 7pm", "seven p m or seven p m"),
        ("the 3rd, 12th, 21st and 30th", "the third, twelfth, twenty-first and thirtieth"),
        ("471-992-086", "four seven one nine nine two zero eight six"),
        ("077 and 55312", "zero seven seven and five five three one two"),
        ("95 cm, 500g", "ninety-five centimetres, five hundred grams"),
        ("1,000 km", "one thousand kilometres"),
        ("Mr. Vance", "mister vance"),
        ("a gray tire, OK", "a grey tyre, okay"),
        ("2 million", "two million"),
        ("100,", "one hundred,"),
    ],
)  # fmt: skip
def test_figures_are_what_is_said(written, spoken):
    assert spoken_words(written) == spoken_words(spoken)


def test_words_stay_as_they_are():
    assert spoken_words("Ten thousand and one nights, and a hundred and more.") == (
        ["ten", "thousand", "one", "nights", "and", "a", "hundred", "and", "more"]
    )


@given(st.integers(0, 10**12))
def test_no_amount_keeps_a_figure(number):
    words = spoken_words(f"{number:,}")
    assert words
    assert not any(character.isdigit() for word in words for character in word)


@given(st.text(alphabet="0123456789,.:-$%\u00a3 stndrhpmcg", max_size=20))
def test_any_text_can_be_spoken(text):
    spoken_words(text)
