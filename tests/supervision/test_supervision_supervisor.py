# ruff: noqa: PT012 - what is expected comes out of a whole block
import logging
from contextlib import asynccontextmanager
from functools import partial
from itertools import pairwise

import pytest
import trio
import trio.testing

from supervision import (
    Backoff,
    Child,
    ChildState,
    Intensity,
    Restart,
    RestartIntensityExceeded,
    open_channel,
    open_supervisor,
)


class BrokenError(Exception):
    pass


class Recorder:
    """A channel end that only notes that it was closed."""

    def __init__(self, name, log):
        self.name = name
        self.log = log

    def close(self):
        self.log.append(f"{self.name} closed")


class Actor:
    """Fails, ends or runs on, one life after the other, as told."""

    def __init__(self, *lives):
        self.lives = list(lives)
        self.runs = 0

    async def __call__(self):
        self.runs += 1
        life = self.lives.pop(0) if self.lives else "end"
        await trio.lowlevel.checkpoint()
        if life == "fail":
            raise BrokenError(f"life {self.runs}")
        if life == "run":
            await trio.sleep_forever()


async def test_leaving_the_block_waits_for_children_to_end(autojump_clock):
    done = []

    async def child():
        await trio.sleep(5)
        done.append(trio.current_time())

    began = trio.current_time()
    async with open_supervisor("s") as supervisor:
        supervisor.start_soon(Child(name="a", run=child))
    assert done == [began + 5]


async def test_a_transient_child_is_started_anew_until_it_ends_normally(autojump_clock):
    actor = Actor("fail", "fail", "end", "fail")
    async with open_supervisor("s") as supervisor:
        supervisor.start_soon(Child(name="a", run=actor))
    assert actor.runs == 3


async def test_a_permanent_child_is_started_anew_however_it_ends(autojump_clock):
    actor = Actor("end", "fail", "run")
    async with open_supervisor("s") as supervisor:
        supervisor.start_soon(Child(name="a", run=actor, restart=Restart.PERMANENT))
        await trio.sleep(1)
        assert [child.restarts for child in supervisor.children] == [2]
        supervisor.cancel()
    assert actor.runs == 3


async def test_a_temporary_child_that_fails_is_told_of_removed_and_hurts_nobody(caplog, autojump_clock):
    failures = []
    actor, sibling = Actor("fail"), Actor("run")
    async with open_supervisor("s", on_failure=lambda *what: failures.append(what)) as supervisor:
        supervisor.start_soon(Child(name="a", run=actor, restart=Restart.TEMPORARY))
        supervisor.start_soon(Child(name="b", run=sibling))
        await trio.sleep(1)
        assert [child.name for child in supervisor.children] == ["b"]
        supervisor.cancel()
    assert actor.runs == 1
    assert [(name, str(error)) for name, error in failures] == [("a", "life 1")]
    assert [record.message for record in caplog.records] == ["s/a failed and is not started anew"]


async def test_a_temporary_childs_failures_do_not_count_against_the_intensity(autojump_clock):
    async with open_supervisor("s", intensity=Intensity(restarts=0)) as supervisor:
        for number in range(5):
            supervisor.start_soon(Child(name=str(number), run=Actor("fail"), restart=Restart.TEMPORARY))


async def test_too_many_restarts_in_a_period_stop_all_and_raise_with_the_last_error_as_the_cause(
    autojump_clock,
):
    actor, sibling = Actor(*["fail"] * 9), Actor("run")
    body_cancelled = False
    with pytest.raises(RestartIntensityExceeded, match=r"s/a ended more than 2 times in 10 s") as caught:
        async with open_supervisor("s", intensity=Intensity(restarts=2, period_s=10)) as supervisor:
            supervisor.start_soon(Child(name="a", run=actor))
            supervisor.start_soon(Child(name="b", run=sibling))
            try:
                await trio.sleep_forever()
            finally:
                body_cancelled = True
    assert actor.runs == 3
    assert body_cancelled
    assert isinstance(caught.value.__cause__, BrokenError)
    assert str(caught.value.__cause__) == "life 3"


async def test_as_many_restarts_as_allowed_are_allowed(autojump_clock):
    async with open_supervisor("s", intensity=Intensity(restarts=2, period_s=10)) as supervisor:
        supervisor.start_soon(Child(name="a", run=Actor("fail", "fail")))


async def test_failures_further_apart_than_the_period_go_on_for_ever(autojump_clock):
    runs = 0

    async def child():
        nonlocal runs
        runs += 1
        await trio.sleep(11)
        if runs < 20:
            raise BrokenError

    async with open_supervisor("s", intensity=Intensity(restarts=1, period_s=10)) as supervisor:
        supervisor.start_soon(Child(name="a", run=child))
    assert runs == 20


