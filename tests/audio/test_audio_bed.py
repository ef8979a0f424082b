"""The original underneath: full where nobody speaks, softer where anyone does, without a click at any cut."""

import numpy as np
import pytest
from audio_signals import noise, tone
from hypothesis import given
from hypothesis import strategies as st

from sts_actors.audio.bed import HOLD_S, KNEE, Ducking, together
from sts_actors.messages import Bed

RATE = 1000
HOLD = round(HOLD_S * RATE)
RAMP = 200
DOWN = 10 ** (-18 / 20)


def silence(frames):
    return np.zeros(frames, np.float32)


def gains(pieces, *, bed=None, level=0.5):
    """The gain at every sample of fragments of `(dub, spoken)`, told from a constant source."""
    ducking = Ducking(bed or Bed(), RATE)
    return np.concatenate(
        [(ducking.mix(dub, silence(len(dub)) + level, spoken) - dub) / level for dub, spoken in pieces]
    )


def test_where_nobody_speaks_the_source_is_untouched():
    source = noise(3 * RATE, level=0.5)
    assert np.abs(source).max() == 1
    assert (Ducking(Bed(), RATE).mix(silence(3 * RATE), source, ()) == source).all()


def test_where_the_source_is_silent_the_dub_is_untouched():
    dub = noise(3 * RATE, level=0.5)
    assert (Ducking(Bed(), RATE).mix(dub, silence(3 * RATE), [(0, 500)]) == dub).all()


def test_the_bed_is_down_when_words_begin_and_up_one_hold_and_one_ramp_after_them():
    gain = gains([(silence(3000), [(1000, 1500)])])
    assert (gain[: 1000 - RAMP] == 1).all()
    assert gain[1000 - RAMP + 1] < 1
    assert gain[1000 : 1500 + HOLD] == pytest.approx(DOWN)
    assert gain[1500 + HOLD + RAMP - 2] < 1
    assert (gain[1500 + HOLD + RAMP - 1 :] == 1).all()


def test_the_bed_is_down_where_the_dub_sounds():
    dub = silence(3000)
    dub[1000:1500] = tone(500, RATE, hz=90, level=0.3)
    gain = gains([(dub, ())])
    assert (gain[: 1000 - RAMP] == 1).all()
    assert gain[1010:1490] == pytest.approx(DOWN)
    assert (gain[1500 + HOLD + RAMP :] == 1).all()


def test_a_dubs_faint_noise_does_not_hold_the_bed_down():
    assert (gains([(noise(2000, level=0.001), ())]) > 0.99).all()


def test_a_gap_that_is_no_pause_is_not_heard_in_the_bed():
    gain = gains([(silence(3000), [(500, 1000), (1000 + HOLD, 2000)])])
    assert gain[500:2000] == pytest.approx(DOWN)


def test_level_and_ramp_are_the_settings():
    gain = gains([(silence(2000), [(500, 1000)])], bed=Bed(level_db=-6, ramp_ms=50))
    assert gain.min() == pytest.approx(10 ** (-6 / 20))
    assert (gain[:450] == 1).all()
    assert gain[475] == pytest.approx(10 ** (-3 / 20), rel=0.01)


def test_a_ramp_of_nothing_is_a_step():
    gain = gains([(silence(2000), [(500, 1000)])], bed=Bed(ramp_ms=0))
    assert (gain[:500] == 1).all()
    assert gain[500 : 1000 + HOLD] == pytest.approx(DOWN)
    assert (gain[1000 + HOLD :] == 1).all()


def test_words_that_reach_over_the_fragments_end_count_in_the_next():
    gain = gains([(silence(1000), [(500, 1400)]), (silence(300), ()), (silence(1000), ())])
    assert gain[500 : 1400 + HOLD] == pytest.approx(DOWN)
    assert (gain[1400 + HOLD + RAMP :] == 1).all()


def test_words_that_are_over_before_the_fragment_count_no_more():
    assert (gains([(silence(1000), [(-300, -100)])]) == 1).all()
    assert gains([(silence(1000), [(-300, 100)])])[RAMP : 100 + HOLD] == pytest.approx(DOWN)


