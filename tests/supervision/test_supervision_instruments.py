import logging
import sys
import threading
import time

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from supervision import LoopInstrument, describe_loop, open_loop_instrument
from supervision.instruments import LAG_BOUNDS_S, QUIET_S
from supervision.roles import MAX_ROLES, OTHERS, Roles, role_of
from supervision.watchdog import _TRIO, MAX_FRAMES, Watchdog, stack_of


async def holds_the_loop(seconds):
    time.sleep(seconds)  # noqa: ASYNC251 - this is the point
    await trio.lowlevel.checkpoint()


def test_a_step_that_holds_the_loop_is_remembered_with_its_task():
    loop = LoopInstrument(stall_s=0.05)

    async def main():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(holds_the_loop, 0.12, name="culprit")
            nursery.start_soon(trio.sleep, 0.01, name="innocent")

    trio.run(main, instruments=[loop])
    seen = loop.statistics()
    assert seen.stalls == 1
    (stall,) = seen.latest_stalls
    assert stall.task == "culprit"
    assert stall.seconds == pytest.approx(0.12, abs=0.05)
    assert stall.then.startswith("test_supervision_instruments.py:")
    assert stall.then.endswith("holds_the_loop")
    assert seen.longest_pass_s >= 0.12


def test_every_pass_is_counted_once_by_its_length():
    loop = LoopInstrument()

    async def main():
        for seconds in (0.0, 0.03, 0.15):
            await holds_the_loop(seconds)

    trio.run(main, instruments=[loop])
    seen = loop.statistics()
    assert sum(seen.lags) == seen.passes
    assert len(seen.lags) == len(LAG_BOUNDS_S) + 1
    assert seen.lags[LAG_BOUNDS_S.index(0.1)] >= 1  # 0.03
    assert sum(seen.lags[LAG_BOUNDS_S.index(0.5) :]) == 1  # 0.15


def test_only_the_latest_stalls_are_kept():
    loop = LoopInstrument(stall_s=0.0, keep=3)

    async def main():
        for _ in range(10):
            await trio.lowlevel.checkpoint()

    trio.run(main, instruments=[loop])
    assert loop.statistics().stalls > 3
    assert len(loop.statistics().latest_stalls) == 3


def test_a_loop_that_has_not_run_has_nothing_to_say():
    seen = LoopInstrument().statistics()
    assert (seen.passes, seen.stalls, seen.longest_pass_s, seen.latest_stalls) == (0, 0, 0.0, ())


def test_a_stall_is_told_with_the_stack_of_its_culprit():
    loop = LoopInstrument(stall_s=0.05)

    async def main():
        await holds_the_loop(0.25)

    trio.run(main, instruments=[loop])
    (stall,) = loop.statistics().latest_stalls
    assert [line.split()[-1] for line in stall.stack] == ["holds_the_loop", "main"]
    assert stall.stack[0].startswith("test_supervision_instruments.py:")


def test_a_role_that_stalls_again_and_again_is_logged_once(caplog):
    loop = LoopInstrument(stall_s=0.02)

    async def main():
        for _ in range(3):
            await holds_the_loop(0.05)

    with caplog.at_level(logging.WARNING, "supervision"):
        trio.run(main, instruments=[loop])
    (record,) = [record for record in caplog.records if "held the run loop" in record.message]
    assert "holds_the_loop" in record.message
    assert loop.statistics().stalls == 3
    assert QUIET_S > 1


async def test_an_instrument_opened_in_a_run_sees_tasks_that_were_there_before_and_goes_with_its_block():
    threads = threading.active_count()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.sleep_forever, name="stream/7/asr")
        await trio.testing.wait_all_tasks_blocked()
        with open_loop_instrument() as loop:
            for number in range(3):
                nursery.start_soon(trio.lowlevel.checkpoint, name=f"stream/{number}/tts")
            await trio.testing.wait_all_tasks_blocked()
            assert threading.active_count() == threads + 1
            nursery.cancel_scope.cancel()
            await trio.lowlevel.cancel_shielded_checkpoint()
            await trio.lowlevel.cancel_shielded_checkpoint()
    roles = {role.role: role for role in loop.statistics().roles}
    assert roles["stream/*/tts"].tasks == 3
    assert roles["stream/*/tts"].steps == 6
    assert roles["stream/*/asr"].tasks == 1
    assert threading.active_count() == threads
    assert not [task.name for task in loop._lives if task.name.endswith("tts")]


