"""Each transcript goes to every language, in order."""

import pytest
import trio

from sts_actors.actors.fan import fan


async def test_every_language_hears_everything_in_order(autojump_clock):
    send, inbox = trio.open_memory_channel(3)
    pipes = [trio.open_memory_channel(3) for _ in range(2)]
    for item in "abc":
        send.send_nowait(item)
    send.close()
    await fan(inbox, [outbox for outbox, _ in pipes])
    for outbox, receive in pipes:
        outbox.close()
        assert [item async for item in receive] == ["a", "b", "c"]


async def test_a_slow_language_holds_the_others_back(autojump_clock):
    send, inbox = trio.open_memory_channel(3)
    (quick_in, quick), (slow_in, slow) = (trio.open_memory_channel(1) for _ in range(2))
    for item in "abc":
        send.send_nowait(item)
    send.close()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(fan, inbox, [quick_in, slow_in])
        await trio.testing.wait_all_tasks_blocked()
        assert quick.receive_nowait() == "a"
        await trio.testing.wait_all_tasks_blocked()
        assert quick.receive_nowait() == "b"
        # The slow one has not taken the first yet: the third is kept from both.
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(trio.WouldBlock):
            quick.receive_nowait()
        assert slow.receive_nowait() == "a"
        await trio.testing.wait_all_tasks_blocked()
        assert quick.receive_nowait() == "c"
        nursery.cancel_scope.cancel()
