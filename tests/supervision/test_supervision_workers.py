# ruff: noqa: PT012 - errors come out of whole blocks
"""Worker processes: on the real clock, for Trio's mock clock knows nothing of processes."""

import json
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import supervision_subjects as subjects
import trio

from supervision import WorkerCrashed, WorkerError, WorkerTimeout, open_worker
from supervision.worker_errors import ErrorLines

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def is_gone(pid):
    """Whether a process has ended; a zombie has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


async def ends(pid, within_s=2.0):
    return await becomes_true(lambda: is_gone(pid), within_s)


async def becomes_true(condition, within_s=2.0):
    """Neither a process nor a log sets an event: look again and again."""
    give_up = trio.current_time() + within_s
    while True:
        if condition() or trio.current_time() > give_up:
            return condition()
        await trio.sleep(0.005)


def open_descriptors():
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


async def test_a_worker_is_built_once_and_keeps_its_state():
    async with open_worker("w", subjects.Subject, {"voices": 3}) as worker:
        assert worker.info == {"voices": 3}
        for number in range(3):
            assert await worker.call("echo", number) == number
        assert await worker.call("count") == 3
        assert worker.pid != os.getpid()


async def test_a_worker_leaves_the_processor_to_who_needs_it_seldom():
    ours = os.getpriority(os.PRIO_PROCESS, 0)
    async with open_worker("w", subjects.Subject) as worker:
        assert os.getpriority(os.PRIO_PROCESS, worker.pid) == min(ours + 5, 19)


async def test_nothing_is_left_after_the_block():
    async with open_worker("warm-up", subjects.Subject):
        pass
    before = open_descriptors()
    for _ in range(3):
        async with open_worker("w", subjects.Subject) as worker:
            await worker.call("echo", 1)
        assert is_gone(worker.pid)
    assert open_descriptors() == before


@pytest.mark.parametrize(
    "array",
    [
        np.arange(2_000_000, dtype=np.float32),
        np.zeros((0,), np.float32),
        np.asfortranarray(np.arange(12.0).reshape(3, 4)),
        np.arange(100)[::3],
        np.arange(24, dtype=np.int16).reshape(2, 3, 4),
    ],
    ids=["8 MB", "empty", "fortran order", "strided", "three dimensions"],
)
async def test_arrays_come_back_as_they_went(array):
    async with open_worker("w", subjects.Subject) as worker:
        echoed = await worker.call("echo", [array, {"same": array}])
    for back in (echoed[0], echoed[1]["same"]):
        assert back.dtype == array.dtype
        assert np.array_equal(back, array)
        assert back.flags.writeable


async def test_a_large_call_does_not_hold_up_the_loop():
    array = np.zeros(20_000_000, np.float32)
    longest = 0.0

    async def tick():
        nonlocal longest
        while True:
            before = time.perf_counter()
            await trio.lowlevel.checkpoint()
            longest = max(longest, time.perf_counter() - before)

    async with open_worker("w", subjects.Subject) as worker, trio.open_nursery() as nursery:
        nursery.start_soon(tick)
        began = time.perf_counter()
        await worker.call("echo", array)
        took = time.perf_counter() - began
        nursery.cancel_scope.cancel()
    # It takes some tens of ms; one allocation and copy of the whole at a time is what the loop may see of it.
    assert longest < max(0.06, 0.6 * took)


async def test_calls_from_several_tasks_take_turns():
    answers = {}

    async def caller(number):
        answers[number] = await worker.call("echo", number)

    async with open_worker("w", subjects.Subject) as worker, trio.open_nursery() as nursery:
        for number in range(10):
            nursery.start_soon(caller, number)
    assert answers == {number: number for number in range(10)}


async def test_an_error_of_a_method_comes_with_its_traceback_and_hurts_no_later_call():
    async with open_worker("w", subjects.Subject) as worker:
        with pytest.raises(WorkerError, match="LookupError: no such voice") as caught:
            await worker.call("fail")
        assert 'raise LookupError("no such voice")' in caught.value.remote_traceback
        assert caught.value.remote_traceback in caught.value.__notes__[0]
        assert caught.value.remote_type == "builtins.LookupError"
        with pytest.raises(WorkerError, match="has no attribute 'nonsense'"):
            await worker.call("nonsense")
        assert await worker.call("echo", 1) == 1


async def test_what_cannot_be_pickled_costs_the_call_and_not_the_worker():
    async with open_worker("w", subjects.Subject) as worker:
        with pytest.raises(Exception, match="pickle"):
            await worker.call("echo", lambda: None)
        with pytest.raises(WorkerError, match="pickle"):
            await worker.call("unpicklable")
        with pytest.raises(WorkerError, match="answered what cannot be read here"):
            await worker.call("unreadable")
        with pytest.raises(WorkerError, match="not here"):
            await worker.call("echo", subjects.Unreadable())
        assert await worker.call("echo", 1) == 1


async def test_a_factory_that_fails_says_where():
    with pytest.raises(WorkerError, match="RuntimeError: the weights are corrupt") as caught:
        async with open_worker("w", subjects.broken_factory):
            pytest.fail("it must not get here")
    assert "in broken_factory" in caught.value.remote_traceback


@pytest.mark.parametrize(("factory", "code"), [("crashing_factory", 7), ("exiting_factory", 1)])
async def test_a_process_that_ends_while_starting_has_crashed(factory, code):
    with pytest.raises(WorkerCrashed, match=f"worker w ended with exit code {code}") as caught:
        async with open_worker("w", getattr(subjects, factory)):
            pytest.fail("it must not get here")
    assert caught.value.exit_code == code


async def test_a_factory_that_takes_too_long_is_given_up():
    began = trio.current_time()
    with pytest.raises(WorkerTimeout, match=r"was not ready within 0.3 s and was killed"):
        async with open_worker("w", subjects.hanging_factory, start_timeout_s=0.3):
            pytest.fail("it must not get here")
    assert trio.current_time() - began < 1


async def test_a_crash_in_mid_call_is_told_with_its_exit_code_and_last_words():
    async with open_worker("w", subjects.Subject) as worker:
        with pytest.raises(WorkerCrashed) as caught:
            await worker.call("say_and_die")
    assert str(caught.value) == "worker w ended with exit code 3: first words | last words"
    assert caught.value.exit_code == 3


async def test_a_crash_by_a_signal_names_it_and_shows_where_it_struck():
    async with open_worker("w", subjects.Subject) as worker:
        with pytest.raises(WorkerCrashed, match=r"ended by SIGSEGV: .*supervision_subjects\.py") as caught:
            await worker.call("die")
    assert caught.value.exit_code == -signal.SIGSEGV


async def test_a_kill_in_mid_call_is_told_to_the_caller():
    async with open_worker("w", subjects.Subject) as worker:

        async def kill():
            await trio.sleep(0.1)
            os.kill(worker.pid, signal.SIGKILL)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(kill)
            with trio.fail_after(1), pytest.raises(WorkerCrashed, match="SIGKILL"):
                await worker.call("hang")


async def test_a_kill_between_calls_ends_the_block():
    began = trio.current_time()
    with pytest.raises(WorkerCrashed, match="worker w ended by SIGKILL") as caught:
        async with open_worker("w", subjects.Subject) as worker:
            os.kill(worker.pid, signal.SIGKILL)
            await trio.sleep(5)
    assert caught.value.exit_code == -signal.SIGKILL
    assert trio.current_time() - began < 2


async def test_a_kill_between_calls_is_noticed_without_pidfd_too(monkeypatch):
    monkeypatch.delattr(os, "pidfd_open")
    monkeypatch.delattr(os, "waitid")
    with pytest.raises(WorkerCrashed, match="worker w ended by SIGKILL"):
        async with open_worker("w", subjects.Subject) as worker:
            os.kill(worker.pid, signal.SIGKILL)
            await trio.sleep(5)


async def test_a_crash_is_noticed_even_if_something_it_started_holds_its_pipes():
    async with open_worker("w", subjects.Subject) as worker:
        with trio.fail_after(3), pytest.raises(WorkerCrashed, match="exit code 5"):
            await worker.call("fork_and_exit")


async def test_an_error_of_the_bodys_comes_out_as_itself():
    with pytest.raises(LookupError, match="mine"):
        async with open_worker("w", subjects.Subject):
            raise LookupError("mine")
    with pytest.raises(LookupError, match="mine"):
        async with open_worker("w", subjects.Subject) as worker:
            os.kill(worker.pid, signal.SIGKILL)
            try:
                await trio.sleep(5)
            finally:
                raise LookupError("mine")


async def test_a_call_that_never_returns_is_killed_within_100_ms_of_its_deadline():
    async with open_worker("w", subjects.Subject) as worker:
        deadline = trio.current_time() + 0.2
        with pytest.raises(WorkerTimeout, match="missed the call's deadline and was killed"):
            await worker.call("hang", deadline=deadline)
        assert await ends(worker.pid)
        assert 0 <= trio.current_time() - deadline < 0.1
        with pytest.raises(WorkerCrashed, match="was killed with an earlier call"):
            await worker.call("echo", 1)


async def test_a_cancelled_call_kills_the_process():
    async with open_worker("w", subjects.Subject) as worker:
        with trio.move_on_after(0.1) as scope:
            await worker.call("hang")
        assert scope.cancelled_caught
        assert await ends(worker.pid, 0.1)
        with pytest.raises(WorkerCrashed, match="was killed with an earlier call"):
            await worker.call("echo", 1)


async def test_a_call_cancelled_or_late_before_it_has_begun_kills_nothing():
    async with open_worker("w", subjects.Subject) as worker:
        with trio.CancelScope() as scope:
            scope.cancel()
            await worker.call("hang")
        with pytest.raises(WorkerTimeout, match="before it was begun"):
            await worker.call("hang", deadline=trio.current_time() - 1)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(worker.call, "sleep", 0.3)
            await trio.sleep(0.1)
            with pytest.raises(WorkerTimeout, match="before it was begun"):
                await worker.call("echo", 1, deadline=trio.current_time() + 0.05)
        assert await worker.call("echo", 1) == 1


async def test_cancelling_the_block_kills_the_process():
    with trio.CancelScope() as scope:
        async with open_worker("w", subjects.Subject) as worker:
            scope.cancel()
            await trio.sleep_forever()
    assert is_gone(worker.pid)


async def test_what_a_worker_prints_is_logged_line_by_line(caplog):
    with caplog.at_level(logging.DEBUG, "supervision.worker.w"):
        async with open_worker("w", subjects.Subject) as worker:
            await worker.call("say", "one\ntwo\n", "10 %\r20 %\r", "\n\nthr\u00e9e\n")
            assert await becomes_true(lambda: "thr\u00e9e" in caplog.messages)
    assert {record.name for record in caplog.records} == {"supervision.worker.w"}
    assert caplog.messages == ["to standard output", "one", "two", "10 %", "20 %", "thr\u00e9e"]


async def test_an_endless_line_is_logged_in_pieces(caplog):
    with caplog.at_level(logging.DEBUG, "supervision.worker.w"):
        async with open_worker("w", subjects.Subject) as worker:
            await worker.call("say", "x" * 30_000)
            assert await becomes_true(lambda: sum(map(len, caplog.messages)) >= 20_000)
    assert len(caplog.messages) > 1


async def test_a_worker_has_the_variables_it_is_given_besides_ours(monkeypatch):
    monkeypatch.setenv("FROM_HERE", "yes")
    async with open_worker("w", subjects.Subject, env={"OMP_NUM_THREADS": "2"}) as worker:
        assert await worker.call("environ", "OMP_NUM_THREADS") == "2"
        assert await worker.call("environ", "FROM_HERE") == "yes"


async def test_a_worker_neither_reads_our_pipes_nor_hears_ctrl_c_or_what_is_to_end_its_parent():
    async with open_worker("w", subjects.Subject) as worker:
        assert await worker.call("read_stdin") == ""
        assert os.getpgid(worker.pid) == worker.pid
        for number in (signal.SIGINT, signal.SIGTERM):
            assert await worker.call("ignores", number)
            os.kill(worker.pid, number)
        assert await worker.call("echo", 1) == 1


async def test_a_worker_loads_nothing_that_it_was_not_asked_for():
    async with open_worker("w", subjects.Subject) as worker:
        loaded = await worker.call("modules")
    assert not {"trio", "attrs", "supervision"} & set(loaded)


async def test_what_a_worker_has_started_goes_with_it():
    async with open_worker("w", subjects.Subject) as worker:
        grandchild = await worker.call("start_child")
        assert not is_gone(grandchild)
    assert await ends(grandchild)


async def test_what_a_crashed_worker_has_started_goes_with_it():
    async with open_worker("w", subjects.Subject) as worker:
        grandchild = await worker.call("start_child")
        with pytest.raises(WorkerCrashed):
            await worker.call("exit", 1)
        assert await ends(grandchild)


PARENT = """
import sys, trio
sys.path[:0] = [{here!r}, {root!r}]
import supervision_subjects as subjects
from supervision import open_worker

