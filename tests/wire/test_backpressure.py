"""Levels by count."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from sts_actors.wire.backpressure import Backpressure, Level, Thresholds, describe

counts = st.lists(st.integers(min_value=0, max_value=12), max_size=60)


@given(counts)
def test_a_level_is_told_only_when_it_changes(path):
    backpressure = Backpressure(Thresholds())
    told = [level for level in map(backpressure.update, path) if level is not None]
    assert all(one is not other for one, other in pairwise(told))


@given(counts)
def test_whatever_was_raised_is_released_once_the_stream_is_empty(path):
    backpressure = Backpressure(Thresholds())
    told = [level for level in map(backpressure.update, [*path, 0]) if level is not None]
    assert not told or told[-1] is Level.LOW


@given(counts)
def test_a_pause_is_never_softened_but_released_outright(path):
    backpressure = Backpressure(Thresholds())
    told = [level for level in map(backpressure.update, [*path, 0]) if level is not None]
    after_pause = [after for before, after in pairwise(told) if before is Level.HIGH]
    assert all(level is Level.LOW for level in after_pause)


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
