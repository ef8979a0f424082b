import time

import pytest
import trio

from supervision import LoopInstrument
from supervision.instruments import LAG_BOUNDS_S


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
