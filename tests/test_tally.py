"""What a stream's results add up to."""

import statistics

from hypothesis import given
from hypothesis import strategies as st

from sts_actors.tally import Tally, percentile

times = st.lists(st.floats(min_value=0, max_value=1e6), min_size=1, max_size=200)


@given(times)
def test_the_95th_percentile_bounds_95_of_100_and_is_one_of_the_values(values):
    p95 = percentile(values, 0.95)
    assert p95 in values
    assert sum(value <= p95 for value in values) >= 0.95 * len(values)
    assert sum(value < p95 for value in values) < 0.95 * len(values)


@given(times)
def test_the_median_by_nearest_rank_is_the_lower_median(values):
    assert percentile(values, 0.5) == statistics.median_low(values)


def test_a_stream_without_results_adds_up_to_zeros():
    summary = Tally().summary("s")
    assert (summary.total_fragments, summary.p95_processing_time_ms) == (0, 0.0)
