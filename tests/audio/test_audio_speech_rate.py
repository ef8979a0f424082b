import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sts_actors.audio.speech_rate import DurationModel, spoken_length

TEXT = "o presidente disse que a equipe vai jogar o jogo final na semana que vem"


def say(model, text, *, rate, times=1, voice="dora", speed=1.0):
    for _ in range(times):
        model.observe(text, spoken_length(text) / rate / speed, voice=voice, language="pt", speed=speed)


def test_before_anything_was_heard_fourteen_characters_take_a_second():
    model = DurationModel()
    assert model.predict("a" * 28, voice="dora", language="pt") == 2.0
    assert model.predict("", voice="dora", language="pt") == 0.0


def test_the_model_learns_how_fast_a_voice_speaks():
    model = DurationModel()
    say(model, TEXT, rate=18, times=20)
    assert model.characters_per_s(voice="dora", language="pt") == pytest.approx(18, rel=0.01)
    assert model.predict(TEXT, voice="dora", language="pt") == pytest.approx(len(TEXT) / 18, rel=0.01)


def test_one_observation_moves_the_estimate_a_part_of_the_way():
    model = DurationModel()
    say(model, TEXT, rate=18)
    assert model.characters_per_s(voice="dora", language="pt") == pytest.approx(15)


def test_a_short_text_moves_it_less():
    model = DurationModel()
    say(model, "sim, sim.", rate=18)
    assert 14 < model.characters_per_s(voice="dora", language="pt") < 14.2


def test_what_was_spoken_faster_teaches_the_rate_at_speed_one():
    model = DurationModel()
    say(model, TEXT, rate=16, speed=1.15, times=20)
    assert model.characters_per_s(voice="dora", language="pt") == pytest.approx(16, rel=0.01)


def test_a_new_voice_borrows_from_its_language_and_not_from_another():
    model = DurationModel()
    say(model, TEXT, rate=20, times=20)
    assert model.characters_per_s(voice="alex", language="pt") == pytest.approx(20, rel=0.01)
    assert model.characters_per_s(voice="dora", language="es") == 14


def test_voices_are_told_apart():
    model = DurationModel()
    say(model, TEXT, rate=20, times=20, voice="fast")
    say(model, TEXT, rate=10, times=20, voice="slow")
    assert model.characters_per_s(voice="fast", language="pt") == pytest.approx(20, rel=0.01)
    assert model.characters_per_s(voice="slow", language="pt") == pytest.approx(10, rel=0.01)


def test_a_hallucination_does_little_harm():
    model = DurationModel()
    say(model, TEXT, rate=14, times=5)
    model.observe(TEXT, 600.0, voice="dora", language="pt")
    assert model.characters_per_s(voice="dora", language="pt") > 11


def test_a_synthesis_cut_off_does_little_harm():
    model = DurationModel()
    model.observe(TEXT, 0.001, voice="dora", language="pt")
    assert model.characters_per_s(voice="dora", language="pt") <= 21


def test_nothing_is_learnt_from_nothing():
    model = DurationModel()
    model.observe("", 2.0, voice="dora", language="pt")
    model.observe(TEXT, 0.0, voice="dora", language="pt")
    model.observe(TEXT, 2.0, voice="dora", language="pt", speed=0.0)
    assert model.characters_per_s(voice="dora", language="pt") == 14


def test_the_nameless_voice_learns_once_and_not_twice():
    model = DurationModel()
    say(model, TEXT, rate=18, voice="")
    assert model.characters_per_s(voice="", language="pt") == pytest.approx(15)


def test_engines_are_told_apart_though_they_name_a_voice_alike():
    model = DurationModel()
    for _ in range(20):
        model.observe(TEXT, spoken_length(TEXT) / 20, voice="ana", language="pt", engine="quick")
    assert model.characters_per_s(voice="ana", language="pt", engine="quick") == pytest.approx(20, rel=0.01)
    assert model.characters_per_s(voice="leo", language="pt", engine="quick") == pytest.approx(20, rel=0.01)
    assert model.characters_per_s(voice="ana", language="pt", engine="other") == 14


def test_what_one_stream_hears_serves_the_others_of_that_voice():
    model = DurationModel()
    one, other = (model.pace(engine="e", voice="ana", language="pt") for _ in range(2))
    for _ in range(20):
        one.observe(TEXT, spoken_length(TEXT) / 18 / 1.1, speed=1.1)
    assert other.predict(TEXT) == pytest.approx(spoken_length(TEXT) / 18, rel=0.01)
    assert model.pace(engine="e", voice="ana", language="es").predict("a" * 14) == 1.0


def test_the_voice_not_heard_for_longest_is_forgotten_first():
    model = DurationModel()
    say(model, TEXT, rate=20, voice="first")
    for number in range(1200):
        say(model, TEXT, rate=20, voice=f"clone {number}")
        if number < 1000:
            say(model, TEXT, rate=10, voice="old friend")
    slow = model.characters_per_s(voice="old friend", language="pt")
    general = model.characters_per_s(voice="never heard", language="pt")
    assert slow == pytest.approx(10, rel=0.01)
    assert model.characters_per_s(voice="first", language="pt") == general != 14


@pytest.mark.parametrize(
    ("text", "length"), [("abc", 3), ("  a \n b ", 3), ("今日は", 9), ("in 1859", 3 + 16), ("", 0)]
)
def test_wide_characters_and_digits_take_longer_to_say(text, length):
    assert spoken_length(text) == length


@given(
    st.lists(
        st.tuples(st.text(max_size=30), st.floats(0, 1e6), st.floats(0, 4), st.sampled_from(["", "a", "b"]))
    ),
    st.text(max_size=50),
)
def test_predictions_stay_finite_whatever_was_seen(observations, text):
    model = DurationModel()
    for seen, seconds, speed, voice in observations:
        model.observe(seen, seconds, voice=voice, language="pt", speed=speed)
    predicted = model.predict(text, voice="a", language="pt")
    assert math.isfinite(predicted)
    assert (predicted > 0) == bool(spoken_length(text))
