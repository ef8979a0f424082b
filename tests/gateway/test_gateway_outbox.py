"""The outbox: bounded, in order, groups whole; and what a slow reader gets."""

import pytest
import trio
import trio.testing
from gateway_peers import opened, quick
from hypothesis import given, settings
from hypothesis import strategies as st

from sts_actors.gateway import EngineServer, Server
from sts_actors.gateway.engine.outbox import Outbox
from sts_actors.gateway.errors import PeerTooSlow


def outbox(**bounds) -> Outbox:
    return Outbox(**({"max_bytes": 1000, "max_packets": 10, "timeout": 10.0} | bounds))


async def test_packets_come_out_as_they_went_in() -> None:
    box = outbox()
    assert box.put_nowait(["a", b"b"])
    assert box.put_nowait(["c"])
    assert await box.take(2) == ["a", b"b"]
    assert await box.take(2) == ["c"]
    assert box.size == 0


async def test_a_sender_waits_for_room_in_bytes() -> None:
    box = outbox(max_bytes=300)
    assert box.put_nowait(["x" * 200])
    assert not box.put_nowait(["x" * 200])
    with trio.move_on_after(0):
        await box.put(["x" * 200])
    assert len(box) == 1


async def test_a_sender_waits_for_room_in_packets() -> None:
    box = outbox(max_packets=2)
    assert box.put_nowait(["a", "b"])
    assert not box.put_nowait(["c"])


async def test_a_group_larger_than_the_whole_outbox_passes_when_it_is_empty() -> None:
    box = outbox(max_bytes=100)
    assert box.put_nowait(["x" * 5000])
    assert not box.put_nowait(["y"])


async def test_nobody_overtakes_a_sender_that_waits() -> None:
    box = outbox(max_bytes=400)
    box.put_nowait(["x" * 200])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(box.put, ["y" * 200])
        await trio.testing.wait_all_tasks_blocked()
        assert not box.put_nowait(["z"])
        assert await box.take(1) == ["x" * 200]
    assert await box.take(1) == ["y" * 200]


async def test_control_packets_pass_whatever_the_bounds() -> None:
    box = outbox(max_packets=1)
    box.put_nowait(["a"])
    box.put_control("2")
    assert await box.take(5) == ["a", "2"]


async def test_a_sender_gives_up_when_the_peer_takes_nothing_for_the_timeout(autojump_clock) -> None:
    box = outbox(max_packets=1)
    box.put_nowait(["a"])
    began = trio.current_time()
    with pytest.raises(PeerTooSlow):
        await box.put(["b"])
    assert trio.current_time() - began == pytest.approx(10)


async def test_a_sender_waits_as_long_as_the_peer_takes_something(autojump_clock) -> None:
    box = outbox(max_packets=1)
    began = trio.current_time()
    box.progress_at = lambda: min(trio.current_time(), began + 25)
    box.put_nowait(["a"])
    with pytest.raises(PeerTooSlow):
        await box.put(["b"])
    assert trio.current_time() - began == pytest.approx(35, abs=6)


async def test_a_closed_outbox_gives_what_is_left_and_then_nothing() -> None:
    box = outbox()
    box.put_nowait(["a"])
    box.close(discard=False)
    assert box.put_nowait(["too late"])
    assert await box.take(5) == ["a"]
    assert await box.take(5) == []


async def test_closing_releases_everybody_who_waits() -> None:
    box = outbox(max_packets=1)
    box.put_nowait(["a"])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(box.put, ["b"])
        nursery.start_soon(box.put, ["c"])
        await trio.testing.wait_all_tasks_blocked()
        box.close(discard=True)
    assert await box.take(5) == []


