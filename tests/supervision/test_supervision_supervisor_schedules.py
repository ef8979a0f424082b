# ruff: noqa: C901, PLR0915 - a scenario with all that can happen in it is one piece
"""The supervisor's promises under drawn schedules, failures and cancellations."""

from functools import partial

import trio
from hypothesis import given
from hypothesis import strategies as st
from supervision_clock import many, run, schedules

from supervision import (
    Backoff,
    Child,
    Intensity,
    Restart,
    RestartIntensityExceeded,
    channel_statistics,
    open_channel,
    open_supervisor,
)


class BrokenError(Exception):
    pass


@many
@given(schedules, st.sets(st.integers(0, 19), max_size=8), st.integers(0, 3), st.sampled_from([0.0, 0.5]))
def test_restarts_lose_nothing_that_was_queued_and_keep_its_order(_, fatal, capacity, first_s):
    """Only what an actor had in hand when it failed is missing."""
    items = list(range(20))
    got = []

    async def scenario():
        before = len(trio.lowlevel.current_task().parent_nursery.child_tasks)
        numbers, inbox = open_channel("numbers", capacity)
        outbox, results = open_channel("results", capacity)

        async def produce():
            for item in items:
                await numbers.send(item)

        async def relay():
            async for item in inbox:
                await trio.lowlevel.checkpoint()
                if item in fatal:
                    raise BrokenError(item)
                await outbox.send(item)

        async def consume():
            async for item in results:
                got.append(item)  # noqa: PERF401 - as it comes

        intensity = Intensity(restarts=20)
        async with open_supervisor("s", intensity=intensity) as supervisor:
            backoff = Backoff(first_s=first_s, max_s=first_s)
            supervisor.start_soon(Child(name="produce", run=produce, owns=(numbers,)))
            supervisor.start_soon(Child(name="relay", run=relay, owns=(inbox, outbox), backoff=backoff))
            supervisor.start_soon(Child(name="consume", run=consume, owns=(results,)))
        assert channel_statistics() == ()
        assert len(trio.lowlevel.current_task().parent_nursery.child_tasks) == before

    run(scenario)
    assert got == [item for item in items if item not in fatal]


siblings = st.sampled_from(["waits", "receives", "cleans up", "fails when stopped", "sends", "in a nursery"])


@many
@given(
    schedules,
    st.lists(siblings, max_size=4),
    st.integers(0, 3),
    st.integers(0, 2),
    st.sampled_from(["waits", "receives", "fails", "done"]),
    st.integers(0, 12),
)
def test_exceeded_intensity_is_never_lost(_, kinds, place, restarts, body, cancel_after):
    """Whatever siblings and body do on their way out, and even if the block is cancelled meanwhile."""

    async def sibling(kind, send, receive):
        if kind == "waits":
            await trio.sleep_forever()
        elif kind == "receives":
            async for _item in receive:
                pass
        elif kind == "cleans up":
            try:
                await trio.sleep_forever()
            finally:
                await trio.lowlevel.checkpoint()  # noqa: ASYNC102 - the mistake in question
        elif kind == "fails when stopped":
            try:
                await trio.sleep_forever()
            finally:
                raise BrokenError("on the way out")
        elif kind == "sends":
            while True:
                await send.send(None)
        else:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(sibling, "fails when stopped", send, receive)
                nursery.start_soon(sibling, "cleans up", send, receive)

    async def dies():
        await trio.lowlevel.checkpoint()
        raise BrokenError("the cause")

    async def cancel_later(scope):
        for _ in range(cancel_after):
            await trio.lowlevel.checkpoint()
        scope.cancel()

    async def scenario():
        send, receive = open_channel("c", 0)
        seen = None
        async with trio.open_nursery() as nursery:
            scope = trio.CancelScope()
            nursery.start_soon(cancel_later, scope)
            with scope:
                try:
                    async with open_supervisor("s", intensity=Intensity(restarts=restarts)) as supervisor:
                        for number, kind in enumerate(kinds):
                            if number == place:
                                supervisor.start_soon(Child(name="dies", run=dies))
                            run_it = partial(sibling, kind, send.clone(), receive.clone())
                            supervisor.start_soon(Child(name=str(number), run=run_it))
                        if place >= len(kinds):
                            supervisor.start_soon(Child(name="dies", run=dies, owns=(send, receive)))
                        if body == "waits":
                            await trio.sleep_forever()
                        elif body == "receives":
                            await receive.receive()
                        elif body == "fails":
                            await trio.sleep_forever()
                except RestartIntensityExceeded as error:
                    seen = error
                    assert str(error.__cause__) == "the cause"  # noqa: PT017 - it may also not be raised
                assert seen is supervisor.exceeded
                assert supervisor.children == ()
        send.close()
        receive.close()
        if cancel_after == 12 and restarts == 0:
            assert seen is not None

    run(scenario)


@many
@given(
    schedules,
    st.lists(st.sampled_from(list(Restart)), min_size=1, max_size=4),
    st.sampled_from(["outside", "cancel", "stop"]),
    st.integers(0, 6),
    st.booleans(),
)
def test_a_cancelled_child_is_never_started_anew(_, kinds, how, after, fails):
    async def scenario():
        runs = dict.fromkeys(range(len(kinds)), 0)
        told = []

        async def child(number):
            runs[number] += 1
            try:
                await trio.sleep_forever()
            finally:
                if fails:
                    raise BrokenError

        with trio.CancelScope() as scope:
            async with open_supervisor("s", on_restart=lambda *what: told.append(what)) as supervisor:
                for number, restart in enumerate(kinds):
                    supervisor.start_soon(
                        Child(name=str(number), run=partial(child, number), restart=restart)
                    )
                for _ in range(after):
                    await trio.lowlevel.checkpoint()
                if how == "outside":
                    scope.cancel()
                elif how == "cancel":
                    supervisor.cancel()
                else:
                    for number in range(len(kinds)):
                        await supervisor.stop(str(number))
        assert told == []
        assert max(runs.values()) == 1
        assert supervisor.exceeded is None

    run(scenario)


@many
@given(schedules, st.lists(st.booleans(), min_size=1, max_size=12), st.integers(0, 4))
def test_a_supervisor_gives_up_on_exactly_one_restart_too_many(_, failures, restarts):
    async def scenario():
        runs = 0

        async def child():
            nonlocal runs
            runs += 1
            await trio.lowlevel.checkpoint()
            if runs <= len(failures) and failures[runs - 1]:
                raise BrokenError

        in_a_row = next((n for n, failed in enumerate(failures) if not failed), len(failures))
        too_often = False
        try:
            async with open_supervisor("s", intensity=Intensity(restarts=restarts)) as supervisor:
                supervisor.start_soon(Child(name="a", run=child))
        except RestartIntensityExceeded:
            too_often = True
        assert too_often is (in_a_row > restarts)
        assert runs == min(in_a_row, restarts) + 1

    run(scenario)
