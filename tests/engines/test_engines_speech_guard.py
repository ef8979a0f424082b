"""What speech is taken for spoilt."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sts_actors.engines.speech_guard import defects, most_rounds

RATE = 24_000
TEXT = "o presidente disse que a equipe vai jogar na próxima semana"


def syllables(seconds, *, level=0.4, seed=0):
    """As loud and as broken as speech: four syllables a second."""
    times = np.arange(round(seconds * RATE)) / RATE
    voice = np.sign(np.sin(2 * np.pi * 140 * times)) * np.random.default_rng(seed).uniform(0.5, 1, times.size)
    return (level * voice * np.clip(np.sin(2 * np.pi * 4 * times), 0, 1)).astype(np.float32)


def found(pcm, text=TEXT, **more):
    return defects(pcm, RATE, text, **more)


@settings(max_examples=60, deadline=None)
@given(
    pace=st.floats(8, 25),
    level=st.floats(0.05, 0.95),
    speed=st.floats(0.9, 1.15),
    words=st.integers(3, 40),
)
def test_speech_at_any_usual_pace_and_level_is_sound(pace, level, speed, words):
    text = " ".join(["palavra"] * words)
    assert found(syllables(len(text) / pace / speed, level=level), text, speed=speed) == ()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda pcm: pcm[: RATE // 2], "words are missing"),
        (lambda pcm: np.tile(pcm, 8), "more than the words"),
        (np.zeros_like, "nothing but silence"),
        (lambda pcm: pcm * 0.01, "nothing but silence"),
        (lambda pcm: np.clip(pcm * 10, -1, 1), "clipped"),
        (lambda pcm: np.concatenate([pcm, np.zeros(RATE * 3, np.float32)]), "a silence of"),
        (lambda pcm: pcm * (np.arange(pcm.size) < RATE // 5), "speech in"),
        (lambda pcm: np.where(np.arange(pcm.size) == 7, np.nan, pcm), "NaN"),
    ],
    ids=["cut", "too long", "silent", "faint", "clipped", "a hole", "hardly a word", "not a number"],
)
def test_what_is_wrong_with_speech_is_told(spoil, words):
    sound = syllables(4.0)
    assert found(sound) == ()
    assert any(words in defect for defect in found(spoil(sound).astype(np.float32)))


def test_nothing_to_say_cannot_be_said_wrongly():
    assert found(np.zeros(10, np.float32), "  ") == ()


def test_a_model_that_goes_round_in_circles_is_found():
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 1000, 80).tolist()
    assert found(syllables(4.0), codes=codes) == ()
    looped = codes[:20] + [1, 2, 3] * 9 + codes[20:]
    assert any("in a row" in defect for defect in found(syllables(4.0), codes=looped))


def test_one_code_that_goes_on_is_a_held_sound_and_no_circle():
    assert most_rounds([5] * 60) == 1


@given(
    period=st.integers(2, 8),
    rounds=st.integers(2, 12),
    before=st.integers(0, 20),
    after=st.integers(0, 20),
)
def test_rounds_are_counted_wherever_they_stand(period, rounds, before, after):
    # Codes that are all different around a pattern of codes that are all different.
    pattern = list(range(period))
    codes = list(range(100, 100 + before)) + pattern * rounds + list(range(200, 200 + after))
    assert most_rounds(codes) == rounds


@given(st.lists(st.integers(0, 10_000), max_size=60, unique=True))
def test_codes_that_are_all_different_make_no_rounds(codes):
    assert most_rounds(codes) == 1
