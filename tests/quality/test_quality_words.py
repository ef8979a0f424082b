import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sts_actors.quality.words import words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Hello, World!", ["hello", "world"]),
        ("twenty-one", ["twenty", "one"]),
        ("It\u2019s Bob's; don't.", ["its", "bobs", "dont"]),
        ("\u2018quoted\u2019 'so'", ["quoted", "so"]),
        ("in 1987, 12,500 of 3.5 m", ["in", "1987", "12500", "of", "3.5", "m"]),
        ("um 3,5 Prozent", ["um", "3.5", "prozent"]),
        ("1.", ["1"]),
        ("STRASSE stra\u00dfe", ["strasse", "strasse"]),
        ("cafe\u0301 caf\u00e9", ["caf\u00e9", "caf\u00e9"]),
        ("\u4f60\u597d\uff0c\u4e16\u754c", ["\u4f60", "\u597d", "\u4e16", "\u754c"]),
        ("\ud55c\uad6d\uc5b4 \ub9d0", ["\ud55c\uad6d\uc5b4", "\ub9d0"]),
        ("\u0939\u093f\u0928\u094d\u0926\u0940", ["\u0939\u093f\u0928\u094d\u0926\u0940"]),
        (" \u2014 \u2026 ", []),
        ("", []),
    ],
)
def test_the_words_of_a_text_are_those_that_are_spoken(text, words):
    assert words_of(text) == words


@given(st.text())
def test_words_are_never_empty_and_hold_no_space(text):
    assert all(word and not any(character.isspace() for character in word) for word in words_of(text))


@given(st.lists(st.sampled_from(["one", "Two", "3.5", "12,000", "don't", "\u4e16", "re-do"])))
def test_the_words_of_words_are_the_same_words(texts):
    words = words_of(" ".join(texts))
    assert words_of(" ".join(words)) == words


@given(st.text(alphabet=st.characters(categories=["Lu", "Ll"], max_codepoint=0x24F)))
def test_composed_or_not_a_text_has_the_same_words(text):
    assert words_of(unicodedata.normalize("NFD", text)) == words_of(unicodedata.normalize("NFC", text))
