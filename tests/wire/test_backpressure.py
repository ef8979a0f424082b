"""Levels by count."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from sts_actors.wire.backpressure import Backpressure, Level, Thresholds, describe

pressed_counts = st.lists(st.tuples(st.integers(min_value=0, max_value=12), st.booleans()), max_size=60)


def told_on(backpressure, path):
    """All that is said on the way, with the count and the pressure at which it is said."""
    return [
        (level, count, pressed)
        for count, pressed in path
        for level in backpressure.update(count, pressed=pressed)
    ]


@given(pressed_counts)
def test_a_level_is_told_only_when_it_changes(path):
    told = [level for level, *_ in told_on(Backpressure(Thresholds()), path)]
    assert all(one is not other for one, other in pairwise(told))
    assert not told or told[0] is not Level.LOW


@given(pressed_counts)
def test_whatever_was_raised_is_released_once_the_stream_is_empty_and_memory_is_there(path):
    told = [level for level, *_ in told_on(Backpressure(Thresholds()), [*path, (0, False)])]
    assert not told or told[-1] is Level.LOW


@given(pressed_counts)
def test_a_pause_is_never_softened_but_released_outright(path):
    told = [level for level, *_ in told_on(Backpressure(Thresholds()), [*path, (0, False)])]
    after_pause = [after for before, after in pairwise(told) if before is Level.HIGH]
    assert all(level is Level.LOW for level in after_pause)


@given(pressed_counts)
def test_while_memory_is_short_a_stream_goes_slowly_whatever_its_count_and_is_never_left_in_a_pause(path):
    backpressure = Backpressure(Thresholds())
    for count, pressed in path:
        backpressure.update(count, pressed=pressed)
        if pressed:
            assert backpressure.level is not Level.LOW
            if Thresholds().level(count) is Level.LOW:
                assert backpressure.level is Level.MEDIUM


def test_a_pause_ends_in_slowness_by_way_of_its_release_while_memory_is_short():
    backpressure = Backpressure(Thresholds())
    assert backpressure.update(8, pressed=True) == (Level.HIGH,)
    assert backpressure.update(5, pressed=True) == ()
    assert backpressure.update(3, pressed=True) == (Level.LOW, Level.MEDIUM)
    assert backpressure.update(0, pressed=True) == ()
    assert backpressure.update(0, pressed=False) == (Level.LOW,)


def test_the_contracts_counts_give_the_contracts_levels():
    levels = [Thresholds().level(count) for count in range(11)]
    assert levels == [Level.LOW] * 4 + [Level.MEDIUM] * 3 + [Level.HIGH] * 4
    assert [Thresholds().admits(count) for count in (9, 10)] == [True, False]


def test_an_event_always_has_an_integer_delay():
    delays = [
        describe(level, stream_id="s", in_flight=1, max_inflight=3, queue_depth=0)["recommended_delay_ms"]
        for level in Level
    ]
    assert delays == [0, 500, 2000]