async def main():
    async with open_worker("w", subjects.Subject) as worker:
        print(worker.pid, flush=True)
        await worker.call({method!r}, *{args!r})
        await trio.sleep_forever()

trio.run(main)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux's")
@pytest.mark.parametrize(("method", "args"), [("echo", [1]), ("hang", [])], ids=["idle", "in mid-call"])
async def test_a_worker_does_not_survive_a_parent_killed_by_sigkill(method, args, tmp_path):
    program = PARENT.format(here=str(HERE), root=str(ROOT), method=method, args=args)
    with subprocess.Popen(  # noqa: ASYNC220 - a process to be killed, not waited for
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=tmp_path
    ) as parent:
        pid = int(parent.stdout.readline())
        await trio.sleep(0.1)
        assert not is_gone(pid)
        parent.kill()
        parent.wait()
        assert await ends(pid)


def test_a_worker_whose_parent_has_gone_before_it_looked_leaves_at_once():
    program = ROOT / "supervision" / "worker_process.py"
    done = subprocess.run([sys.executable, program, "1"], capture_output=True, check=False, timeout=10)
    assert done.returncode == 1


async def test_a_process_that_cannot_be_killed_is_not_waited_for_for_ever(monkeypatch, caplog):
    monkeypatch.setattr("supervision.workers._DEATH_S", 0.1)
    async with open_worker("w", subjects.Subject) as worker:
        kill = worker._process.kill
        monkeypatch.setattr(worker._process, "kill", lambda: None)
    assert "does not die of SIGKILL" in caplog.text
    kill()
    await worker._process.wait()


