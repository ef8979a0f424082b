"""How a connection ends: by either side's goodbye, by silence, by force; and what the caller sees of it."""

import os
import socket
import struct
import subprocess
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
import trio
import trio.testing
from client_peer import Peer, encode, script_in_memory, serve_script
from client_upstream import Upstream, equip
from trio.testing import lockstep_stream_pair

from sts_actors.client import ConnectionLost, open_client
from sts_actors.client.connection import CLOSE_S
from sts_actors.client.tap import LAST_WORDS_S, Tap


async def read_to_the_end(client) -> str:
    """The reason that the events end with."""
    with trio.fail_after(5), pytest.raises(ConnectionLost) as caught:
        async for _ in client.events:
            pass
    return caught.value.reason


async def test_a_killed_server_ends_events_emits_and_calls_with_connection_lost():
    process = await trio.to_thread.run_sync(_start_alone)
    try:
        port = int(await trio.to_thread.run_sync(process.stdout.readline))
        async with open_client(f"http://127.0.0.1:{port}") as client:
            assert await client.call("echo", 1) == 1
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_call_in_vain, client)
                await trio.testing.wait_all_tasks_blocked()
                process.kill()
                reason = await read_to_the_end(client)
            assert reason.startswith(f"connection to http://127.0.0.1:{port} lost: the server went away")
            with pytest.raises(ConnectionLost, match="went away"):
                await client.emit("note")
            assert await read_to_the_end(client) == reason  # as often as it is asked
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def _start_alone() -> subprocess.Popen:
    script = Path(__file__).with_name("client_upstream.py")
    return subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE)


async def _call_in_vain(client) -> None:
    with pytest.raises(ConnectionLost):
        await client.call("never")


async def test_pings_of_the_reference_server_are_answered_while_nobody_reads_the_events():
    with Upstream(equip, ping_interval=1, ping_timeout=1) as server:
        async with open_client(server.url) as client:
            await client.emit("bounce", "unread")
            await trio.sleep(3.3)  # the server would have given up after 2 s
            assert await client.call("echo", "alive") == "alive"
            assert (await anext(client.events)).args == ("unread",)


async def test_a_reference_server_that_freezes_is_found_dead_after_interval_and_timeout():
    frozen = trio.Event()

    async def relay(stream: trio.SocketStream) -> None:
        behind = await trio.open_tcp_stream("127.0.0.1", server.port)
        async with stream, behind, trio.open_nursery() as nursery:
            nursery.start_soon(pump, stream, behind)
            nursery.start_soon(pump, behind, stream)

    async def pump(source: trio.SocketStream, sink: trio.SocketStream) -> None:
        async for data in source:
            if frozen.is_set():
                await trio.sleep_forever()
            await sink.send_all(data)

    with Upstream(equip, ping_interval=1, ping_timeout=1) as server:
        async with trio.open_nursery() as nursery:
            (listener,) = await nursery.start(partial(trio.serve_tcp, relay, 0, host="127.0.0.1"))
            async with open_client(f"http://127.0.0.1:{listener.socket.getsockname()[1]}") as client:
                await client.call("echo")
                frozen.set()
                started = trio.current_time()
                assert (await read_to_the_end(client)).endswith("lost: the server has been silent for 2 s")
                assert 1.5 < trio.current_time() - started < 3
            nursery.cancel_scope.cancel()


async def test_silence_is_measured_from_the_last_byte_of_any_kind(autojump_clock, monkeypatch):
    async def script(peer: Peer) -> None:
        await peer.welcome(pingInterval=2000, pingTimeout=1000)
        for number in range(10):
            await trio.sleep(2.9)
            await peer.event("tick", number)
        await peer.drain()

    async with script_in_memory(script, monkeypatch) as url, open_client(url) as client:
        for _ in range(10):
            await anext(client.events)
        heard = trio.current_time()
        with pytest.raises(ConnectionLost, match="silent for 3 s"):
            await anext(client.events)
        assert trio.current_time() - heard == pytest.approx(3)


async def test_a_server_that_rounds_its_ping_times_to_0_is_given_a_second(autojump_clock, monkeypatch):
    async def script(peer: Peer) -> None:
        await peer.welcome(pingInterval=0, pingTimeout=0)
        await trio.sleep(0.9)
        await peer.event("tick")
        await peer.drain()

    async with script_in_memory(script, monkeypatch) as url, open_client(url) as client:
        assert (await anext(client.events)).name == "tick"
        with pytest.raises(ConnectionLost, match="silent for 1 s"):
            await anext(client.events)


