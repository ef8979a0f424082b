"""Results leave in the order of admission."""

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from sts_actors.actors.sequencer import Reorder, sequencer
from sts_actors.errors import ErrorCode, Stage
from sts_actors.messages import FragmentFailed, FragmentHeader


def result(index):
    header = FragmentHeader(
        stream_id="s",
        fragment_id=f"f{index}",
        sequence_number=index,
        index=index,
        duration_ms=6000,
        received=0.0,
        deadline=9.0,
    )
    return FragmentFailed(
        header=header, stage=Stage.ASR, code=ErrorCode.TIMEOUT, message="late", retryable=True
    )


@given(st.permutations(range(8)))
def test_any_order_in_gives_the_order_of_admission_out(order):
    async def main():
        send, inbox = trio.open_memory_channel(8)
        outbox, receive = trio.open_memory_channel(8)
        reorder = Reorder()
        for index in order:
            send.send_nowait(result(index))
        send.close()
        await sequencer(inbox, outbox, reorder)
        outbox.close()
        assert [one.header.index async for one in receive] == list(range(8))
        assert reorder.held == 0

    trio.run(main)


@given(st.permutations(range(6)), st.integers(min_value=0, max_value=5))
def test_nothing_leaves_before_those_admitted_earlier(order, missing):
    reorder = Reorder()
    for index in order:
        if index != missing:
            reorder.add(result(index))
    out = []
    while (due := reorder.peek()) is not None:
        out.append(due.header.index)
        reorder.release()
    assert out == list(range(missing))
    assert reorder.held == 6 - 1 - missing


@pytest.mark.parametrize("released", [True, False])
def test_a_second_result_for_the_same_fragment_is_an_error(released):
    reorder = Reorder()
    reorder.add(result(0))
    if released:
        reorder.release()
    with pytest.raises(ValueError, match="second result for index 0"):
        reorder.add(result(0))


async def test_what_is_held_outlives_a_restart_of_the_actor():
    send, inbox = trio.open_memory_channel(4)
    outbox, receive = trio.open_memory_channel(4)
    reorder = Reorder()
    send.send_nowait(result(1))
    with trio.CancelScope() as first_life:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(sequencer, inbox, outbox, reorder)
            await trio.testing.wait_all_tasks_blocked()
            first_life.cancel()
    assert reorder.held == 1
    send.send_nowait(result(0))
    send.close()
    await sequencer(inbox, outbox, reorder)
    outbox.close()
    assert [one.header.index async for one in receive] == [0, 1]
