import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervision import Backoff, Intensity, Restart, RestartWindow


@pytest.mark.parametrize(
    ("restart", "after_an_error", "after_a_normal_end"),
    [
        (Restart.PERMANENT, True, True),
        (Restart.TRANSIENT, True, False),
        (Restart.TEMPORARY, False, False),
    ],
)
def test_when_each_kind_of_child_is_started_anew(restart, after_an_error, after_a_normal_end):
    assert restart.applies(ValueError()) is after_an_error
    assert restart.applies(None) is after_a_normal_end


@given(st.lists(st.floats(0, 5), max_size=30), st.integers(0, 5), st.floats(0.1, 20))
def test_the_window_is_exceeded_exactly_when_a_period_holds_more_than_the_limit(gaps, restarts, period_s):
    window = RestartWindow(Intensity(restarts=restarts, period_s=period_s))
    times = []
    for gap in gaps:
        times.append((times[-1] if times else 0.0) + gap)
        within = [time for time in times if time > times[-1] - period_s]
        assert window.record(times[-1]) is (len(within) > restarts)
        assert window.count(times[-1]) == len(within)


def test_the_window_forgets_without_being_told_of_another_restart():
    window = RestartWindow(Intensity(restarts=1, period_s=10))
    window.record(0)
    assert (window.count(9.9), window.count(10)) == (1, 0)


@given(
    st.floats(0, 10),
    st.floats(1, 10),
    st.floats(0, 100),
    st.floats(0, 1),
    st.integers(1, 10**6),
    st.floats(0, 1),
)
def test_a_delay_is_never_negative_nor_longer_than_the_longest(
    first_s, factor, more_s, jitter, restart, chance
):
    backoff = Backoff(first_s=first_s, factor=factor, max_s=first_s + more_s, jitter=jitter)
    delay_s = backoff.delay_s(restart, chance)
    assert 0 <= delay_s <= backoff.max_s
    assert backoff.delay_s(restart, 0) * (1 - jitter) <= delay_s <= backoff.delay_s(restart, 0)


def test_delays_grow_by_the_factor_up_to_the_longest():
    backoff = Backoff(first_s=0.5, factor=2, max_s=3)
    assert [backoff.delay_s(restart, 0.7) for restart in range(1, 6)] == [0.5, 1, 2, 3, 3]


def test_jitter_shortens_a_delay_by_at_most_its_share():
    backoff = Backoff(first_s=1, max_s=1, jitter=0.25)
    assert [backoff.delay_s(1, chance) for chance in (0, 1)] == [1, 0.75]


def test_no_delay_is_the_default():
    assert Backoff().delay_s(100_000, 0.5) == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"first_s": 1},  # max_s is 0: it would never wait
        {"first_s": -1},
        {"factor": 0.5},
        {"jitter": 1.1},
        {"jitter": -0.1},
        {"max_s": math.nan - 1, "first_s": -1},
    ],
)
def test_a_backoff_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValueError):  # noqa: PT011 - attrs' messages are not ours
        Backoff(**wrong)


@pytest.mark.parametrize("wrong", [{"restarts": -1}, {"period_s": 0}])
def test_an_intensity_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValueError):  # noqa: PT011 - idem
        Intensity(**wrong)