async def test_a_loop_that_stood_still_reads_what_came_before_it_calls_the_server_dead(
    mock_clock, monkeypatch
):
    async def script(peer: Peer) -> None:
        await peer.welcome(pingInterval=2000, pingTimeout=1000)
        await peer.drain()

    async with script_in_memory(script, monkeypatch) as url, open_client(url) as client:
        await trio.testing.wait_all_tasks_blocked()
        mock_clock.jump(60)  # as after a minute of suspend
        await trio.testing.wait_all_tasks_blocked()
        assert not client.closed
        mock_clock.jump(1)
        assert "silent for 3 s" in await read_to_the_end(client)


async def test_every_ping_gets_a_pong_that_repeats_it(autojump_clock, monkeypatch):
    pongs = []

    async def script(peer: Peer) -> None:
        await peer.welcome()
        for data in ("", "probe", ""):
            await trio.sleep(20)
            await peer.text(f"2{data}")
            pongs.append(await peer.frame())
        await peer.event("done")
        await peer.drain()

    async with script_in_memory(script, monkeypatch) as url, open_client(url) as client:
        assert (await anext(client.events)).name == "done"
    assert pongs == ["3", "3probe", "3"]


LOST = {
    "a hang-up in the middle of a frame": (
        lambda peer: peer.stream.send_all(encode(1, b'42["half', length=1000)),
        "the server went away without a goodbye",
    ),
    "a close frame that says going away": (lambda peer: peer.close(1001), "the server is shutting down"),
    "a close frame that says internal error": (
        lambda peer: peer.close(1011),
        "the WebSocket was closed with code 1011, internal error",
    ),
    "a close frame that says too big": (
        lambda peer: peer.close(1009),
        "the WebSocket was closed with code 1009, message too large",
    ),
    "a masked frame": (
        lambda peer: peer.stream.send_all(b"\x81\x85mask12345"),
        "the WebSocket was closed with code 1002, protocol error: client received unexpected masked frame",
    ),
    "a reserved opcode": (
        lambda peer: peer.stream.send_all(b"\x83\x00"),
        "the WebSocket was closed with code 1002, protocol error: Invalid opcode 0x3",
    ),
    "text that is no UTF-8": (
        lambda peer: peer.stream.send_all(encode(1, b"42\xff")),
        (
            "the WebSocket was closed with code 1007, invalid text: "
            "'utf-8' codec can't decode byte 0xff in position 2: invalid start byte"
        ),
    ),
    "an Engine.IO packet of no known type": (
        lambda peer: peer.text("9"),
        "the server sent an Engine.IO packet of type 9",
    ),
    "an upgrade": (lambda peer: peer.text("5"), "the server sent an Engine.IO packet of type 5"),
    "an event that is no JSON": (
        lambda peer: peer.text('42["a'),
        "the server sent what is no Socket.IO packet",
    ),
    "an event without a name": (lambda peer: peer.text("42[]"), "the server sent an event without a name"),
    "an event with a number for a name": (
        lambda peer: peer.text("42[1]"),
        "the server sent an event without a name",
    ),
    "an event that nests 50,000 deep": (
        lambda peer: peer.text('42["a",' + "[" * 50_000 + "]" * 50_000 + "]"),
        "the server sent what is no Socket.IO packet",
    ),
    "an answer that is no list": (lambda peer: peer.text("431{}"), "the server sent an answer to nothing"),
    "an answer without an id": (lambda peer: peer.text("43[]"), "the server sent an answer to nothing"),
    "an attachment of nothing": (
        lambda peer: peer.binary(b"x"),
        "the server sent an attachment that belongs to nothing",
    ),
    "a billion attachments": (
        lambda peer: peer.text("45999999999-[]"),
        "the server announced 999999999 attachments",
    ),
    "a text for an attachment": (
        lambda peer: _two(peer, '451-["a"]', '42["b"]'),
        "the server sent a text where an attachment was due",
    ),
    "a place for an attachment that never came": (
        lambda peer: _two(peer, '451-["a",{"_placeholder":true,"num":7}]', b"x"),
        "the server sent attachments that do not fit their packet",
    ),
    "a Socket.IO packet of no known type": (
        lambda peer: peer.text("48"),
        "the server sent a Socket.IO packet of type 8",
    ),
    "a late refusal": (lambda peer: peer.text('44"no"'), "the server refused: no"),
}


