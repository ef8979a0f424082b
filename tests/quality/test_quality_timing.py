import pytest
from hypothesis import given
from hypothesis import strategies as st

from sts_actors.quality.timing import Spread, offsets, share_in_window, slope_ms_per_hour, spread

FIGURES = st.floats(-1e6, 1e6)


def test_the_spread_of_a_hundred_values_is_two_of_them():
    assert spread([float(value) for value in range(1, 101)]) == Spread(p50=50, p95=95, largest=100)


def test_no_values_have_no_spread_and_no_share():
    assert spread([]) is None
    assert share_in_window([]) is None


@given(st.lists(FIGURES, min_size=1))
def test_a_spread_is_made_of_values_in_order(values):
    found = spread(values)
    assert {found.p50, found.p95, found.largest} <= set(values)
    assert found.p50 <= found.p95 <= found.largest == max(values)


def test_the_ends_of_the_window_are_inside_it():
    assert share_in_window([0.89, 0.9, 1.0, 1.2, 1.21]) == pytest.approx(0.6)


def test_a_lag_that_grows_evenly_has_that_slope():
    times = [0.0, 900.0, 1800.0]
    assert slope_ms_per_hour(times, [100.0, 112.5, 125.0]) == pytest.approx(50)


@given(
    st.lists(st.integers(0, 14_400), min_size=2, unique=True), st.integers(-500, 500), st.integers(-500, 500)
)
def test_a_line_has_its_own_slope(times, slope, start):
    lags = [start + slope * time / 3600 for time in times]
    assert slope_ms_per_hour(times, lags) == pytest.approx(slope, abs=1e-3)


def test_one_moment_has_no_slope():
    assert slope_ms_per_hour([1.0], [5.0]) is None
    assert slope_ms_per_hour([1.0, 1.0], [5.0, 6.0]) is None


def test_offsets_count_from_the_source_and_leave_out_what_was_not_found():
    found = offsets([(1.0, 2.0), (3.0, 4.0), (5.0, 6.0)], [(1.5, 2.25), None, (4.75, 6.0)])
    assert found.start_ms == (500, -250)
    assert found.end_ms == (250, 0)