@given(
    st.random_module(),
    st.lists(st.lists(st.integers(1, 120), min_size=1, max_size=4), min_size=1, max_size=20),
    st.integers(1, 5),
)
@settings(max_examples=60, deadline=None)
def test_groups_stay_whole_and_each_senders_groups_in_order(_seed, groups, taken_at_once) -> None:
    async def main() -> None:
        box = outbox(max_bytes=400, max_packets=5)
        received = []

        async def send(sender: int) -> None:
            for number, sizes in enumerate(groups):
                if number % 3 == sender:
                    await box.put([f"{number}:{part}:{'x' * size}" for part, size in enumerate(sizes)])

        async def receive() -> None:
            while len(received) < sum(map(len, groups)):
                received.extend(await box.take(taken_at_once))
                assert box.size >= 0
                await trio.lowlevel.checkpoint()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(receive)
            for sender in range(3):
                nursery.start_soon(send, sender)
        parts = [tuple(map(int, packet.split(":")[:2])) for packet in received]
        starts = [number for number, part in parts if part == 0]
        assert parts == [(number, part) for number in starts for part in range(len(groups[number]))]
        for sender in range(3):
            mine = [number for number in starts if number % 3 == sender]
            assert mine == sorted(mine)
        assert (box.size, len(box)) == (0, 0)

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


async def stalled(peers):
    """A WebSocket client in lockstep with the server that stops reading."""
    ws = await peers.ws(stream=peers.stream(trio.testing.lockstep_stream_pair))
    await ws.receive()
    return ws


async def test_a_slow_reader_is_cut_after_ten_seconds_and_others_are_unharmed(autojump_clock) -> None:
    server = Server(ping_interval=1000, limits=quick(outbox_bytes=100_000))
    ended = []
    server.on("disconnect", lambda sid, reason: ended.append((reason, trio.current_time())))
    async with opened(server) as peers:
        slow = await peers.ws(stream=peers.stream(trio.testing.lockstep_stream_pair))
        await slow.send("40")
        await slow.receive()
        await slow.receive()
        # From here on nothing is taken from its stream: its reader holds two messages and waits.
        fast = await peers.socketio()
        began = trio.current_time()
        for number in range(20):
            await server.emit("news", [number, "x" * 20_000])
            assert (await fast.receive()).startswith(f'42["news",[{number},')
        assert [reason for reason, _ in ended] == ["transport error"]
        assert ended[0][1] - began == pytest.approx(10, abs=0.5)
        assert len(peers.engine.sockets) == 1


async def test_what_waits_for_a_slow_reader_is_bounded(autojump_clock) -> None:
    server = EngineServer(ping_interval=1000, limits=quick(outbox_bytes=100_000))
    async with opened(server) as peers:
        await stalled(peers)
        [sid] = peers.engine.sockets
        accepted = 0
        with trio.move_on_after(5):
            for _ in range(500):
                await server.send(sid, "x" * 20_000)
                accepted += 1
        assert accepted < 16
        assert peers.engine.sockets[sid].queue.size <= 100_000


async def test_a_client_that_polls_too_slowly_is_cut_as_well(autojump_clock) -> None:
    server = EngineServer(ping_interval=1000, limits=quick(outbox_bytes=100_000))
    async with opened(server) as peers:
        session = await peers.polling()
        began = trio.current_time()
        for _ in range(10):
            await server.send(session.sid, "x" * 20_000)
        assert trio.current_time() - began == pytest.approx(10)
        assert (await session.poll()).status == 400


async def test_a_stalled_reader_does_not_hold_the_servers_end_up(autojump_clock) -> None:
    server = EngineServer(ping_interval=1000, limits=quick(close_timeout=1))
    async with opened(server) as peers:
        await stalled(peers)
        [sid] = peers.engine.sockets
        for _ in range(20):
            await server.send(sid, "x" * 20_000)
        await trio.testing.wait_all_tasks_blocked()
        began = trio.current_time()
    assert trio.current_time() - began < 3


async def test_all_is_sent_when_the_receiver_has_taken_it_and_comes_for_more(autojump_clock) -> None:
    box, steps = outbox(), []

    async def wait() -> None:
        await box.wait_flushed()
        steps.append("flushed")

    box.put_nowait(["a", "b"])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        for _ in range(2):
            await box.take(1)
            # A request whose answer is on its way, or a frame that is being written.
            await trio.sleep(1)
            steps.append("taken")
        nursery.start_soon(box.take, 1)
        await trio.testing.wait_all_tasks_blocked()
        assert steps == ["taken", "taken", "flushed"]
        box.put_nowait(["c"])
        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        assert steps[-1] == "flushed"
        assert len(steps) == 3
        box.close(discard=True)
    assert len(steps) == 4


async def test_a_client_is_waited_for_until_it_has_all_and_one_that_has_left_is_not() -> None:
    server = Server()
    with trio.fail_after(30):
        await server.wait_sent("nobody")
