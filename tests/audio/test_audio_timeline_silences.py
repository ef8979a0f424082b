import numpy as np
from audio_signals import tone
from hypothesis import given, settings
from hypothesis import strategies as st

from sts_actors.audio.timeline.silences import without_silence

RATE = 1000


def silent(frames):
    return np.zeros(frames, np.float32)


def loud(frames, level=0.5):
    return np.full(frames, level, np.float32)


def test_the_end_goes_first_then_the_start_then_the_pauses():
    sound = np.concatenate((silent(100), loud(200), silent(320), loud(200, 0.4), silent(100)))
    assert np.array_equal(without_silence(sound, RATE, 50), sound[:-50])
    assert np.array_equal(without_silence(sound, RATE, 100), sound[20:-80])
    assert np.array_equal(without_silence(sound, RATE, 160), sound[80:-80])
    shorter = without_silence(sound, RATE, 260)
    expected = np.concatenate((silent(20), loud(200), silent(220), loud(200, 0.4), silent(20)))
    assert np.array_equal(shorter, expected)


def test_a_pause_remains_a_pause():
    sound = np.concatenate((loud(200), silent(320), loud(200)))
    assert np.array_equal(
        without_silence(sound, RATE, 10_000), np.concatenate((loud(200), silent(120), loud(200)))
    )


def test_several_pauses_are_shortened_in_proportion():
    sound = np.concatenate((loud(50), silent(220), loud(50), silent(320), loud(50)))
    expected = np.concatenate((loud(50), silent(170), loud(50), silent(220), loud(50)))
    assert np.array_equal(without_silence(sound, RATE, 150), expected)


def test_speech_without_silence_is_left_as_it_is():
    sound = tone(500, RATE, 50)
    assert np.array_equal(without_silence(sound, RATE, 100), sound)
    assert without_silence(sound, RATE, 0) is sound


def test_of_nothing_but_silence_as_much_goes_as_is_too_much():
    assert without_silence(silent(300), RATE, 100).shape == (200,)
    assert without_silence(silent(300), RATE, 400).shape == (0,)
    assert without_silence(silent(0), RATE, 400).shape == (0,)


def test_a_joint_in_a_noisy_pause_does_not_click():
    hum = np.where(np.arange(400) < 200, 0.002, -0.002).astype(np.float32)
    sound = np.concatenate((loud(100), hum, loud(100)))
    shorter = without_silence(sound, RATE, 300)[105:215]
    assert shorter.shape == (110,)
    assert np.abs(np.diff(shorter)).max() <= 0.004 / 6 + 1e-6


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 300), st.booleans()), max_size=8),
    st.integers(0, 2000),
    st.integers(0, 99),
)
def test_only_silence_goes_and_never_more_than_was_asked(parts, surplus, seed):
    rng = np.random.default_rng(seed)
    sound = np.concatenate(
        [silent(0), *(rng.uniform(0.1, 0.5, n).astype(np.float32) if on else silent(n) for n, on in parts)]
    )
    shorter = without_silence(sound, RATE, surplus)
    assert max(sound.shape[0] - surplus, 0) <= shorter.shape[0] <= sound.shape[0]
    assert np.array_equal(shorter[shorter != 0], sound[sound != 0])