def test_speech_at_the_very_beginning_of_a_fragment_brings_the_bed_down_from_there_without_a_jump():
    gain = gains([(silence(1000), ()), (silence(1000), [(0, 1000)])])
    assert (gain[:1000] == 1).all()
    assert gain[1000] == pytest.approx(10 ** (-18 / 20 / RAMP))
    assert gain[1000 + RAMP // 2] == pytest.approx(10 ** (-9 / 20), rel=0.02)
    assert gain[1000 + RAMP :] == pytest.approx(DOWN)


def test_a_dub_and_a_source_of_different_length_are_refused():
    # numpy would spread one sample over all.
    with pytest.raises(ValueError, match="a dub of"):
        Ducking(Bed(), RATE).mix(silence(1), silence(4), ())


def test_an_empty_fragment_changes_nothing():
    ducking = Ducking(Bed(), RATE)
    assert ducking.mix(silence(0), silence(0), [(0, 100)]).shape == (0,)
    assert ducking.mix(silence(100), silence(100) + 1, ())[-1] < 1


@given(st.integers(0, 99), st.floats(0, 4), st.floats(0, 4))
def test_two_sounds_together_are_never_over_full_scale_nor_on_the_other_side(seed, level_one, level_two):
    rng = np.random.default_rng(seed)
    one = rng.uniform(-level_one, level_one, 500).astype(np.float32)
    other = rng.uniform(-level_two, level_two, 500).astype(np.float32)
    both = together(one, other)
    assert both.dtype == np.float32
    assert np.abs(both).max() <= 1
    assert (both * (one + other) >= 0).all()
    assert (np.abs(both) <= np.abs(one + other)).all()


@given(st.integers(0, 99))
def test_what_stays_below_the_knee_is_a_plain_sum(seed):
    rng = np.random.default_rng(seed)
    one, other = rng.uniform(-KNEE / 2, KNEE / 2, (2, 500)).astype(np.float32)
    assert (together(one, other) == one + other).all()


def test_the_limit_is_approached_smoothly_and_never_turns_back():
    one = np.full(4001, 0.6, np.float32)
    both = together(one, np.linspace(0, 0.6, 4001, dtype=np.float32))
    steps = np.diff(both)
    assert steps.min() >= 0
    assert steps.max() <= 0.6 / 4000 * 1.01
    assert np.abs(np.diff(steps)).max() < 0.6 / 4000 * 0.02
    assert 0.95 < both[-1] < 1


LENGTHS = st.lists(st.integers(1, 1500), min_size=1, max_size=8)
WORDS = st.lists(st.tuples(st.integers(0, 5000), st.integers(1, 900)), max_size=5)


def stream(seed, frames):
    """A dub that comes and goes, and a source."""
    rng = np.random.default_rng(seed)
    sounds = np.repeat(rng.random(frames // 250 + 1) < 0.4, 250)[:frames]
    dub = (rng.uniform(-0.6, 0.6, frames) * sounds).astype(np.float32)
    return dub, rng.uniform(-0.9, 0.9, frames).astype(np.float32)


def mixed(lengths, dub, source, words, bed):
    ducking, at, out = Ducking(bed, RATE), 0, []
    for length in lengths:
        spoken = [(start - at, start - at + long) for start, long in words if start < at + length]
        out.append(ducking.mix(dub[at : at + length], source[at : at + length], spoken))
        assert out[-1].shape == (length,)
        at += length
    return np.concatenate(out)


@given(LENGTHS, WORDS, st.integers(0, 99), st.integers(0, 300), st.floats(-40, 0))
def test_however_a_stream_is_cut_it_is_as_long_bounded_and_its_gain_moves_by_one_step_a_sample(
    lengths, words, seed, ramp_ms, level_db
):
    dub, source = stream(seed, sum(lengths))
    bed = Bed(level_db=level_db, ramp_ms=ramp_ms)
    assert np.abs(mixed(lengths, dub, source, words, bed)).max() <= 1
    # Two such sums tell the gain: the dub stays below the knee, and so does the source.
    half = np.full_like(source, 0.25)
    gain = (mixed(lengths, dub, half, words, bed) - dub) / 0.25
    assert (gain >= 10 ** (level_db / 20) - 1e-5).all()
    assert (gain <= 1 + 1e-5).all()
    steps = np.abs(np.diff(20 * np.log10(gain), prepend=0))
    assert steps.max() <= abs(level_db) / max(ramp_ms, 1) * 1.001 + 1e-3


@given(LENGTHS, WORDS, st.integers(0, 99), st.integers(0, 300))
def test_a_ramp_away_from_a_cut_the_stream_is_the_same_to_the_bit_and_nearer_the_bed_is_never_softer(
    lengths, words, seed, ramp_ms
):
    frames = sum(lengths)
    dub, source = stream(seed, frames)
    bed = Bed(ramp_ms=ramp_ms)
    ramp = max(ramp_ms, 1)
    far = np.ones(frames, bool)
    for cut in np.cumsum(lengths)[:-1]:
        far[max(cut - ramp, 0) : cut + ramp] = False
    whole = mixed([frames], dub, source, words, bed)
    cut = mixed(lengths, dub, source, words, bed)
    assert (cut[far] == whole[far]).all()
    level = np.full_like(source, 0.25)
    of_whole = mixed([frames], dub, level, words, bed) - dub
    assert (mixed(lengths, dub, level, words, bed) - dub >= of_whole - 1e-6).all()


@given(LENGTHS, st.integers(0, 99))
def test_cuts_after_which_nothing_begins_at_once_change_nothing(lengths, seed):
    dub, source = stream(seed, sum(lengths))
    # Speech all along: there is nothing to foresee after the first ramp.
    words = [(0, sum(lengths))]
    assert (
        mixed(lengths, dub, source, words, Bed()) == mixed([sum(lengths)], dub, source, words, Bed())
    ).all()


@given(LENGTHS, WORDS)
def test_silence_with_silence_is_silence(lengths, words):
    nothing = silence(sum(lengths))
    assert not mixed(lengths, nothing, nothing, words, Bed()).any()


@given(LENGTHS, st.integers(0, 99))
def test_with_nobody_speaking_any_fragments_are_the_source(lengths, seed):
    _, source = stream(seed, sum(lengths))
    assert (mixed(lengths, silence(sum(lengths)), source, [], Bed()) == source).all()
