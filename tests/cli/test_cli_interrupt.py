import signal
import subprocess
import sys

import pytest
import trio

from sts_actors.cli.interrupt import interruptible, stopped_by


async def test_ctrl_c_ends_the_work_by_cancelling_it_wherever_the_process_is() -> None:
    seen = []

    async def somewhere() -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            seen.append("an exception in a task that knows nothing of it")

    async def work() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(somewhere)
            try:
                with trio.fail_after(10):
                    await trio.sleep_forever()
            except trio.Cancelled:
                seen.append("cancelled")
                raise

    with pytest.raises(KeyboardInterrupt):
        await interruptible(work)
    assert seen == ["cancelled"]


async def test_work_that_ends_by_itself_gives_its_value() -> None:
    async def work() -> str:
        await trio.lowlevel.checkpoint()
        return "done"

    assert await interruptible(work) == "done"


async def test_the_signal_that_ended_the_work_is_told_and_none_where_it_ended_by_itself() -> None:
    async def until_told() -> None:
        signal.raise_signal(signal.SIGTERM)
        with trio.fail_after(10):
            await trio.sleep_forever()

    assert await stopped_by(until_told, signal.SIGINT, signal.SIGTERM) == signal.SIGTERM
    assert await stopped_by(trio.lowlevel.checkpoint, signal.SIGINT) is None


async def test_work_that_can_be_asked_to_end_is_not_cancelled() -> None:
    asked: list[int] = []
    done = trio.Event()

    def ask(number: int) -> bool:
        asked.append(number)
        done.set()
        return True

    async def until_asked() -> None:
        signal.raise_signal(signal.SIGTERM)
        with trio.fail_after(10):
            await done.wait()
        await trio.lowlevel.checkpoint()

    assert await stopped_by(until_asked, signal.SIGTERM, gently=ask) is None
    assert asked == [signal.SIGTERM]


def test_a_second_signal_ends_work_that_does_not_come_to_its_end() -> None:
    program = """
import signal, sys, trio
from sts_actors.cli.interrupt import stopped_by

async def stuck():
    print("begun", flush=True)
    try:
        await trio.sleep_forever()
    finally:
        print("cleaning", flush=True)
        with trio.CancelScope(shield=True):
            await trio.sleep(60)

trio.run(stopped_by, stuck, signal.SIGINT)
"""
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    with process:
        for line in ("begun\n", "cleaning\n"):
            assert process.stdout.readline() == line
            process.send_signal(signal.SIGINT)
        assert process.wait(10) == 128 + signal.SIGINT
