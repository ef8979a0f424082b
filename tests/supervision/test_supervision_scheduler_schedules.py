# ruff: noqa: C901, PLR0915 - a scenario with all that can happen in it is one piece
"""The scheduler's promises under drawn schedules, cancellations, deadlines and deaths of its servers."""

import math
from collections import Counter
from contextlib import suppress

import trio
from hypothesis import given
from hypothesis import strategies as st
from supervision_clock import few, many, run, schedules

from supervision import Child, Expired, Intensity, NoReply, Restart, TokenScheduler, ask, open_supervisor


class BrokenError(Exception):
    pass


maybe = st.one_of(st.none(), st.floats(0, 6))
queues = st.lists(
    st.tuples(
        st.integers(1, 4),
        st.integers(1, 3),
        st.integers(1, 4),
        st.sampled_from([0.0, 0.0, 0.7]),
        st.integers(1, 2),
    ),
    min_size=1,
    max_size=3,
)
askers = st.lists(
    st.tuples(
        st.integers(0, 2), st.floats(0, 5), maybe, maybe, st.sampled_from("xy"), st.sampled_from("abc")
    ),
    min_size=1,
    max_size=14,
)
deaths = st.lists(st.tuples(st.integers(0, 5), st.floats(0, 8)), max_size=4)


@many
@given(schedules, queues, askers, deaths, st.sets(st.integers(0, 12), max_size=4))
def test_tokens_are_conserved_and_every_request_ends_in_exactly_one_way(_, shapes, plans, deaths, fatal):
    """Queues of several shapes on one device; askers leave and expire; servers crash and are killed."""
    tokens = 4

    async def scenario():
        device = TokenScheduler("gpu", tokens=tokens)
        opened = [
            device.open_queue(
                str(n), cost=cost, max_batch=max_batch, max_waiting=max_waiting, linger_s=linger_s
            )
            for n, (cost, max_batch, max_waiting, linger_s, _) in enumerate(shapes)
        ]
        ended = Counter()
        in_use = 0
        batches = 0
        scopes = {}

        async def server(queue, key):
            nonlocal in_use, batches
            with trio.CancelScope() as scopes[key]:
                while True:
                    with await queue.next_batch() as batch:
                        batches += 1
                        in_use += queue.cost
                        try:
                            assert in_use <= tokens
                            assert 1 <= len(batch.requests) <= queue.max_batch
                            assert {request.batch_key for request in batch.requests} == {batch.key}
                            assert not any(
                                request.withdrawn or request.answered for request in batch.requests
                            )
                            assert all(request.deadline >= trio.current_time() for request in batch.requests)
                            if batches in fatal:
                                raise BrokenError
                            await trio.sleep(0.6)
                            for request in batch.requests:
                                request.reply(("answer to", request.payload))
                        finally:
                            in_use -= queue.cost
            raise BrokenError

        async def asker(number, queue, start_s, deadline_s, leave_s, key, stream):
            await trio.sleep(start_s)
            deadline = math.inf if deadline_s is None else trio.current_time() + deadline_s
            how = "left"
            with trio.move_on_after(math.inf if leave_s is None else leave_s):
                try:
                    answer = await ask(queue, number, stream=stream, deadline=deadline, batch_key=key)
                    assert answer == ("answer to", number)
                    how = "answered"
                except Expired:
                    assert trio.current_time() >= deadline
                    how = "expired"
                except NoReply:
                    how = "no reply"
            ended[number] += 1
            assert how != "left" or leave_s is not None

        async def kill(which, when):
            await trio.sleep(when)
            if which in scopes:
                scopes[which].cancel()

        async with (
            trio.open_nursery() as nursery,
            open_supervisor("models", intensity=Intensity(restarts=99)) as models,
        ):
            key = 0
            for queue, (*_, servers) in zip(opened, shapes, strict=True):
                for _n in range(servers):
                    run_it = lambda queue=queue, key=key: server(queue, key)  # noqa: E731 - bound per server
                    models.start_soon(Child(name=str(key), run=run_it, restart=Restart.PERMANENT))
                    key += 1
            for death in deaths:
                nursery.start_soon(kill, *death)
            async with trio.open_nursery() as asking:
                for number, (which, *plan) in enumerate(plans):
                    asking.start_soon(asker, number, opened[which % len(opened)], *plan)
            models.cancel()
        assert ended == Counter(range(len(plans)))
        now = device.statistics()
        assert now.tokens_free == tokens
        for queue in now.queues:
            assert (queue.waiting, queue.waiting_senders, queue.batches_running) == (0, 0, 0)
        for queue in opened:
            assert not queue._waiting
            assert not queue._turns
            queue.close()

    run(scenario)