async def test_siblings_restarts_are_counted_together(autojump_clock):
    with pytest.raises(RestartIntensityExceeded):
        async with open_supervisor("s", intensity=Intensity(restarts=3)) as supervisor:
            for number in range(4):
                supervisor.start_soon(Child(name=str(number), run=Actor("fail")))


DEFAULT = Intensity()


@asynccontextmanager
async def three_noting_children(log, intensity=DEFAULT):
    async def child(name):
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(1)
            log.append(f"{name} ended")

    async with open_supervisor("s", intensity=intensity) as supervisor:
        for name in "abc":
            supervisor.start_soon(Child(name=name, run=partial(child, name), owns=(Recorder(name, log),)))
        await trio.sleep(1)
        yield supervisor


ONE_AFTER_THE_OTHER = ["c ended", "c closed", "b ended", "b closed", "a ended", "a closed"]


async def test_cancelling_stops_children_one_after_the_other_youngest_first(autojump_clock):
    log = []
    async with three_noting_children(log) as supervisor:
        supervisor.cancel()
    assert log == ONE_AFTER_THE_OTHER


async def test_giving_up_stops_children_one_after_the_other_youngest_first(autojump_clock):
    log = []
    with pytest.raises(RestartIntensityExceeded):
        async with three_noting_children(log, Intensity(restarts=0)) as supervisor:
            supervisor.start_soon(Child(name="x", run=Actor("fail")))
    assert log == ONE_AFTER_THE_OTHER


async def test_a_child_that_is_slow_to_stop_holds_the_others_up_for_its_shutdown_time_only(
    caplog, autojump_clock
):
    ended = {}

    async def slow(seconds, name):
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(seconds)
            ended[name] = trio.current_time()

    async with open_supervisor("s") as supervisor:
        supervisor.start_soon(Child(name="old", run=partial(slow, 0, "old")))
        supervisor.start_soon(Child(name="young", run=partial(slow, 60, "young"), shutdown_s=2))
        await trio.sleep(1)
        began = trio.current_time()
        supervisor.cancel()
    assert ended == {"old": began + 2, "young": began + 60}
    assert [record.message for record in caplog.records] == ["s/young has not ended 2 s after it was stopped"]


async def test_nothing_is_started_anew_while_stopping(autojump_clock):
    log = []

    async def dies_with_its_sibling(sibling_gone):
        await sibling_gone.wait()
        raise BrokenError

    async def sibling(gone):
        try:
            await trio.sleep_forever()
        finally:
            gone.set()
            with trio.CancelScope(shield=True):
                await trio.sleep(1)

    gone = trio.Event()
    async with open_supervisor("s", on_restart=lambda *what: log.append(what)) as supervisor:
        supervisor.start_soon(Child(name="old", run=partial(dies_with_its_sibling, gone)))
        supervisor.start_soon(Child(name="young", run=partial(sibling, gone)))
        await trio.sleep(1)
        supervisor.cancel()
    assert log == []


async def test_nothing_can_be_started_once_it_is_stopping(autojump_clock):
    async with open_supervisor("s") as supervisor:
        supervisor.cancel()
        with pytest.raises(RuntimeError, match="stopping"):
            supervisor.start_soon(Child(name="a", run=Actor("run")))


async def test_nothing_can_be_started_after_the_block(autojump_clock):
    async with open_supervisor("s") as supervisor:
        pass
    with pytest.raises(RuntimeError):
        supervisor.start_soon(Child(name="a", run=Actor("run")))
    assert supervisor.children == ()
    supervisor.cancel()


async def test_cancelling_without_children_ends_the_block(autojump_clock):
    async with open_supervisor("s") as supervisor:
        supervisor.cancel()
        await trio.sleep_forever()


async def test_what_a_child_owns_is_closed_once_it_has_ended_for_good_and_not_before(autojump_clock):
    log = []
    actor = Actor("fail", "run")
    async with open_supervisor("s") as supervisor:
        supervisor.start_soon(
            Child(name="a", run=actor, owns=(Recorder("inbox", log), Recorder("outbox", log)))
        )
        await trio.sleep(1)
        assert actor.runs == 2
        assert log == []
        await supervisor.stop("a")
        assert sorted(log) == ["inbox closed", "outbox closed"]


