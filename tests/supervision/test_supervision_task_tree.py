import re
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing

from supervision import Child, TokenScheduler, ask, open_channel, open_supervisor, task_tree


@pytest.fixture
async def tree(autojump_clock):
    async def take():
        await trio.testing.wait_all_tasks_blocked()
        return task_tree()

    return take


async def sleeps_here():
    await trio.sleep_forever()


async def test_each_task_is_shown_below_its_parent_with_the_line_it_waits_at(tree):
    async def parent():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(sleeps_here, name="inner")
            await sleeps_here()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(parent, name="outer")
        picture = await tree()
        nursery.cancel_scope.cancel()
    here = sleeps_here.__code__.co_firstlineno + 1
    found = re.search(
        rf"^( *)outer  test_supervision_task_tree.py:{here} sleeps_here\n"
        rf"( *)inner  test_supervision_task_tree.py:{here} sleeps_here$",
        picture,
        re.MULTILINE,
    )
    assert found, picture
    assert len(found[2]) == len(found[1]) + 2


async def test_a_task_that_waits_inside_an_async_generator_is_shown_there(tree):
    async def numbers():
        await sleeps_here()
        yield 1

    @asynccontextmanager
    async def resource():
        await sleeps_here()
        yield

    async def iterates():
        async for _ in numbers():
            pass

    async def enters():
        async with resource():
            pass

    async with trio.open_nursery() as nursery:
        nursery.start_soon(iterates, name="iterates")
        nursery.start_soon(enters, name="enters")
        picture = await tree()
        nursery.cancel_scope.cancel()
    for name in ("iterates", "enters"):
        assert re.search(rf"^ *{name}  test_supervision_task_tree.py:\d+ sleeps_here$", picture, re.MULTILINE)


async def test_channels_and_queues_are_shown_with_their_fills(tree):
    send, receive = open_channel("asr inbox", 3)
    send.send_nowait(1)
    device = TokenScheduler("gpu", tokens=8)
    queue = device.open_queue("asr", cost=3)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask, queue, "x")
        picture = await tree()
        nursery.cancel_scope.cancel()
    assert "\nchannels\n  asr inbox: 1 of 3, peak 1, sending 0, receiving 0\n" in picture
    assert (
        "\nqueues\n  gpu: 8 of 8 tokens free\n  gpu/asr: 1 of 1024, sending 0, batches running 0, served 0\n"
        in picture
    )
    send.close()
    receive.close()


async def test_children_are_shown_with_their_restarts(tree):
    lives = ["fail"]

    async def child():
        if lives:
            raise LookupError(lives.pop())
        await sleeps_here()

    async with open_supervisor("models") as supervisor:
        supervisor.start_soon(Child(name="asr", run=child))
        picture = await tree()
        supervisor.cancel()
    assert "\nchildren\n  models/asr: transient, running, restarts 1\n" in picture
    assert re.search(r"^ *models/asr  test_supervision_task_tree.py:\d+ sleeps_here$", picture, re.MULTILINE)


async def test_what_is_not_there_is_not_shown(tree):
    picture = await tree()
    assert picture.startswith("tasks\n")
    assert not {"children", "channels", "queues"} & set(picture.splitlines())