@many
@given(schedules, st.integers(0, 6), st.integers(1, 3))
def test_a_server_cancelled_while_it_waits_takes_nothing_with_it(_, after, others):
    """The moment between a cancellation and the task's next step is when a grant could get lost."""

    async def scenario():
        device = TokenScheduler("gpu", tokens=1)
        queue = device.open_queue("asr", cost=1)
        answers = []

        async def asker(number):
            answers.append(await ask(queue, number))

        async def server():
            while True:
                with await queue.next_batch() as batch:
                    for request in batch.requests:
                        request.reply(request.payload)

        async def cancel_soon(scope):
            for _ in range(after):
                await trio.lowlevel.checkpoint()
            scope.cancel()

        async with trio.open_nursery() as nursery:
            async with trio.open_nursery() as asking:
                scope = trio.CancelScope()
                nursery.start_soon(cancel_soon, scope)
                with scope:
                    for number in range(others):
                        asking.start_soon(asker, number)
                    with await queue.next_batch() as batch:
                        for request in batch.requests:
                            request.reply(request.payload)
                nursery.start_soon(server)
            nursery.cancel_scope.cancel()
        assert sorted(answers) == list(range(others))
        assert device.statistics().tokens_free == 1

    run(scenario)


@few
@given(
    schedules,
    st.integers(1, 4),
    st.integers(1, 3),
    st.sampled_from([1, 4, 1024]),
    st.sampled_from([5.0, math.inf]),
)
def test_no_stream_starves_another_even_beside_one_that_asks_fifty_times_as_much(
    _, modest, max_batch, max_waiting, patience_s
):
    """Max-min: each stream that always wants more gets at least 0.8 of the greediest one's share."""

    async def scenario():
        device = TokenScheduler("gpu", tokens=1)
        queue = device.open_queue("asr", cost=1, max_batch=max_batch, max_waiting=max_waiting)
        had = Counter()

        async def server():
            while True:
                with await queue.next_batch() as batch:
                    await trio.sleep(0.1)
                    for request in batch.requests:
                        had[request.stream] += 1
                        request.reply(None)

        async def keep_asking(stream, greedy):
            while True:
                # The greedy one is always in more of a hurry, too.
                deadline = trio.current_time() + (patience_s / 2 if greedy else patience_s)
                with suppress(Expired):
                    await ask(queue, None, stream=stream, deadline=deadline)

        with trio.move_on_after(15):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(server)
                for _ in range(100):
                    nursery.start_soon(keep_asking, "greedy", True)
                for number in range(modest):
                    for _ in range(2 * max_batch):
                        nursery.start_soon(keep_asking, f"modest {number}", False)
        assert len(had) == modest + 1
        assert min(had.values()) >= 0.8 * max(had.values())

    run(scenario)


@few
@given(schedules, st.integers(2, 8), st.sampled_from([4.0, math.inf]))
def test_the_costlier_queue_is_not_starved_by_a_cheap_one(_, cheap_servers, patience_s):
    async def scenario():
        device = TokenScheduler("gpu", tokens=4)
        cheap, costly = device.open_queue("cheap", cost=1), device.open_queue("costly", cost=4)
        had = Counter()

        async def server(queue):
            while True:
                with await queue.next_batch() as batch:
                    await trio.sleep(0.1)
                    had[queue.name] += 1
                    batch.requests[0].reply(None)

        async def keep_asking(queue, stream):
            while True:
                try:
                    await ask(queue, None, stream=stream, deadline=trio.current_time() + patience_s)
                except Expired:
                    had[f"{queue.name} expired"] += 1

        with trio.move_on_after(60):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(server, costly)
                for _server in range(cheap_servers):
                    nursery.start_soon(server, cheap)
                for number in range(12):
                    nursery.start_soon(keep_asking, cheap, str(number))
                    nursery.start_soon(keep_asking, costly, str(number)) if number < 3 else None
        assert had["costly"] >= 20
        assert had["cheap"] >= 20

    run(scenario)


@few
@given(schedules)
def test_marked_requests_of_many_streams_never_get_each_others_answers(_):
    async def scenario():
        device = TokenScheduler("gpu", tokens=8)
        queue = device.open_queue("asr", cost=3, max_batch=8, max_waiting=16)

        async def server():
            while True:
                with await queue.next_batch() as batch:
                    await trio.sleep(0.01)
                    for request in batch.requests:
                        request.reply((request.stream, request.payload))

        async def stream(name):
            for number in range(100):
                assert await ask(queue, number, stream=name, batch_key=number % 2) == (name, number)

        async with trio.open_nursery() as nursery:
            for _ in range(2):
                nursery.start_soon(server)
            async with trio.open_nursery() as streams:
                for number in range(8):
                    streams.start_soon(stream, str(number))
            nursery.cancel_scope.cancel()
        assert queue.statistics().served == 800

    run(scenario)