async def test_what_a_worker_logs_comes_at_its_own_level_with_its_logger_and_traceback(caplog):
    caplog.set_level(logging.INFO)
    async with open_worker("w", subjects.Subject) as worker:
        await worker.call("log_it", "one\ntwo")
        assert await becomes_true(lambda: len(caplog.messages) == 2)
    first, second = caplog.records
    assert (first.levelname, first.name, first.worker_logger) == (
        "WARNING",
        "supervision.worker.w",
        "subjects",
    )
    assert first.getMessage() == "one\ntwo"
    assert second.exception.endswith("ValueError: one\ntwo\n")


async def test_a_worker_logs_all_where_all_is_wanted_and_warnings_elsewhere(caplog):
    for level, texts in ((logging.DEBUG, ["little", "much"]), (logging.INFO, ["much"])):
        caplog.clear()
        caplog.set_level(level)
        async with open_worker("w", subjects.Subject) as worker:
            await worker.call("log_two_levels")
            assert await becomes_true(lambda: "much" in caplog.messages)
        assert caplog.messages == texts


async def test_what_is_printed_cannot_pass_for_what_is_logged(caplog):
    caplog.set_level(logging.DEBUG)
    forged = '{"level": 50, "logger": "x", "text": "all is lost", "trace": ""}'
    async with open_worker("w", subjects.Subject) as worker:
        await worker.call("say", f"{forged}\n", f"{'0' * 32}{forged}\n", "the end\n")
        assert await becomes_true(lambda: "the end" in caplog.messages)
    assert {record.levelname for record in caplog.records} == {"DEBUG"}


async def test_a_record_that_was_cut_off_or_is_none_costs_nothing(caplog):
    caplog.set_level(logging.DEBUG)
    ends = os.pipe()
    lines = ErrorLines("w", ends[0], "mark:")
    records = [
        "nonsense",
        "[1]",
        '{"level": 30}',
        json.dumps(dict.fromkeys(("level", "logger", "text", "trace"))),
    ]
    os.write(ends[1], "".join(f"10 %mark:{record}\n" for record in records).encode())
    good = {"level": 30, "logger": "x", "text": "y" * 20_000, "trace": ""}
    os.write(ends[1], f"mark:{json.dumps(good)}\n".encode())
    os.close(ends[1])
    with trio.fail_after(10):
        await lines.read()
    lines.close()
    assert caplog.messages == ["10 %"] * 4 + ["y" * 20_000]


async def test_a_call_tells_from_when_to_when_the_process_worked_on_it():
    async with open_worker("w", subjects.Subject) as worker:
        asked = trio.current_time()
        served = await worker.call_timed("sleep", 0.2)
        assert asked <= served.began <= served.ended - 0.2 <= trio.current_time() - 0.2
