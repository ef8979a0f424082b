import gc

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from supervision_clock import many, run, schedules

from supervision import ChannelKind, ChannelStatistics, channel_kinds, channel_statistics, open_channel


def only():
    (found,) = channel_statistics()
    return found


async def test_a_channel_is_listed_with_its_fill_and_its_peak():
    send, receive = open_channel("asr", 3)
    for item in range(2):
        send.send_nowait(item)
    receive.receive_nowait()
    assert only() == ChannelStatistics(
        name="asr", fill=1, capacity=3, peak=2, waiting_senders=0, waiting_receivers=0
    )
    send.close()
    receive.close()


async def test_those_that_wait_at_a_channel_are_counted(autojump_clock):
    send, receive = open_channel("c", 0)
    async with trio.open_nursery() as nursery:
        for item in range(2):
            nursery.start_soon(send.send, item)
        await trio.sleep(1)
        assert (only().waiting_senders, only().waiting_receivers) == (2, 0)
        await receive.receive()
        await receive.receive()
        nursery.start_soon(receive.receive)
        await trio.sleep(1)
        assert (only().waiting_senders, only().waiting_receivers) == (0, 1)
        await send.send(None)
    send.close()
    receive.close()


async def test_channels_are_listed_by_name_and_may_share_one():
    ends = [open_channel(name, 1) for name in "bab"]
    assert [channel.name for channel in channel_statistics()] == ["a", "b", "b"]
    for send, receive in ends:
        send.close()
        receive.close()


async def test_channels_of_one_role_are_one_row_however_many_there_are(autojump_clock):
    ends = [open_channel(f"stream/{number}/asr", 2) for number in range(3)]
    other, _ = open_channel("artifacts", 1)
    for (send, _), items in zip(ends, (2, 1, 0), strict=True):
        for item in range(items):
            send.send_nowait(item)
    other.send_nowait(0)
    with trio.move_on_after(1):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ends[0][0].send, 3)
            await trio.sleep(0.5)
            assert channel_kinds() == (
                ChannelKind(role="artifacts", channels=1, fill=1, peak=1, waiting_senders=0),
                ChannelKind(role="stream/*/asr", channels=3, fill=3, peak=2, waiting_senders=1),
            )
            nursery.cancel_scope.cancel()
    for send, receive in ends:
        send.close()
        receive.close()


async def test_a_channel_stays_listed_until_both_sides_are_closed():
    send, receive = open_channel("c", 1)
    send.close()
    assert only().name == "c"
    receive.close()
    assert channel_statistics() == ()


@pytest.mark.parametrize("kept", ["send", "receive"])
async def test_either_end_keeps_a_channel_listed(kept):
    send, receive = open_channel("c", 1)
    end = send if kept == "send" else receive
    (receive if kept == "send" else send).close()
    del send, receive
    gc.collect()
    assert only().name == "c"
    end.close()


async def test_a_forgotten_channel_is_listed_no_more():
    send, receive = open_channel("c", 1)
    send.close()
    del send, receive
    gc.collect()
    assert channel_statistics() == ()


@pytest.mark.parametrize("capacity", [-1, 2**31, float("inf")])
async def test_a_channel_without_a_bound_cannot_be_had(capacity):
    with pytest.raises(ValueError, match="capacity of a channel is a count"):
        open_channel("c", capacity)


def test_each_run_has_channels_of_its_own():
    kept = []

    async def opens():
        kept.append(open_channel("c", 1))
        return len(channel_statistics())

    async def looks():
        return len(channel_statistics())

    assert (trio.run(opens), trio.run(looks)) == (1, 0)
    for end in kept[0]:
        end.close()


def test_outside_of_a_run_there_is_nothing_to_list():
    with pytest.raises(RuntimeError):
        channel_statistics()


@many
@given(schedules, st.integers(0, 4), st.lists(st.integers(0, 2), min_size=1, max_size=20))
def test_the_peak_is_the_most_that_ever_waited_and_never_above_the_capacity(_, capacity, pauses):
    async def scenario():
        send, receive = open_channel("c", capacity)
        most = 0

        async def produce():
            nonlocal most
            async with send:
                for item in pauses:
                    await send.send(item)
                    most = max(most, only().fill)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(produce)
            async for pause in receive:
                await trio.sleep(pause)
        assert most <= only().peak <= capacity
        receive.close()

    run(scenario)