def test_time_is_split_into_busy_and_waiting_by_role():
    loop = LoopInstrument()

    async def waits():
        await trio.sleep(0.1)
        time.sleep(0.03)  # noqa: ASYNC251 - this is the point

    async def main():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(waits, name="stream/1/asr")

    trio.run(main, instruments=[loop])
    (role,) = [role for role in loop.statistics().roles if role.role == "stream/*/asr"]
    assert 0.03 <= role.busy_s < 0.1
    assert 0.09 <= role.waited_s < 0.3
    assert role.longest_step_s >= 0.03
    assert not loop._lives


@given(st.lists(st.text(alphabet="ab/", max_size=8), max_size=200))
def test_there_are_never_more_roles_than_a_bounded_few(names):
    roles = Roles()
    for number, name in enumerate(names):
        roles.enter(f"{name}{number}", 0.0)
    assert len(roles.all(0.0)) <= MAX_ROLES + 1
    assert sum(role.tasks for role in roles.all(0.0)) == len(names)
    assert (OTHERS in {role.role for role in roles.all(0.0)}) == (
        len({role_of(f"{n}{i}") for i, n in enumerate(names)}) > MAX_ROLES
    )


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("stream/7/asr", "stream/*/asr"),
        ("stream/a/b/c/asr", "stream/*/asr"),
        ("models/asr", "models/asr"),
        ("worker asr: stderr", "worker asr: stderr"),
        ("", ""),
    ],
)
def test_a_role_is_a_name_without_its_ids(name, role):
    assert role_of(name) == role


def test_a_step_that_ended_while_it_was_looked_at_is_not_blamed():
    answers = iter([1.0, 2.0, None])
    done = threading.Event()
    caught = []

    def overdue():
        answer = next(answers, None)
        if answer is None:
            done.set()
        return answer

    watchdog = Watchdog(
        threading.get_ident(), overdue=overdue, caught=lambda *seen: caught.append(seen), every_s=0.001
    )
    watchdog.start()
    assert done.wait(5)
    watchdog.stop()
    assert caught == []


def test_a_step_is_caught_once_and_a_thread_that_is_gone_has_no_stack():
    caught, looked = [], threading.Semaphore(0)

    def overdue():
        looked.release()
        return 1.0

    watchdog = Watchdog(-1, overdue=overdue, caught=lambda *seen: caught.append(seen), every_s=0.001)
    watchdog.start()
    for _ in range(6):
        assert looked.acquire(timeout=5)
    watchdog.stop()
    assert caught == [(1.0, ())]


def test_a_stack_is_bounded_and_ends_where_the_loop_called_the_step():
    def deep(levels):
        return deep(levels - 1) if levels else stack_of(sys._getframe())

    lines = deep(50)
    assert len(lines) == MAX_FRAMES
    assert all(line.endswith("deep") for line in lines)


def test_an_instrument_that_never_ran_can_be_put_away():
    LoopInstrument().after_run()


def test_the_report_shows_lags_roles_and_stalls_with_their_stacks():
    loop = LoopInstrument(stall_s=0.05)

    async def main():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(holds_the_loop, 0.2, name="stream/7/asr")

    trio.run(main, instruments=[loop])
    text = describe_loop(loop.statistics())
    assert "passes, mean" in text
    assert "up to 500 ms: 1" in text
    assert "stream/*/asr: tasks 1, steps 2, busy 0.2" in text
    assert "ms in stream/7/asr\n    test_supervision_instruments.py:" in text


def test_the_report_of_a_stall_that_nobody_saw_says_what_came_next():
    loop = LoopInstrument(stall_s=0.0)

    async def main():
        await trio.lowlevel.checkpoint()

    trio.run(main, instruments=[loop])
    assert "    before " in describe_loop(loop.statistics())


def test_the_report_of_a_loop_that_has_not_run_is_short():
    assert describe_loop(LoopInstrument().statistics()) == (
        "loop\n  0 passes, mean 0.00 ms, longest 0.0 ms\n  \n"
    )


def test_roles_beyond_the_first_few_are_counted_together():
    roles = Roles()
    for number in range(MAX_ROLES + 3):
        roles.enter(f"kind {number}", 0.0)
    (others,) = [role for role in roles.all(1.0) if role.role == OTHERS]
    assert (others.tasks, others.waited_s) == (3, 3.0)


def test_a_step_that_stands_inside_trio_is_told_from_the_line_that_called_it():
    inside = {}
    exec(compile("def inner(look): return look()", f"{_TRIO}/made_up.py", "exec"), inside)  # noqa: S102 - ours
    assert inside["inner"](lambda: stack_of(sys._getframe(1)))[0].endswith(
        "test_a_step_that_stands_inside_trio_is_told_from_the_line_that_called_it"
    )


async def test_an_instrument_that_trio_removed_can_still_be_put_away():
    with open_loop_instrument() as loop:
        trio.lowlevel.remove_instrument(loop)
    assert not [thread for thread in threading.enumerate() if thread.name == "loop watchdog"]
