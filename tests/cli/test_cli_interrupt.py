import signal

import pytest
import trio

from sts_actors.cli.interrupt import interruptible


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