async def _two(peer: Peer, first: str, second: str | bytes) -> None:
    await peer.text(first)
    await (peer.binary(second) if isinstance(second, bytes) else peer.text(second))


@pytest.mark.parametrize("case", LOST)
async def test_a_server_that_breaks_off_or_breaks_the_rules_loses_the_connection_with_a_reason(case):
    action, want = LOST[case]

    async def script(peer: Peer) -> None:
        await peer.welcome()
        await peer.event("before")
        await action(peer)
        if "hang-up" not in case:
            await peer.drain()

    async with serve_script(script) as url, open_client(url) as client:
        assert (await anext(client.events)).name == "before"
        assert await read_to_the_end(client) == f"connection to {url} lost: {want}"
        with pytest.raises(ConnectionLost):
            await client.emit("note")


async def test_a_reset_is_a_lost_connection():
    async def script(peer: Peer) -> None:
        await peer.welcome()
        peer.stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    async with serve_script(script) as url, open_client(url) as client:
        assert (
            await read_to_the_end(client)
            == f"connection to {url} lost: the server went away without a goodbye"
        )


async def test_a_server_that_leaves_before_our_goodbye_is_out_ends_the_wait(autojump_clock, monkeypatch):
    async def script(peer: Peer) -> None:
        await peer.welcome()
        await trio.sleep(1)  # reads nothing, then hangs up

    async with script_in_memory(script, monkeypatch, lockstep_stream_pair) as url:
        async with open_client(url) as client:
            with trio.move_on_after(0.5):
                await client.emit("stuck", "x")
        assert trio.current_time() == pytest.approx(1, abs=LAST_WORDS_S)


IGNORED = ["6", "3", '42/other,["x"]', '43999["nobody asked"]', '40{"sid":"again"}']


@pytest.mark.parametrize("frame", IGNORED)
async def test_what_means_nothing_to_this_client_does_no_harm(frame):
    async def script(peer: Peer) -> None:
        await peer.welcome()
        await peer.text(frame)
        await peer.event("after")
        await peer.part()

    async with serve_script(script) as url, open_client(url) as client:
        assert (await anext(client.events)).name == "after"


async def test_a_binary_event_that_announces_no_attachment_is_complete():
    async def script(peer: Peer) -> None:
        await peer.welcome()
        await peer.text('450-["bare",1]')
        await peer.part()

    async with serve_script(script) as url, open_client(url) as client:
        assert (await anext(client.events)).args == (1,)


@pytest.mark.parametrize("goodbye", ["41", "1", None], ids=["Socket.IO", "Engine.IO", "WebSocket"])
async def test_a_goodbye_on_any_layer_ends_the_events_quietly(goodbye):
    async def script(peer: Peer) -> None:
        await peer.welcome()
        await peer.event("last")
        await (peer.close() if goodbye is None else peer.text(goodbye))
        assert await peer.frame() == (1000,)
        if goodbye is not None:
            await peer.close()
        await peer.drain()

    async with serve_script(script) as url, open_client(url) as client:
        assert [event.name async for event in client.events] == ["last"]


async def test_a_server_that_ignores_the_goodbye_is_left_after_two_seconds(autojump_clock, monkeypatch):
    async def script(peer: Peer) -> None:
        await peer.welcome()
        assert await peer.frame() == "41"
        await peer.drain()

    async with script_in_memory(script, monkeypatch) as url:
        async with open_client(url):
            left = trio.current_time()
        assert trio.current_time() - left == pytest.approx(CLOSE_S)


@pytest.mark.parametrize(("last", "leaving_s"), [("41", CLOSE_S), ("9", 0)], ids=["goodbye", "nonsense"])
async def test_the_consumer_does_not_wait_for_close_frames_nor_is_nonsense_said_goodbye_to(
    autojump_clock, monkeypatch, last, leaving_s
):
    async def script(peer: Peer) -> None:
        await peer.welcome()
        await peer.text(last)
        await peer.drain()  # and never answers a close frame

    async with script_in_memory(script, monkeypatch) as url:
        async with open_client(url) as client:
            with suppress(ConnectionLost):
                await anext(client.events, None)
            await client.wait_closed()
            assert trio.current_time() == 0
        assert trio.current_time() == pytest.approx(leaving_s)


