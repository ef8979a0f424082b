"""The floor, its hysteresis, and what follows a model that ran out; time is virtual."""

import logging

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from sts_actors.memory import DeviceMemory, MemoryPressure, MemoryWatch, Reading

GIB = 1024**3
FLOOR = 2 * GIB


def gpu(free, device="cuda:0"):
    return DeviceMemory(device=device, total_bytes=80 * GIB, free_bytes=round(free))


def host(free):
    return DeviceMemory(device="cpu", total_bytes=80 * GIB, free_bytes=round(free))


def watch(**changed):
    return MemoryWatch(**{"devices": {"cuda:0"}, "floor_bytes": FLOOR, **changed})


@pytest.mark.parametrize(
    ("free", "on"),
    [
        ([3 * GIB], False),
        ([FLOOR], False),
        ([FLOOR - 1], True),
        ([FLOOR - 1, FLOOR, 1.1 * FLOOR - 1], True),
        ([FLOOR - 1, 1.1 * FLOOR + 1], False),
        ([FLOOR - 1, 1.1 * FLOOR + 1, FLOOR], False),
    ],
)
def test_pressure_is_on_below_the_floor_and_until_a_tenth_more_is_free(free, on):
    its = watch()

    async def see():
        for figure in free:
            its.take(Reading((gpu(figure),)))
        return its.pressure.on

    assert trio.run(see) is on


async def test_a_device_that_no_model_uses_and_the_machines_own_memory_have_no_floor():
    its = watch()
    its.take(Reading((host(0), gpu(3 * GIB), gpu(0, "cuda:1"))))
    assert not its.pressure.on


async def test_one_device_of_two_below_its_floor_is_enough_and_both_must_have_recovered():
    its = watch(devices={"cuda:0", "cuda:1"})
    its.take(Reading((gpu(1), gpu(1, "cuda:1"))))
    its.take(Reading((gpu(3 * GIB), gpu(1, "cuda:1"))))
    assert its.pressure.on
    its.take(Reading((gpu(3 * GIB), gpu(3 * GIB, "cuda:1"))))
    assert not its.pressure.on


async def test_a_gpu_that_cannot_be_seen_presses_nobody():
    its = watch()
    its.take(Reading((gpu(1),)))
    its.take(Reading())
    assert not its.pressure.on


async def test_what_happens_is_logged_once_with_the_figures(caplog):
    its = watch()
    with caplog.at_level(logging.WARNING):
        for free in (3 * GIB, GIB, GIB, 3 * GIB, 3 * GIB):
            its.take(Reading((gpu(free),)))
    assert [record.message for record in caplog.records] == [
        "cuda:0 has 1024 MiB free of 81920, below its floor of 2048: streams are told to slow down",
        "cuda:0 has 3072 MiB free of 81920, enough again",
    ]


async def test_the_devices_are_looked_at_once_each_interval(autojump_clock):
    looks = []

    async def read():
        await trio.lowlevel.checkpoint()
        looks.append(trio.current_time())
        return Reading((gpu(GIB if len(looks) == 3 else 3 * GIB),))

    its = watch(read=read, interval_s=5.0)
    started = trio.current_time()
    seen = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(its.run)
        for _ in range(2):
            await its.pressure.wait_change(its.pressure.state)
            seen.append((trio.current_time() - started, its.pressure.on))
        nursery.cancel_scope.cancel()
    assert seen == [(10.0, True), (15.0, False)]
    assert [when - started for when in looks] == [0.0, 5.0, 10.0, 15.0]


async def test_a_model_that_ran_out_presses_for_ten_seconds_from_the_last_time(autojump_clock):
    pressure = MemoryPressure()
    pressure.ran_out()
    await trio.sleep(6)
    pressure.ran_out()
    started = trio.current_time()
    assert pressure.on
    await pressure.wait_change(pressure.state)
    assert (trio.current_time() - started, pressure.on) == (10.0, False)


async def test_who_has_seen_no_pressure_learns_of_one_that_has_come_and_gone(autojump_clock):
    pressure = MemoryPressure()
    seen = pressure.state
    pressure.set_low(low=True)
    pressure.set_low(low=False)
    with trio.fail_after(1):
        await pressure.wait_change(seen)


async def test_a_floor_that_is_broken_outlasts_the_ten_seconds(autojump_clock):
    pressure = MemoryPressure()
    pressure.set_low(low=True)
    pressure.ran_out()
    await trio.sleep(11)
    assert pressure.on
    pressure.set_low(low=False)
    assert not pressure.on


@given(
    st.lists(st.sampled_from(["low", "enough", "ran out", "wait", "long"]), max_size=30), st.random_module()
)
def test_whoever_follows_the_pressure_knows_in_the_end_what_is_true(steps, _):
    async def play():
        pressure, seen = MemoryPressure(), []

        async def follow():
            while True:
                state = pressure.state
                await trio.lowlevel.checkpoint()
                seen.append(pressure.on)
                await trio.sleep(0.01)
                await pressure.wait_change(state)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(follow)
            for step in steps:
                match step:
                    case "low" | "enough":
                        pressure.set_low(low=step == "low")
                    case "ran out":
                        pressure.ran_out()
                    case "wait":
                        await trio.sleep(0.007)
                    case "long":
                        await trio.sleep(6)
            on = pressure.on
            await trio.sleep(0.1)
            assert seen[-1] is pressure.on is on
            await trio.sleep(11)
            assert seen[-1] is pressure.on
            nursery.cancel_scope.cancel()

    trio.run(play, clock=trio.testing.MockClock(autojump_threshold=0))
