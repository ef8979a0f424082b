"""Slow readers on either side, bounds, and emits that are cancelled half-way."""

import math
import re

import pytest
import trio
import trio.testing
from client_peer import Peer, script_in_memory, serve_script
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock, lockstep_stream_pair

from sts_actors.client import ConnectionLost, open_client
from sts_actors.client.transport import MAX_MESSAGE_BYTES

MIB = 1024 * 1024


async def test_a_slow_consumer_does_not_keep_a_ping_waiting(autojump_clock, monkeypatch):
    answered = trio.Event()

    async def script(peer: Peer) -> None:
        await peer.welcome()
        for number in range(500):
            await peer.event("flood", number, "x" * 1000)
        await peer.text("2")
        assert await peer.frame() == "3"
        answered.set()
        await peer.drain()

    async with script_in_memory(script, monkeypatch) as url, open_client(url) as client:
        await answered.wait()  # with 500 events unread
        assert [(await anext(client.events)).args[0] for _ in range(500)] == list(range(500))


@pytest.mark.parametrize(
    ("limits", "kept", "why"),
    [
        ({"max_buffered_events": 10}, 10, "this client fell behind: 10 events wait unread"),
        ({"max_buffered_bytes": 20_000}, 19, "this client fell behind: 19323 bytes of events wait unread"),
    ],
)
async def test_a_consumer_that_falls_too_far_behind_loses_the_connection_but_no_event_before(
    autojump_clock, monkeypatch, limits, kept, why
):
    async def script(peer: Peer) -> None:
        await peer.welcome()
        for number in range(30):
            await peer.event("flood", 10 + number, "x" * 1000)
        await peer.drain()

    async with script_in_memory(script, monkeypatch) as url, open_client(url, **limits) as client:
        await client.wait_closed()
        with pytest.raises(ConnectionLost, match=why):
            await client.emit("note")
        got = [(await anext(client.events)).args[0] for _ in range(kept)]
        assert got == list(range(10, 10 + kept))
        with pytest.raises(ConnectionLost, match=why):
            await anext(client.events)


async def test_what_was_read_makes_room_for_more(autojump_clock, monkeypatch):
    async def script(peer: Peer) -> None:
        await peer.welcome()
        for number in range(100):
            await peer.event("one", number, "x" * 10_000)
            assert await peer.frame() == '42["next"]'
        await peer.drain()

    limits = {"max_buffered_events": 2, "max_buffered_bytes": 25_000}
    async with script_in_memory(script, monkeypatch) as url, open_client(url, **limits) as client:
        for number in range(100):
            assert (await anext(client.events)).args[0] == number
            await client.emit("next")


async def test_attachments_of_one_event_are_bounded_together(autojump_clock, monkeypatch):
    async def script(peer: Peer) -> None:
        await peer.welcome()
        await peer.text('453-["big"]')
        for _ in range(3):
            await peer.binary(bytes(400))
        await peer.drain()

    async with (
        script_in_memory(script, monkeypatch) as url,
        open_client(url, max_buffered_bytes=1000) as client,
    ):
        with pytest.raises(ConnectionLost, match="an event of more than 1000 bytes"):
            await anext(client.events)


@pytest.mark.parametrize("excess", [0, 1])
async def test_a_message_of_16_mib_is_read_and_a_byte_more_ends_the_connection(excess):
    async def script(peer: Peer) -> None:
        await peer.welcome()
        await peer.text('451-["big",{"_placeholder":true,"num":0}]')
        await peer.binary(bytes(MAX_MESSAGE_BYTES + excess))
        await peer.part()

    async with serve_script(script) as url, open_client(url) as client:
        if not excess:
            assert (await anext(client.events)).args == (bytes(MAX_MESSAGE_BYTES),)
            return
        with pytest.raises(ConnectionLost, match="code 1009, message too large"):
            await anext(client.events)


async def test_an_emit_waits_while_the_server_does_not_read_and_memory_stays_where_it_is():
    reading = trio.Event()

    async def script(peer: Peer) -> None:
        await peer.welcome()
        await reading.wait()
        await peer.part()

    done = []

    async def send(client, number: int) -> None:
        await client.emit("note", "x" * 4 * MIB)
        done.append(number)

    async with serve_script(script) as url, open_client(url) as client, trio.open_nursery() as nursery:
        for number in range(6):
            nursery.start_soon(send, client, number)
        await trio.sleep(0.3)
        assert len(done) < 4  # a few are with the kernel, the others wait in their tasks
        reading.set()
    assert sorted(done) == list(range(6))


async def test_an_emit_cancelled_while_it_is_written_still_goes_out_whole():
    reading = trio.Event()
    frames = []

    async def script(peer: Peer) -> None:
        await peer.welcome()
        await reading.wait()
        frames.extend([await peer.frame() for _ in range(4)])
        await peer.part()

    async with serve_script(script) as url, open_client(url) as client:
        with trio.move_on_after(0.1) as scope:
            await client.emit("first", bytes(15 * MIB), "tail")
        assert scope.cancelled_caught  # half of it is in the kernel's buffers
        with trio.move_on_after(0.1) as scope:
            await client.emit("second")
        assert scope.cancelled_caught  # its turn never came
        reading.set()
        await client.emit("third", b"3")
    assert frames == [
        '451-["first",{"_placeholder":true,"num":0},"tail"]',
        bytes(15 * MIB),
        '451-["third",{"_placeholder":true,"num":0}]',
        b"3",
    ]