async def test_cancelled_inside_the_block_it_leaves_without_waiting(autojump_clock, monkeypatch):
    gone = trio.Event()

    async def script(peer: Peer) -> None:
        await peer.welcome()
        await peer.drain()
        gone.set()

    async with script_in_memory(script, monkeypatch) as url:
        with trio.move_on_after(5):
            async with open_client(url):
                await trio.sleep_forever()
        assert trio.current_time() == pytest.approx(5)
        await gone.wait()


async def test_cancelled_during_the_goodbye_it_stops_waiting(autojump_clock, monkeypatch):
    async def script(peer: Peer) -> None:
        await peer.welcome()
        await peer.drain()

    async with script_in_memory(script, monkeypatch) as url:
        with trio.move_on_after(0.5) as scope:
            async with open_client(url):
                pass
        assert scope.cancelled_caught
        assert trio.current_time() == pytest.approx(0.5)


async def test_what_the_block_raises_comes_out_bare(upstream):
    with pytest.raises(KeyError, match="mine"):
        async with open_client(upstream.url):
            raise KeyError("mine")


async def test_a_lost_connection_comes_out_of_the_block_bare(upstream):
    with pytest.raises(ConnectionLost):  # noqa: PT012 - the whole block is what is tested
        async with open_client(upstream.url) as client:
            await client.emit("leave")
            await client.wait_closed()
            await client.emit("note")


async def test_the_blocks_own_error_outlives_a_cancellation_during_the_goodbye(autojump_clock, monkeypatch):
    async def script(peer: Peer) -> None:
        await peer.welcome()
        await peer.drain()

    async with script_in_memory(script, monkeypatch) as url:
        with pytest.raises(KeyError, match="mine"), trio.CancelScope() as scope:  # noqa: PT012 - idem
            async with open_client(url):
                scope.cancel()
                raise KeyError("mine")
        assert trio.current_time() <= CLOSE_S


async def test_the_servers_last_words_are_heard_although_it_hung_up_in_the_middle_of_our_message():
    async def script(peer: Peer) -> None:
        await peer.welcome()
        await peer.read(100_000)  # of more: hanging up now resets the connection
        # Both in one go, so that the client's reader and writer wake together.
        os.write(peer.stream.socket.fileno(), encode(1, b'42["error",{"code":"FRAGMENT_TOO_LARGE"}]'))
        peer.stream.socket.close()

    for _ in range(3):  # which of the two goes first is left to chance
        async with serve_script(script) as url, open_client(url) as client:
            with pytest.raises(ConnectionLost):
                await client.emit("fragment:data", "x" * 8_000_000)
            assert (await anext(client.events)).args == ({"code": "FRAGMENT_TOO_LARGE"},)
            assert "lost" in await read_to_the_end(client)


async def test_a_send_that_fails_waits_for_the_reader_to_reach_the_end_but_not_for_ever(autojump_clock):
    class Reset(trio.abc.Stream):
        async def send_all(self, data):
            await trio.lowlevel.checkpoint()
            raise trio.BrokenResourceError

        async def receive_some(self, max_bytes=None):
            await trio.sleep(0.1)
            return b"last words" if unread.pop() else b""

        async def wait_send_all_might_not_block(self):
            raise NotImplementedError

        async def aclose(self):
            await trio.lowlevel.checkpoint()

    async def read(tap: Tap) -> None:
        while await tap.receive_some():
            pass

    unread = [False, True]
    tap = Tap(Reset())
    tap.shaken = True
    async with trio.open_nursery() as nursery:
        nursery.start_soon(read, tap)
        with pytest.raises(trio.BrokenResourceError):
            await tap.send_all(b"x")
    assert unread == []
    assert trio.current_time() == pytest.approx(0.2)
    tap = Tap(Reset())
    tap.shaken = True
    with pytest.raises(trio.BrokenResourceError):
        await tap.send_all(b"x")  # nobody reads
    assert trio.current_time() == pytest.approx(0.2 + LAST_WORDS_S)
