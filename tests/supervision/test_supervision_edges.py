"""What hardly ever happens, and must not go wrong then."""

import logging
import os

import pytest
import trio
import trio.testing
from supervision_subjects import Subject

from supervision import Child, Request, TokenScheduler, open_supervisor, open_worker
from supervision.census import Census
from supervision.framing import dump
from supervision.pipes import FramePipe
from supervision.processes import OwnedProcess


class Thing:
    """Something that can be listed."""


def test_a_thing_made_outside_of_a_run_is_listed_nowhere():
    census = Census("things")
    census.add(Thing(), "noted")
    with pytest.raises(RuntimeError):
        census.items()


async def test_a_supervisor_that_is_cancelled_twice_stops_once(autojump_clock):
    async with open_supervisor("s") as supervisor:
        supervisor.start_soon(Child(name="a", run=trio.sleep_forever))
        supervisor.cancel()
        supervisor.cancel()


async def test_an_interrupt_out_of_a_childs_group_is_no_failure_of_it(caplog):
    async def interrupted():
        raise BaseExceptionGroup("of a nursery", [KeyboardInterrupt()])

    async def supervise():
        async with open_supervisor("s") as supervisor:
            await supervisor.start(Child(name="a", run=interrupted))
            await trio.sleep_forever()

    with caplog.at_level(logging.ERROR), pytest.raises(BaseExceptionGroup) as caught:
        await supervise()
    assert caught.group_contains(KeyboardInterrupt)
    assert not caplog.records


async def test_a_frame_that_nobody_reads_any_more_breaks_the_pipe():
    (nobody, write), (read, somebody) = os.pipe(), os.pipe()
    pipe = FramePipe(write, read)
    os.close(nobody)
    with pytest.raises(trio.BrokenResourceError):
        await pipe.send(dump("hello"))
    pipe.close()
    os.close(somebody)


async def test_a_processs_pipes_are_taken_once():
    process = OwnedProcess(["true"], {})
    for descriptor in process.take_pipes():
        os.close(descriptor)
    with pytest.raises(ValueError, match="taken already"):
        process.take_pipes()
    assert await process.wait() == 0


async def test_a_process_that_does_not_die_of_a_call_is_told_of_as_one_that_hangs(monkeypatch):
    monkeypatch.setattr("supervision.workers._DEATH_S", 0.1)

    async def serve():
        async with open_worker("w", Subject) as worker:
            kill = worker._process.kill
            monkeypatch.setattr(worker._process, "kill", lambda: None)
            monkeypatch.setattr(worker._process, "wait", trio.sleep_forever)
            try:
                assert "hangs beyond SIGKILL" in str(await worker._crashed())
            finally:
                monkeypatch.undo()
                kill()

    await serve()


async def test_a_process_that_somebody_else_has_reaped_has_ended():
    process = OwnedProcess(["true"], {})
    os.waitpid(process.pid, 0)  # noqa: ASYNC222 - `true` has ended before it can be waited for
    assert await process.wait() == 0
    for descriptor in process.take_pipes():
        os.close(descriptor)


async def test_a_request_let_in_while_a_server_looks_lingers_for_company_all_the_same(autojump_clock):
    device = TokenScheduler("gpu", tokens=1)
    queue = device.open_queue("asr", cost=1, max_batch=2, max_waiting=1, linger_s=1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(queue.send, Request("first", deadline=5))
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(queue.send, Request("second"))
        await trio.sleep(6)
        with await queue.next_batch() as batch:
            assert [request.payload for request in batch.requests] == ["second"]
            assert trio.current_time() == 7


async def test_without_a_descriptor_for_a_process_its_end_is_looked_for_again_and_again(monkeypatch):
    def refused(_pid):
        raise OSError("a sandbox")

    monkeypatch.setattr(os, "pidfd_open", refused)
    process = OwnedProcess(["sleep", "0.1"], dict(os.environ))
    for descriptor in process.take_pipes():
        os.close(descriptor)
    with trio.fail_after(10):
        assert await process.wait() == 0


async def test_with_a_descriptor_for_a_process_its_end_is_waited_for():
    process = OwnedProcess(["sleep", "0.1"], dict(os.environ))
    for descriptor in process.take_pipes():
        os.close(descriptor)
    with trio.fail_after(10):
        assert await process.wait() == 0