async def test_a_pong_goes_between_the_frames_of_a_long_message():
    order = []

    async def script(peer: Peer) -> None:
        await peer.welcome()
        order.append(await peer.frame())
        await peer.text("2")
        await trio.sleep(0.1)  # the ping is read while the first attachment is stuck on its way
        for _ in range(5):
            frame = await peer.frame()
            order.append(frame if isinstance(frame, str) else "attachment")
        await peer.part()

    async with serve_script(script) as url, open_client(url) as client:
        await client.emit("long", *[bytes(10 * MIB)] * 4)
    assert order[0].startswith("454-")
    assert "3" in order[1:4]


async def test_an_emit_in_vain_and_a_call_in_vain_end_with_the_connection(autojump_clock, monkeypatch):
    reasons = []

    async def script(peer: Peer) -> None:
        await peer.welcome()
        await trio.sleep(1)
        await peer.close(1001)
        await peer.drain()

    async def call(client) -> None:
        with pytest.raises(ConnectionLost) as caught:
            await client.call("never")
        reasons.append(caught.value.reason)

    async with script_in_memory(script, monkeypatch) as url, open_client(url) as client:
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(call, client)
        assert trio.current_time() == pytest.approx(1)
    assert reasons == [f"connection to {url} lost: the server is shutting down"] * 3


async def test_a_call_given_up_leaves_nothing_behind_and_its_late_answer_is_nobodys(
    autojump_clock, monkeypatch
):
    async def script(peer: Peer) -> None:
        await peer.welcome()
        first = await peer.frame()
        assert first == '421["slow"]'
        assert await peer.frame() == '422["fast"]'
        await peer.text('431["late"]')
        await peer.text('432["right"]')
        await peer.drain()

    async with script_in_memory(script, monkeypatch) as url, open_client(url) as client:
        with trio.move_on_after(1):
            await client.call("slow")
        assert await client.call("fast") == "right"
        assert client._succession.current._calls == {}


async def test_several_tasks_may_share_the_events_and_each_event_goes_to_one(autojump_clock, monkeypatch):
    got = []

    async def script(peer: Peer) -> None:
        await peer.welcome()
        for number in range(20):
            await peer.event("one", number)
        await peer.text("41")
        await peer.drain()

    async def take(client) -> None:
        async for event in client.events:
            got.append(event.args[0])
            await trio.lowlevel.checkpoint()

    async with (
        script_in_memory(script, monkeypatch) as url,
        open_client(url) as client,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(take, client)
        nursery.start_soon(take, client)
    assert sorted(got) == list(range(20))


@given(
    st.random_module(),
    st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from([0.0, 0.5, 2.0, math.inf])), min_size=1, max_size=8
    ),
    st.sampled_from([0.0, 0.4, 3.0]),
)
@settings(max_examples=60, deadline=None)
def test_whatever_is_cancelled_the_server_gets_whole_messages_and_all_that_were_reported_sent(
    _seed, emits, pause_s
):
    reported = []

    async def emit(client, number: int, attached: int, patience_s: float) -> None:
        with trio.move_on_after(patience_s):
            await client.emit("note", number, *[bytes([number, index]) for index in range(attached)])
            reported.append(number)

    got = []

    async def script(peer: Peer) -> None:
        await peer.welcome(pingInterval=3_600_000)  # a slow reader, not a dead one
        while True:
            await trio.sleep(pause_s)
            head = await peer.frame()
            if head == "41":
                return
            count = int(head[2]) if head.startswith("45") else 0
            number = int(re.search(r'"note",(\d+)', head)[1])
            attached = []
            for _ in range(count):
                await trio.sleep(pause_s)
                attached.append(await peer.frame())
            assert attached == [bytes([number, index]) for index in range(emits[number][0])]
            got.append(number)

    async def main(monkeypatch) -> None:
        async with (
            script_in_memory(script, monkeypatch, lockstep_stream_pair) as url,
            open_client(url) as client,
        ):
            async with trio.open_nursery() as nursery:
                for number, (attached, patience_s) in enumerate(emits):
                    nursery.start_soon(emit, client, number, attached, patience_s)
            # A last one, so that whatever was half-way is through before the goodbye.
            await client.emit("note", 0, *[bytes([0, index]) for index in range(emits[0][0])])
            assert not client.closed

    with pytest.MonkeyPatch.context() as monkeypatch:
        trio.run(main, monkeypatch, clock=MockClock(autojump_threshold=0))
    assert got.pop() == 0  # the last one
    assert len(got) == len(set(got))
    assert set(reported) <= set(got)
    assert all(number in reported for number, (_, patience_s) in enumerate(emits) if patience_s == math.inf)