async def test_all_that_a_child_owns_is_closed_even_if_closing_one_fails(autojump_clock):
    class Stuck:
        def close(self):
            raise BrokenError("stuck")

    log = []
    with pytest.raises(BrokenError):
        async with open_supervisor("s") as supervisor:
            owns = (Recorder("first", log), Stuck(), Recorder("last", log))
            supervisor.start_soon(Child(name="a", run=Actor("end"), owns=owns))
    assert sorted(log) == ["first closed", "last closed"]
    assert supervisor.children == ()


async def test_the_end_of_a_child_is_the_end_of_input_of_the_next(autojump_clock):
    send, receive = open_channel("c", 10)
    got = []

    async def produce():
        for item in range(3):
            await send.send(item)

    async def consume():
        async for item in receive:
            got.append(item)  # noqa: PERF401 - as it comes

    async with open_supervisor("s") as supervisor:
        supervisor.start_soon(Child(name="a", run=produce, owns=(send,)))
        supervisor.start_soon(Child(name="b", run=consume, owns=(receive,)))
    assert got == [0, 1, 2]


async def test_start_returns_what_the_child_says_when_it_is_ready(autojump_clock):
    async def run(*, task_status):
        await trio.sleep(3)
        task_status.started("here I am")
        await trio.sleep_forever()

    async with open_supervisor("s") as supervisor:
        began = trio.current_time()
        assert await supervisor.start(Child(name="a", run=run)) == "here I am"
        assert trio.current_time() == began + 3
        supervisor.cancel()


async def test_start_sees_a_task_status_through_a_partial(autojump_clock):
    async def run(number, *, task_status):
        task_status.started(number)

    async with open_supervisor("s") as supervisor:
        assert await supervisor.start(Child(name="a", run=partial(run, 7))) == 7


async def test_start_returns_at_once_for_a_child_that_takes_no_task_status(autojump_clock):
    async with open_supervisor("s") as supervisor:
        with trio.fail_after(1):
            assert await supervisor.start(Child(name="a", run=Actor("run"))) is None
        supervisor.cancel()


async def test_start_waits_through_failures_before_readiness(autojump_clock):
    lives = ["fail", "fail", "ready"]

    async def run(*, task_status):
        await trio.sleep(1)
        if lives.pop(0) == "fail":
            raise BrokenError
        task_status.started("at last")

    async with open_supervisor("s") as supervisor:
        assert await supervisor.start(Child(name="a", run=run)) == "at last"


async def test_a_child_that_becomes_ready_again_in_its_next_life_is_nothing_special(autojump_clock):
    lives = ["fail", "end"]

    async def run(*, task_status):
        task_status.started(len(lives))
        await trio.sleep(1)
        if lives.pop(0) == "fail":
            raise BrokenError

    async with open_supervisor("s") as supervisor:
        assert await supervisor.start(Child(name="a", run=run)) == 2
    assert lives == []


async def test_start_of_a_child_that_ends_without_being_ready_says_so_and_why(autojump_clock):
    async def run(*, task_status):
        await trio.sleep(1)
        raise BrokenError("no model")

    async with open_supervisor("s") as supervisor:
        with pytest.raises(RuntimeError, match="s/a ended before it was ready") as caught:
            await supervisor.start(Child(name="a", run=run, restart=Restart.TEMPORARY))
    assert str(caught.value.__cause__) == "no model"


async def test_cancelling_start_stops_the_child(autojump_clock):
    async def run(*, task_status):
        await trio.sleep_forever()

    log = []
    async with open_supervisor("s") as supervisor:
        with trio.move_on_after(1):
            await supervisor.start(Child(name="a", run=run, owns=(Recorder("inbox", log),)))
    assert log == ["inbox closed"]


async def test_a_start_awaited_outside_does_not_keep_a_cancelled_supervisor_alive(autojump_clock):
    async def run(*, task_status):
        await trio.sleep_forever()

    leak = []

    async def outside():
        (supervisor,) = leak
        with pytest.raises(RuntimeError, match="before it was ready"):
            await supervisor.start(Child(name="a", run=run))

    async with trio.open_nursery() as nursery:
        with trio.move_on_after(1) as scope:
            async with open_supervisor("s") as supervisor:
                # Given away, so that the linter does not take the outer nursery for a mistake.
                leak.append(supervisor)
                nursery.start_soon(outside)
                await trio.sleep_forever()
        assert scope.cancelled_caught


async def test_two_children_of_one_name_are_refused(autojump_clock):
    async with open_supervisor("s") as supervisor:
        supervisor.start_soon(Child(name="a", run=Actor("run")))
        with pytest.raises(ValueError, match="has a child a already"):
            supervisor.start_soon(Child(name="a", run=Actor("run")))
        with pytest.raises(ValueError, match="has a child a already"):
            await supervisor.start(Child(name="a", run=Actor("run")))
        await supervisor.stop("a")
        supervisor.start_soon(Child(name="a", run=Actor("end")))


