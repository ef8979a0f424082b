import numpy as np
import pytest

from sts_actors.audio.timeline.cutting import Track
from sts_actors.audio.timeline.fades import crossfaded, edged, fade_out
from sts_actors.audio.timeline.placing import Placed, place


def ones(frames):
    return np.ones(frames, np.float32)


def placed(**given):
    usual = {"frames": 100, "start": 50, "position": 0, "tail": 0, "latest": 1000, "overlap": 5}
    return place(**(usual | given))


def test_a_dub_is_placed_at_its_sources_start():
    assert placed() == Placed(at=50, kept=100, lost=0)


def test_it_waits_for_the_one_before_but_for_the_crossfade():
    assert placed(tail=80).at == 75
    assert placed(tail=52).at == 50


def test_it_is_not_placed_where_all_has_been_cut_out():
    assert placed(position=70).at == 70
    assert placed(position=78, tail=80).at == 78


def test_what_would_end_after_the_latest_is_lost():
    assert placed(latest=120) == Placed(at=50, kept=70, lost=30)
    assert placed(latest=40) == Placed(at=50, kept=0, lost=100)


def test_a_dub_that_would_lie_under_the_end_of_the_one_before_is_lost():
    assert placed(tail=80, latest=80) == Placed(at=75, kept=0, lost=100)
    assert placed(tail=80, latest=81) == Placed(at=75, kept=6, lost=94)


def test_a_track_gives_what_lies_on_it_and_zeros_elsewhere():
    track = Track()
    track.put(2, ones(3))
    track.put(4, ones(3))
    assert track.waiting == 6
    assert track.overrun == 0
    assert track.cut(4).tolist() == [0, 0, 1, 1]
    assert (track.position, track.overrun, track.waiting) == (4, 1, 4)
    assert track.cut(4).tolist() == [2, 1, 1, 0]
    assert (track.position, track.overrun, track.waiting) == (8, 0, 0)
    assert track.cut(0).shape == (0,)


def test_clearing_gives_the_rest_up_to_its_end():
    track = Track()
    track.put(2, ones(3))
    track.cut(1)
    assert track.clear().tolist() == [0, 1, 1, 1]
    assert track.clear().shape == (0,)


def test_what_has_been_cut_out_cannot_be_changed():
    track = Track()
    track.cut(10)
    with pytest.raises(ValueError, match="has been cut out"):
        track.put(9, ones(1))
    track.put(10, ones(1))


def test_fragments_have_no_negative_length():
    with pytest.raises(ValueError, match="-1 frames"):
        Track().cut(-1)


def test_edges_rise_and_fall_by_the_same_small_step():
    assert edged(ones(6), 1).tolist() == [0.5, 1, 1, 1, 1, 0.5]
    np.testing.assert_allclose(edged(ones(2), 3), [0.25 * 0.5, 0.5 * 0.25])
    assert edged(ones(3), 0).tolist() == [1, 1, 1]
    assert edged(ones(0), 3).shape == (0,)


def test_a_fade_out_longer_than_the_sound_ends_as_softly():
    sound = ones(2)
    fade_out(sound, 3)
    assert sound.tolist() == [0.5, 0.25]


def test_a_crossfade_of_one_sound_with_itself_is_that_sound():
    assert crossfaded(ones(4), ones(4)).tolist() == [1, 1, 1, 1]
    np.testing.assert_allclose(crossfaded(ones(3), 0 * ones(3)), [0.75, 0.5, 0.25])
