"""The line under death, cancellation and every schedule: one result each, in order, tokens conserved."""

import trio
from faulty_models import TOKENS, collaborators, config, mortal_models, submit, whose
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from sts_actors.actors.stream import open_stream
from sts_actors.errors import ErrorCode
from sts_actors.messages import FragmentFailed
from supervision import channel_statistics

STREAMS, FRAGMENTS = 8, 1250
CAPACITY = 16

calls = st.frozensets(st.integers(0, 8), max_size=1)
ends = st.one_of(st.none(), st.floats(0, 1))


async def dub(models, number, fragments):
    """A stream from its first fragment to its last result."""
    results = []
    async with open_stream(config(number), collaborators(models), entrance_capacity=CAPACITY) as stream:

        async def send():
            for fragment in range(fragments):
                while stream.in_flight >= CAPACITY:
                    await trio.sleep(0.01)
                submit(stream, number, fragment)
            stream.end()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(send)
            results.extend([result async for due in stream for result in due.result])
        assert stream.in_flight == 0
    return results


@settings(max_examples=200, deadline=None)
@given(st.random_module(), st.tuples(calls, calls, calls), st.lists(ends, min_size=1, max_size=3))
def test_one_result_each_in_order_and_every_token_back_whatever_dies_or_leaves(_schedule, deaths, cut_at):
    async def main():
        async with mortal_models(deaths) as models:
            tasks = trio.lowlevel.current_statistics().tasks_living

            async def one(number, cut):
                # A stream that is cut leaves in the middle of whatever it is doing.
                with trio.move_on_after(float("inf") if cut is None else cut) as scope:
                    results = await dub(models, number, 4)
                if scope.cancelled_caught:
                    return
                assert [result.header.sequence_number for result in results] == [0, 1, 2, 3]
                for fragment, result in enumerate(results):
                    if isinstance(result, FragmentFailed):
                        assert result.code is ErrorCode.MODEL_UNAVAILABLE
                    else:
                        assert whose(result) == (number, fragment)

            async with trio.open_nursery() as nursery:
                for number, cut in enumerate(cut_at):
                    nursery.start_soon(one, number, cut)
            await trio.sleep(10)
            await wait_all_tasks_blocked()
            statistics = models.scheduler.statistics()
            assert statistics.tokens_free == TOKENS
            assert not [queue for queue in statistics.queues if queue.waiting or queue.batches_running]
            assert trio.lowlevel.current_statistics().tasks_living == tasks
            assert not [channel for channel in channel_statistics() if channel.name.startswith("stream/")]

    trio.run(main, clock=MockClock(autojump_threshold=0))


async def test_ten_thousand_marked_fragments_of_eight_streams_never_mix(autojump_clock):
    heard = {}
    async with mortal_models(max_batch=8) as models:

        async def one(number):
            results = await dub(models, number, FRAGMENTS)
            heard[number] = [whose(result) for result in results]

        async with trio.open_nursery() as nursery:
            for number in range(STREAMS):
                nursery.start_soon(one, number)
        sizes = [queue.batch_sizes for queue in models.scheduler.statistics().queues]
    assert any(sum(counts[1:]) for counts in sizes), f"nothing was ever batched: {sizes}"
    for number in range(STREAMS):
        assert heard[number] == [(number, fragment) for fragment in range(FRAGMENTS)]


async def test_a_stream_that_is_cut_frees_its_queue_places_at_once_and_its_tokens_when_the_work_ends(
    autojump_clock,
):
    async with mortal_models(max_batch=1) as models:
        async with open_stream(config(1), collaborators(models), entrance_capacity=CAPACITY) as stream:
            for fragment in range(3):
                submit(stream, 1, fragment)
            await trio.sleep(0.01)
            (working,) = [queue for queue in models.scheduler.statistics().queues if queue.batches_running]
            assert working.name == "models/asr"
        # Left: nothing of it waits any more; the call in hand goes on, and holds its tokens.
        statistics = models.scheduler.statistics()
        assert not [queue for queue in statistics.queues if queue.waiting]
        assert statistics.tokens_free < TOKENS
        await trio.sleep(0.02)
        assert models.scheduler.statistics().tokens_free == TOKENS


async def test_the_end_with_three_in_flight_drains_them_in_order(autojump_clock):
    async with (
        mortal_models() as models,
        open_stream(config(1), collaborators(models), entrance_capacity=CAPACITY) as stream,
    ):
        for fragment in range(3):
            submit(stream, 1, fragment)
        stream.end()
        assert stream.in_flight == 3
        assert [whose(result) async for due in stream for result in due.result] == [(1, 0), (1, 1), (1, 2)]
        assert models.scheduler.statistics().tokens_free == TOKENS