async def test_stop_ends_one_child_for_good_and_leaves_the_others(autojump_clock):
    actor, sibling = Actor("run", "run"), Actor("run")
    async with open_supervisor("s") as supervisor:
        supervisor.start_soon(Child(name="a", run=actor, restart=Restart.PERMANENT))
        supervisor.start_soon(Child(name="b", run=sibling))
        await trio.sleep(1)
        await supervisor.stop("a")
        await trio.sleep(1)
        assert [child.name for child in supervisor.children] == ["b"]
        assert actor.runs == 1
        with pytest.raises(KeyError):
            await supervisor.stop("a")
        supervisor.cancel()


async def test_stop_gives_up_waiting_after_the_childs_shutdown_time(autojump_clock):
    async def stubborn():
        with trio.CancelScope(shield=True):
            await trio.sleep(60)

    async with open_supervisor("s") as supervisor:
        supervisor.start_soon(Child(name="a", run=stubborn, shutdown_s=2))
        await trio.sleep(1)
        began = trio.current_time()
        with pytest.raises(trio.TooSlowError):
            await supervisor.stop("a")
        assert trio.current_time() == began + 2
        assert [child.state for child in supervisor.children] == [ChildState.STOPPING]


async def test_stop_during_a_backoff_ends_the_child(autojump_clock):
    async with open_supervisor("s") as supervisor:
        backoff = Backoff(first_s=100, max_s=100)
        supervisor.start_soon(Child(name="a", run=Actor("fail"), backoff=backoff))
        await trio.sleep(1)
        assert [child.state for child in supervisor.children] == [ChildState.WAITING]
        with trio.fail_after(1):
            await supervisor.stop("a")


@pytest.mark.parametrize("cleanup", ["error", "group"])
async def test_a_child_that_fails_while_it_is_stopped_is_logged_and_not_started_anew(
    cleanup, caplog, autojump_clock
):
    runs = 0

    async def fails():
        try:
            await trio.sleep_forever()
        finally:
            raise BrokenError("while cleaning up")

    async def child():
        nonlocal runs
        runs += 1
        if cleanup == "error":
            await fails()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fails)
            nursery.start_soon(trio.sleep_forever)

    async with open_supervisor("s", intensity=Intensity(restarts=0)) as supervisor:
        supervisor.start_soon(Child(name="a", run=child))
        supervisor.start_soon(Child(name="b", run=Actor("run")))
        await trio.sleep(1)
        await supervisor.stop("a")
        assert [child.name for child in supervisor.children] == ["b"]
        supervisor.cancel()
    assert runs == 1
    assert [record.message for record in caplog.records] == ["s/a failed while it was stopped"]


async def test_a_cancellation_from_outside_ends_all_and_restarts_none(autojump_clock):
    actors = [Actor("run", "run") for _ in range(3)]
    with trio.move_on_after(1) as scope:
        async with open_supervisor("s") as supervisor:
            for number, actor in enumerate(actors):
                supervisor.start_soon(Child(name=str(number), run=actor, restart=Restart.PERMANENT))
    assert scope.cancelled_caught
    assert [actor.runs for actor in actors] == [1, 1, 1]


async def test_a_keyboard_interrupt_in_a_child_comes_out_as_itself_and_restarts_nothing(autojump_clock):
    runs = 0

    async def child():
        nonlocal runs
        runs += 1
        await trio.lowlevel.checkpoint()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        async with open_supervisor("s") as supervisor:
            supervisor.start_soon(Child(name="a", run=child, restart=Restart.PERMANENT))
    assert runs == 1


async def test_a_keyboard_interrupt_outranks_exceeded_intensity(autojump_clock):
    async def interrupted():
        try:
            await trio.sleep_forever()
        finally:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        async with open_supervisor("s", intensity=Intensity(restarts=0)) as supervisor:
            supervisor.start_soon(Child(name="a", run=interrupted))
            supervisor.start_soon(Child(name="b", run=Actor("fail")))


async def test_an_error_of_the_body_comes_out_as_it_went_in(autojump_clock):
    error = BrokenError("the body's")
    cause = ValueError("why")
    with pytest.raises(BrokenError) as caught:
        async with open_supervisor("s") as supervisor:
            supervisor.start_soon(Child(name="a", run=Actor("run")))
            raise error from cause
    assert caught.value is error
    assert caught.value.__cause__ is cause
    assert caught.value.__context__ is cause or caught.value.__context__ is None


