"""The circuit breaker: closed, open, half open."""

from hypothesis import given
from hypothesis import strategies as st

from sts_actors.engines.breaker import Breaker, BreakerState


def opened(rest_s=10.0):
    breaker = Breaker(threshold=2, rest_s=rest_s)
    for _ in range(2):
        assert breaker.admits(0)
        breaker.failed(0)
    return breaker


def test_failures_in_a_row_open_it():
    breaker = Breaker(threshold=2)
    breaker.failed(0)
    assert breaker.state(0) is BreakerState.CLOSED
    assert breaker.admits(0)
    breaker.failed(0)
    assert breaker.state(0) is BreakerState.OPEN
    assert not breaker.admits(0)
    assert breaker.failures == 2


def test_a_success_between_them_starts_the_count_again():
    breaker = Breaker(threshold=2)
    breaker.failed(0)
    breaker.succeeded()
    breaker.failed(0)
    assert breaker.state(0) is BreakerState.CLOSED


def test_it_rests_and_is_then_half_open():
    breaker = opened(rest_s=10)
    assert (breaker.state(9.9), breaker.rest_left_s(9)) == (BreakerState.OPEN, 1)
    assert (breaker.state(10), breaker.rest_left_s(11)) == (BreakerState.HALF_OPEN, 0)


def test_half_open_one_call_may_try_at_a_time():
    breaker = opened()
    assert breaker.admits(10)
    assert not breaker.admits(10)


def test_a_try_that_succeeds_closes_it():
    breaker = opened()
    assert breaker.admits(10)
    breaker.succeeded()
    assert breaker.state(10) is BreakerState.CLOSED
    assert breaker.rest_left_s(10) == 0
    assert breaker.admits(10)
    assert breaker.admits(10)


def test_a_try_that_fails_opens_it_anew():
    breaker = opened(rest_s=10)
    assert breaker.admits(12)
    breaker.failed(13)
    assert breaker.state(22) is BreakerState.OPEN
    assert breaker.state(23) is BreakerState.HALF_OPEN
    assert breaker.admits(23)


def test_a_try_that_tells_nothing_leaves_room_for_another():
    breaker = opened()
    assert breaker.admits(10)
    breaker.withdrew()
    assert breaker.state(10) is BreakerState.HALF_OPEN
    assert breaker.admits(10)


def test_a_late_failure_of_a_call_from_before_does_not_prolong_the_rest():
    breaker = opened(rest_s=10)
    breaker.failed(5)
    assert breaker.state(10) is BreakerState.HALF_OPEN


@given(st.lists(st.tuples(st.integers(0, 8), st.sampled_from(["good", "bad", "nothing"]))))
def test_a_failing_service_is_never_called_for_good_and_never_given_up_for_good(steps):
    breaker, now, in_a_row = Breaker(threshold=3, rest_s=10), 0, 0
    for passed_s, outcome in steps:
        now += passed_s
        if not breaker.admits(now):
            assert in_a_row >= 3
            assert 0 < breaker.rest_left_s(now) <= 10
            continue
        if outcome == "good":
            breaker.succeeded()
            in_a_row = 0
        elif outcome == "bad":
            breaker.failed(now)
            in_a_row += 1
            assert (breaker.state(now) is BreakerState.OPEN) == (in_a_row >= 3)
        else:
            breaker.withdrew()
    assert breaker.admits(now + 10)
