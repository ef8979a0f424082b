import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sts_actors.audio.timeline.catching_up import LagLimits, catches_up, plan

LIMITS = LagLimits(max_lag_s=3, catch_up_above_s=1, relax_below_s=0.25)
SECONDS = st.floats(0, 20)


def test_a_phrase_that_fits_is_left_alone():
    result = plan(1.9, 2, 0, LIMITS)
    assert (result.speed, result.tempo, result.trim_s, result.borrowed_s, result.cut_s) == (1, 1, 0, 0, 0)


def test_the_engines_speed_is_used_first():
    result = plan(2.2, 2, 0, LIMITS)
    assert result.speed == pytest.approx(1.1)
    assert (result.tempo, result.trim_s, result.cut_s) == (1, pytest.approx(0), 0)


def test_what_speed_does_not_do_silences_do_and_then_a_stretch():
    result = plan(2.36, 2, 0, LIMITS)
    assert result.speed == 1.15
    assert result.trim_s == pytest.approx(2.36 / 1.15 - 2)
    assert result.speed * result.tempo == pytest.approx(1.18)
    assert result.borrowed_s == pytest.approx(0)


def test_without_lag_to_catch_up_the_pace_stays_within_a_fifth_and_the_rest_flows_on():
    result = plan(3, 2, 0, LIMITS)
    assert result.speed * result.tempo == pytest.approx(1.2)
    assert result.borrowed_s == pytest.approx(0.5)
    assert result.cut_s == 0


def test_catching_up_goes_faster_than_a_fifth_but_stretches_no_more_than_is_allowed():
    result = plan(3, 2, 1.2, LIMITS, catching_up=True)
    assert (result.speed, result.tempo) == (1.15, 1.15)


def test_catching_up_takes_the_lag_away_where_holding_it_leaves_it():
    assert plan(2, 2, 0.2, LIMITS).speed == 1
    assert plan(2, 2, 0.2, LIMITS, catching_up=True).speed == pytest.approx(2 / 1.8)


def test_the_contracts_limit_is_for_what_would_be_cut_otherwise():
    result = plan(5.5, 4.2, 2.9, attrs.evolve(LIMITS, max_speed=1))
    assert result.tempo == 1.2
    assert result.cut_s == pytest.approx(5.5 / 1.2 - 4.3)
    result = plan(5.1, 4.2, 2.9, attrs.evolve(LIMITS, max_speed=1))
    assert 1.15 < result.tempo < 1.2
    assert result.cut_s == pytest.approx(0)


def test_what_comes_near_the_bound_is_hurried_by_the_cheapest_means_too():
    result = plan(4, 4, 3.4, LIMITS)
    assert (result.speed, result.tempo) == (pytest.approx(4 / 3.6), 1)
    assert result.cut_s == pytest.approx(0)


def test_what_has_been_spoken_keeps_its_speed():
    result = plan(2.1, 2, 0, LIMITS, speed=1.1)
    assert result.speed == 1.1
    assert result.tempo == pytest.approx(1.05)
    assert plan(2.1, 2, 0, LIMITS, speed=1.3).tempo == 1


@settings(max_examples=200)
@given(SECONDS, SECONDS, SECONDS, st.booleans(), st.none() | st.floats(1, 1.15))
def test_no_rung_goes_beyond_its_limit_and_nothing_is_cut_before_the_last(
    predicted, room, lag, hurried, speed
):
    result = plan(predicted, room, lag, LIMITS, catching_up=hurried, speed=speed)
    assert 1 <= result.speed <= 1.15
    assert 1 <= result.tempo <= 1.2
    if result.tempo > 1.15:
        assert predicted > room - lag + LIMITS.max_lag_s
    if result.cut_s:
        assert result.tempo == 1.2
    if not hurried and result.speed * result.tempo > 1.2 + 1e-9:
        length = predicted / (result.speed if speed is None else 1)
        assert length / result.tempo >= max(room - lag + LIMITS.max_lag_s, 0) - 1e-9
    length = predicted / (result.speed if speed is None else 1) / result.tempo
    late = lag - room + length - result.cut_s
    assert late <= max(LIMITS.max_lag_s, lag - room) + 1e-6
    assert result.borrowed_s >= 0
    assert result.trim_s <= length * result.tempo + 1e-9
    assert result.cut_s <= length + 1e-9


def test_hurrying_begins_above_one_lag_and_ends_at_a_smaller_one():
    states, state = [], False
    for lag in (0.9, 1.0, 1.1, 0.9, 0.3, 0.25, 0.9):
        state = catches_up(state, lag, LIMITS)
        states.append(state)
    assert states == [False, False, True, True, True, False, False]


@pytest.mark.parametrize(
    "wrong",
    [
        {"relax_below_s": -1},
        {"relax_below_s": 2.1},
        {"catch_up_above_s": 4},
        {"max_stretch": 0.9},
        {"max_stretch": 1.19, "max_tempo": 1.18},
        {"max_tempo": 1.3},
        {"max_speed": 0.9},
        {"max_pace": 0.9},
    ],
)
def test_limits_that_contradict_each_other_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        LagLimits(**wrong)