async def test_a_group_of_the_bodys_comes_out_as_it_went_in(autojump_clock):
    with pytest.raises(ExceptionGroup) as caught:
        async with open_supervisor("s"):
            raise ExceptionGroup("two", [BrokenError(), ValueError()])
    assert caught.value.message == "two"


async def test_exceeded_intensity_outranks_an_error_of_the_bodys_which_is_logged(caplog, autojump_clock):
    with pytest.raises(RestartIntensityExceeded):
        async with open_supervisor("s", intensity=Intensity(restarts=0)) as supervisor:
            supervisor.start_soon(Child(name="a", run=Actor("fail")))
            try:
                await trio.sleep_forever()
            finally:
                raise BrokenError("nobody is there")
    assert "s gave up, and its block failed as well" in [record.message for record in caplog.records]


async def test_a_supervisor_can_be_the_child_of_another(autojump_clock):
    inner_runs = []
    actor = Actor("fail", "fail", "end")

    async def inner():
        inner_runs.append(trio.current_time())
        async with open_supervisor("inner", intensity=Intensity(restarts=0)) as supervisor:
            supervisor.start_soon(Child(name="a", run=actor))

    causes = []
    async with open_supervisor("outer", on_restart=lambda _, cause: causes.append(cause)) as outer:
        outer.start_soon(Child(name="inner", run=inner))
    assert len(inner_runs) == 3
    assert [type(cause) for cause in causes] == [RestartIntensityExceeded] * 2


async def test_each_restart_is_told_once_with_its_cause_and_logged_once(caplog, autojump_clock):
    told = []
    actor = Actor("fail", "end", "run")
    with caplog.at_level(logging.INFO, "supervision"):
        async with open_supervisor("s", on_restart=lambda *what: told.append(what)) as supervisor:
            supervisor.start_soon(Child(name="a", run=actor, restart=Restart.PERMANENT))
            await trio.sleep(1)
            supervisor.cancel()
    assert [(name, str(cause)) for name, cause in told] == [("a", "life 1"), ("a", "None")]
    assert [(record.levelname, record.message) for record in caplog.records] == [
        ("ERROR", "s/a failed and is started anew (restart 1)"),
        ("WARNING", "s/a ended and is started anew (restart 2)"),
    ]
    assert caplog.records[0].exc_info[1] is told[0][1]


async def test_a_callback_that_raises_ends_the_supervisor_with_its_error(autojump_clock):
    def broken(*_):
        raise BrokenError("metrics")

    with pytest.raises(BrokenError, match="metrics"):
        async with open_supervisor("s", on_restart=broken) as supervisor:
            supervisor.start_soon(Child(name="a", run=Actor("fail")))
            await trio.sleep_forever()


async def test_backoff_grows_with_each_restart_and_starts_afresh_after_a_quiet_period(autojump_clock):
    starts = []
    lengths = [0, 0, 0, 100, 0]

    async def child():
        starts.append(trio.current_time())
        await trio.sleep(lengths[len(starts) - 1])
        if len(starts) < len(lengths):
            raise BrokenError

    backoff = Backoff(first_s=1, factor=2, max_s=60)
    async with open_supervisor("s", intensity=Intensity(restarts=5, period_s=50)) as supervisor:
        supervisor.start_soon(Child(name="a", run=child, backoff=backoff))
    gaps = [later - earlier for earlier, later in pairwise(starts)]
    assert gaps == [1, 2, 4, 101]


async def test_a_child_that_ends_at_once_does_not_hold_up_the_loop(autojump_clock):
    async def nothing():
        return None

    ticks = 0
    with pytest.raises(RestartIntensityExceeded):
        async with open_supervisor("s", intensity=Intensity(restarts=50)) as supervisor:
            supervisor.start_soon(Child(name="a", run=nothing, restart=Restart.PERMANENT))
            while True:
                ticks += 1
                await trio.lowlevel.checkpoint()
    assert ticks > 25


async def test_the_states_of_a_child_can_be_seen(autojump_clock):
    gates = [trio.Event() for _ in range(2)]

    async def run(*, task_status):
        await gates[0].wait()
        task_status.started()
        await gates[1].wait()
        raise BrokenError

    def states():
        return [child.state for child in supervisor.children]

    async with open_supervisor("s") as supervisor:
        supervisor.start_soon(Child(name="a", run=run, backoff=Backoff(first_s=9, max_s=9)))
        seen = states()
        for gate in gates:
            gate.set()
            await trio.testing.wait_all_tasks_blocked()
            seen += states()
        await trio.sleep(10)
        supervisor.cancel()
    assert seen == [ChildState.STARTING, ChildState.RUNNING, ChildState.WAITING]
