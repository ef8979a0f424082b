"""The policy alone: how long to wait before which try."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sts_actors.client import Reconnect

LUCK = st.floats(0, 1)


@st.composite
def policies(draw) -> Reconnect:
    first_s = draw(st.floats(1e-3, 1e3))
    return Reconnect(
        attempts=draw(st.none() | st.integers(1, 50)),
        first_delay_s=first_s,
        max_delay_s=first_s * draw(st.floats(1, 1e3)),
        factor=draw(st.floats(1, 1e6)),
        jitter=draw(st.floats(0, 1)),
    )


def test_without_jitter_the_delays_double_from_one_second_to_five():
    assert list(itertools.islice(Reconnect(jitter=0).delays(lambda: 0.9), 6)) == [1, 2, 4, 5, 5, 5]


@pytest.mark.parametrize(("luck", "want"), [(0, [0.5, 1, 2, 2.5, 2.5]), (1, [1.5, 3, 5, 5, 5])])
def test_jitter_spreads_each_delay_by_half_of_itself_but_never_above_the_longest(luck, want):
    assert list(itertools.islice(Reconnect().delays(lambda: luck), 5)) == want


@given(policies(), st.lists(LUCK, min_size=30, max_size=30))
def test_every_delay_is_within_the_jitter_of_its_base_and_below_the_longest(policy, lucks):
    luck = iter(lucks)
    base = policy.first_delay_s
    for delay_s in itertools.islice(policy.delays(lambda: next(luck)), 30):
        assert base * (1 - policy.jitter) * (1 - 1e-9) <= delay_s
        assert delay_s <= min(base * (1 + policy.jitter), policy.max_delay_s) * (1 + 1e-9)
        base = min(base * policy.factor, policy.max_delay_s)


@given(policies(), LUCK)
def test_with_the_same_luck_no_delay_is_shorter_than_the_one_before(policy, luck):
    delays = list(itertools.islice(policy.delays(lambda: luck), 30))
    assert all(later >= sooner * (1 - 1e-9) for sooner, later in itertools.pairwise(delays))


@given(policies())
def test_there_are_as_many_delays_as_attempts(policy):
    delays = list(itertools.islice(policy.delays(lambda: 0.5), 100))
    assert len(delays) == (100 if policy.attempts is None else policy.attempts)


def test_after_a_hundred_thousand_tries_the_delay_is_still_the_longest():
    *_, last = itertools.islice(Reconnect(factor=1e9, jitter=0).delays(lambda: 0), 100_000)
    assert last == 5


@given(st.lists(LUCK, min_size=2, max_size=2, unique=True))
def test_different_luck_gives_different_delays_at_the_longest_too(lucks):
    def at_the_top(luck: float) -> float:
        return next(itertools.islice(Reconnect().delays(lambda: luck), 9, None))

    low, high = sorted(lucks)
    assert at_the_top(low) <= at_the_top(high)
    assert at_the_top(high) - at_the_top(low) == pytest.approx((high - low) * 2.5, abs=1e-9)


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    "fields",
    [
        *({"attempts": bad} for bad in (0, -1)),
        *({"first_delay_s": bad} for bad in (0, -1, NAN, INF)),
        *({"max_delay_s": bad} for bad in (0.5, NAN, INF)),
        *({"factor": bad} for bad in (0.5, -2, NAN, INF)),
        *({"jitter": bad} for bad in (-0.1, 1.1, NAN)),
        *({"patience_s": bad} for bad in (-1, NAN, INF)),
    ],
    ids=repr,
)
def test_a_policy_that_would_spin_or_shrink_or_wait_for_ever_is_refused(fields):
    (name,) = fields
    with pytest.raises(ValueError, match=name):
        Reconnect(**fields)
