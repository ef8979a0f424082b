"""Asking again while there is time: in virtual time, with a service made of a list."""

import random

import attrs
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from sts_actors.engines.breaker import Breaker, BreakerState
from sts_actors.engines.retries import ANSWER_MARGIN_S, CallFailed, Patience, persist
from sts_actors.errors import EngineError, ErrorCode

DOWN = CallFailed(ErrorCode.TRANSLATION_API_UNAVAILABLE, "down", passing=True, sick=True)
BUSY = CallFailed(ErrorCode.RATE_LIMIT_EXCEEDED, "busy", passing=True)
NO = CallFailed(ErrorCode.TRANSLATION_FAILED, "no")


@attrs.define
class Service:
    """Gives each call the next of `outcomes` after `takes_s`."""

    outcomes: list
    takes_s: float = 0.0
    breaker: Breaker = attrs.field(factory=Breaker)
    allowed_s: list = attrs.field(factory=list)

    async def call(self, timeout_s):
        self.allowed_s.append(timeout_s)
        await trio.sleep(self.takes_s)
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def ask(self, within_s, patience=None):
        return await persist(
            self.call,
            deadline=trio.current_time() + within_s,
            breaker=self.breaker,
            patience=patience or Patience(),
            rng=random.Random(0),
        )


async def test_an_answer_is_passed_on(autojump_clock):
    service = Service(["hello"])
    assert await service.ask(5) == "hello"
    assert service.allowed_s == [3.0]


@pytest.mark.parametrize("failure", [DOWN, BUSY], ids=["down", "busy"])
async def test_what_may_pass_is_asked_again_after_a_pause(failure, autojump_clock):
    service = Service([failure, "hello"])
    started = trio.current_time()
    assert await service.ask(5) == "hello"
    assert 0.1 <= trio.current_time() - started <= 0.3


async def test_what_will_not_pass_is_asked_once(autojump_clock):
    service = Service([NO])
    with pytest.raises(EngineError, match="no") as caught:
        await service.ask(5)
    assert caught.value.code is ErrorCode.TRANSLATION_FAILED
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


async def test_in_the_end_the_last_failure_is_told(autojump_clock):
    service = Service([DOWN, DOWN, BUSY, "never asked"])
    with pytest.raises(EngineError) as caught:
        await service.ask(50)
    assert caught.value.code is ErrorCode.RATE_LIMIT_EXCEEDED
    assert service.outcomes == ["never asked"]


async def test_a_pause_behind_which_no_call_fits_is_not_begun(autojump_clock):
    service = Service([DOWN, "never asked"], takes_s=1.0)
    started = trio.current_time()
    with pytest.raises(EngineError, match="down"):
        await service.ask(2.0 + ANSWER_MARGIN_S)
    assert trio.current_time() - started == 1.0


async def test_the_pause_that_a_service_asks_for_is_kept(autojump_clock):
    wait = CallFailed(ErrorCode.RATE_LIMIT_EXCEEDED, "wait", passing=True, after_s=2.0)
    started = trio.current_time()
    assert await Service([wait, "hello"]).ask(5) == "hello"
    assert trio.current_time() - started == 2.0
    with pytest.raises(EngineError, match="wait"):
        await Service([wait, "never asked"]).ask(2.5)
    assert trio.current_time() - started == 2.0


async def test_a_call_is_given_no_more_time_than_is_left(autojump_clock):
    service = Service(["hello"])
    await service.ask(2.0)
    assert service.allowed_s == [pytest.approx(2.0 - ANSWER_MARGIN_S)]


async def test_without_time_nothing_is_asked(autojump_clock):
    service = Service(["never asked"])
    with pytest.raises(EngineError) as caught:
        await service.ask(ANSWER_MARGIN_S)
    assert caught.value.code is ErrorCode.TIMEOUT
    assert service.outcomes == ["never asked"]


async def test_while_the_breaker_is_open_nothing_is_asked(autojump_clock):
    service = Service([DOWN, DOWN, DOWN, "hello"], breaker=Breaker(threshold=3, rest_s=10))
    with pytest.raises(EngineError, match="down"):
        await service.ask(50)
    with pytest.raises(EngineError, match="failed 3 times in a row; it is asked again in 10 s") as caught:
        await service.ask(50)
    assert caught.value.code is ErrorCode.TRANSLATION_API_UNAVAILABLE
    assert caught.value.retryable
    assert service.outcomes == ["hello"]
    await trio.sleep(10)
    assert await service.ask(50) == "hello"
    assert service.breaker.state(trio.current_time()) is BreakerState.CLOSED


async def test_a_refusal_is_a_sign_of_life(autojump_clock):
    service = Service([DOWN, NO, DOWN, NO], breaker=Breaker(threshold=2))
    for _ in range(2):
        with pytest.raises(EngineError):
            await service.ask(50)
    assert service.breaker.failures == 0


async def test_a_call_that_was_given_too_little_time_is_no_sign_of_illness(autojump_clock):
    service = Service([DOWN], breaker=Breaker(threshold=1))
    with pytest.raises(EngineError):
        await service.ask(0.9)
    assert service.breaker.state(trio.current_time()) is BreakerState.CLOSED


async def test_a_cancelled_try_leaves_the_half_open_breaker_to_others(autojump_clock):
    service = Service(["slow", "hello"], takes_s=2.0, breaker=Breaker(threshold=1, rest_s=1))
    service.breaker.failed(trio.current_time())
    await trio.sleep(1)
    with trio.move_on_after(1) as scope:
        await service.ask(50)
    assert scope.cancelled_caught
    assert service.breaker.admits(trio.current_time())


@given(st.integers(1, 5), st.integers())
def test_pauses_grow_and_are_spread(attempt, seed):
    rng = random.Random(seed)
    patience = Patience(first_pause_s=0.2, factor=2.0)
    usual_s = 0.2 * 2 ** (attempt - 1)
    assert 0.5 * usual_s <= patience.pause_s(attempt, rng) <= 1.5 * usual_s
    assert len({patience.pause_s(attempt, rng) for _ in range(5)}) > 1


@given(
    st.random_module(),
    st.lists(st.sampled_from([DOWN, BUSY, NO, "hello"]), min_size=3, max_size=3),
    st.floats(0, 3),
    st.floats(0, 12),
)
def test_an_answer_or_an_error_comes_before_the_deadline_as_long_as_calls_keep_theirs(
    _, outcomes, takes_s, within_s
):
    async def ask():
        service = Service(list(outcomes))

        async def punctual(timeout_s):
            service.takes_s = min(takes_s, timeout_s)
            return await service.call(timeout_s)

        started = trio.current_time()
        try:
            answer = await persist(
                punctual,
                deadline=started + within_s,
                breaker=Breaker(),
                patience=Patience(),
                rng=random.Random(0),
            )
        except EngineError as error:
            answer = error.code
        assert answer in {getattr(each, "code", each) for each in outcomes} | {ErrorCode.TIMEOUT}
        assert trio.current_time() - started <= max(within_s - ANSWER_MARGIN_S, 0) + 1e-9

    trio.run(ask, clock=MockClock(autojump_threshold=0))
