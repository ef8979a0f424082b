"""The model actor and the line's side of it."""

from contextlib import asynccontextmanager
from functools import partial

import attrs
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from sts_actors.engines.actor import make_asker, model
from sts_actors.engines.ports import EngineInfo
from sts_actors.errors import EngineError, ErrorCode, ServiceError, Stage
from supervision import Child, Intensity, Restart, TokenScheduler, open_supervisor


@attrs.define
class Echo:
    """Answers each request with itself, but for what the request asks it to do."""

    info = EngineInfo(name="echo")
    batches: list = attrs.field(factory=list)
    lives: int = 0

    @asynccontextmanager
    async def open(self):
        self.lives += 1
        await trio.sleep(0.1)
        yield self

    async def run(self, batch, deadline):
        self.batches.append(batch)
        await trio.sleep(1)
        if "die" in batch or ("die once" in batch and self.lives == 1):
            raise RuntimeError("the engine died")
        if "miscount" in batch:
            return []
        refusal = EngineError(ErrorCode.ASR_FAILED, "bad item")
        return [refusal if request == "bad" else request for request in batch]


@asynccontextmanager
async def serving(echo, *, max_batch=4, loaded=lambda info: None, at_once=1):
    scheduler = TokenScheduler("device", tokens=2)
    queue = scheduler.open_queue("model", cost=2 // at_once, max_batch=max_batch)
    async with open_supervisor("models", intensity=Intensity(restarts=50, period_s=60)) as supervisor:
        run = partial(model, queue, echo.open, loaded, at_once)
        supervisor.start_soon(Child(name="asr", run=run, restart=Restart.PERMANENT, owns=(queue,)))
        yield partial(make_asker(queue, Stage.ASR, key=lambda request: ""), stream="s"), scheduler
        supervisor.cancel()


async def test_an_answer_comes_back_to_its_asker(autojump_clock):
    infos = []
    async with serving(Echo(), loaded=infos.append) as (ask, _):
        assert await ask("hello", deadline=float("inf")) == "hello"
    assert [info.name for info in infos] == ["echo"]


async def test_a_bad_item_fails_alone_in_its_batch(autojump_clock):
    echo, answers = Echo(), {}

    async def one(ask, request):
        try:
            answers[request] = await ask(request, deadline=float("inf"))
        except ServiceError as error:
            answers[request] = error.code

    async with serving(echo) as (ask, _), trio.open_nursery() as nursery:
        for request in ("a", "bad", "b"):
            nursery.start_soon(one, ask, request)
    assert answers == {"a": "a", "bad": ErrorCode.ASR_FAILED, "b": "b"}
    assert max(map(len, echo.batches)) > 1


async def test_an_engine_that_dies_once_is_asked_once_more(autojump_clock):
    echo = Echo()
    async with serving(echo) as (ask, _):
        assert await ask("die once", deadline=float("inf")) == "die once"
    assert echo.lives == 2


async def test_an_engine_that_dies_again_is_unavailable_and_its_tokens_come_back(autojump_clock):
    async with serving(Echo()) as (ask, scheduler):
        with pytest.raises(ServiceError, match="MODEL_UNAVAILABLE"):
            await ask("die", deadline=float("inf"))
        assert scheduler.statistics().tokens_free == 2
        assert await ask("alive", deadline=float("inf")) == "alive"


async def test_an_engine_that_answers_too_few_is_broken_and_hangs_nobody(autojump_clock):
    async with serving(Echo()) as (ask, _):
        with trio.fail_after(30), pytest.raises(ServiceError, match="MODEL_UNAVAILABLE"):
            await ask("miscount", deadline=float("inf"))


async def test_a_deadline_that_passes_is_a_timeout_of_the_stage(autojump_clock):
    async with serving(Echo()) as (ask, _):
        with pytest.raises(ServiceError, match="TIMEOUT: asr"):
            await ask("late", deadline=trio.current_time() + 0.5)


@settings(max_examples=200, deadline=None)
@given(
    st.random_module(),
    st.lists(st.sampled_from(["a", "bad", "die", "die once"]), max_size=12),
    st.integers(1, 2),
)
def test_every_request_ends_exactly_once_whatever_the_engine_does(_schedule, requests, at_once):
    async def main():
        ended = []

        async def one(ask, request):
            try:
                await ask(request, deadline=float("inf"))
            except ServiceError as error:
                ended.append(error.code)
            else:
                ended.append(request)

        async with serving(Echo(), at_once=at_once) as (ask, scheduler):
            async with trio.open_nursery() as nursery:
                for request in requests:
                    nursery.start_soon(one, ask, request)
            assert len(ended) == len(requests)
            assert scheduler.statistics().tokens_free == 2

    trio.run(main, clock=MockClock(autojump_threshold=0))
