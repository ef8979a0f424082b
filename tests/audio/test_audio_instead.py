"""The original where there is no dub: after what was said before, coming and going without a click."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sts_actors.audio.instead import OriginalInstead

RATE = 8000
FADE = 40


def silence(frames=RATE):
    return np.zeros(frames, np.float32)


def level(frames=RATE, value=0.5):
    return np.full(frames, value, np.float32)


def test_a_dub_passes_as_it_is():
    dub = level(value=0.7)
    assert (OriginalInstead(RATE).heard(dub, level(), failed=False) == dub).all()


def test_a_failed_fragment_is_its_source_which_comes_in_over_five_milliseconds():
    out = OriginalInstead(RATE).heard(silence(), level(), failed=True)
    assert (out[FADE - 1 :] == 0.5).all()
    assert out[:FADE] == pytest.approx(0.5 * np.arange(1, FADE + 1) / FADE)


def test_from_one_failed_fragment_to_the_next_it_goes_on_without_a_dip():
    fallback = OriginalInstead(RATE)
    fallback.heard(silence(), level(), failed=True)
    assert (fallback.heard(silence(), level(), failed=True) == 0.5).all()


def test_it_goes_over_five_milliseconds_when_there_is_a_dub_again():
    fallback = OriginalInstead(RATE)
    fallback.heard(silence(), level(), failed=True)
    out = fallback.heard(silence(), level(), failed=False)
    assert out[:FADE] == pytest.approx(0.5 * np.arange(FADE - 1, -1, -1) / FADE)
    assert not out[FADE:].any()


def test_what_was_said_before_is_dubbed_to_its_end_before_the_source_is_heard():
    dub = silence()
    dub[:3000] = 0.3
    out = OriginalInstead(RATE).heard(dub, level(), failed=True)
    assert (out[:3000] == dub[:3000]).all()
    assert (out[3000 + FADE :] == 0.5).all()


def test_a_dub_that_lasts_all_the_failed_fragment_is_all_that_is_heard():
    fallback = OriginalInstead(RATE)
    assert (fallback.heard(level(value=0.3), level(), failed=True) == np.float32(0.3)).all()
    assert not fallback.heard(silence(), level(), failed=False).any()


def test_a_dub_and_a_source_of_different_length_are_refused():
    # numpy would spread one sample over all.
    with pytest.raises(ValueError, match="a dub of"):
        OriginalInstead(RATE).heard(silence(1), silence(4), failed=True)


def test_an_empty_fragment_changes_nothing():
    fallback = OriginalInstead(RATE)
    fallback.heard(silence(), level(), failed=True)
    assert fallback.heard(silence(0), silence(0), failed=False).shape == (0,)
    assert (fallback.heard(silence(), level(), failed=True) == 0.5).all()


@given(st.lists(st.tuples(st.integers(1, 300), st.integers(0, 300), st.booleans()), max_size=9))
def test_the_gain_of_the_source_moves_by_one_step_a_sample_whatever_fails(fragments):
    fallback, out, dubs = OriginalInstead(RATE), [], []
    for frames, sounding, failed in fragments:
        dub = silence(frames)
        dub[:sounding] = 0.25
        out.append(fallback.heard(dub, level(frames), failed=failed))
        dubs.append(dub)
    gain = (np.concatenate([*out, silence(1)]) - np.concatenate([*dubs, silence(1)]))[:-1] / 0.5
    assert np.abs(np.diff(gain, prepend=0)).max(initial=0) <= 1 / FADE + 1e-5


def test_source_and_dub_together_are_never_over_full_scale():
    fallback = OriginalInstead(RATE)
    fallback.heard(silence(), level(value=1), failed=True)
    assert fallback.heard(level(value=1), level(value=1), failed=False).max() <= 1
