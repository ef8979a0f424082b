"""A dubbing stream on a client that reconnects: it lives and dies with one connection."""

import orjson
import pytest
import trio
from client_peer import Peer, dials_in_memory
from test_client_worker import INIT, READY

from sts_actors.client import (
    Acked,
    ConnectionLost,
    Disconnected,
    NoAnswer,
    Reconnect,
    open_client,
    open_dubbing_stream,
)

STEADY = Reconnect(jitter=0)


async def cut(peer: Peer) -> None:
    await peer.welcome()


async def ready(peer: Peer, stream_id: str) -> None:
    await peer.welcome()
    assert (await peer.frame()).startswith('42["stream:init"')
    await peer.event("stream:ready", {**READY, "stream_id": stream_id})


async def acknowledge_for_ever(peer: Peer, heard: list[dict]) -> None:
    while (frame := await peer.frame()) != "41":
        _, fragment = orjson.loads(frame[2:])
        heard.append(fragment)
        await peer.event("fragment:ack", {"fragment_id": fragment["fragment_id"]})


async def test_a_stream_ends_with_its_connection_and_another_can_be_opened_on_the_next(
    autojump_clock, monkeypatch
):
    heard = []

    def answer(number: int):
        async def script(peer: Peer) -> None:
            await ready(peer, f"s{number}")
            if number:
                await acknowledge_for_ever(peer, heard)

        return script

    async with (
        dials_in_memory(answer, monkeypatch) as dials,
        open_client(dials.url, reconnect=STEADY) as client,
    ):
        first = await open_dubbing_stream(client, INIT)
        for _ in range(2):  # as often as it is asked
            with trio.fail_after(60), pytest.raises(ConnectionLost, match="went away without a goodbye"):
                await anext(first.events)
        assert not client.closed
        second = await open_dubbing_stream(client, INIT)
        assert (first.ready.stream_id, second.ready.stream_id) == ("s0", "s1")
        for use in (first.send_fragment(1, b"stale", 100), first.end(), first.wait_for_room()):
            with pytest.raises(ConnectionLost):
                await use
        assert first.in_flight == 0
        await second.send_fragment(1, b"fresh", 100, fragment_id="f")
        assert await anext(second.events) == Acked(fragment_id="f", queue_position=None)
    assert [fragment["stream_id"] for fragment in heard] == ["s1"]


async def test_what_lies_unread_since_earlier_connections_neither_ends_nor_feeds_a_new_stream(
    autojump_clock, monkeypatch
):
    heard = []

    def answer(number: int):
        async def script(peer: Peer) -> None:
            if number < 3:
                await peer.welcome()
                await peer.event("stream:ready", {**READY, "stream_id": "old"})
                await peer.event("fragment:ack", {"fragment_id": "old"})
            else:
                await ready(peer, "new")
                await acknowledge_for_ever(peer, heard)

        return script

    async with (
        dials_in_memory(answer, monkeypatch) as dials,
        open_client(dials.url, reconnect=STEADY) as client,
    ):
        await trio.sleep(60)  # the fourth connection stands
        stream = await open_dubbing_stream(client, INIT)
        assert stream.ready.stream_id == "new"
        await stream.send_fragment(1, b"x", 100, fragment_id="f")
        assert await anext(stream.events) == Acked(fragment_id="f", queue_position=None)


async def test_a_connection_lost_before_the_stream_is_ready_is_said_to_be_lost(autojump_clock, monkeypatch):
    async def script(peer: Peer) -> None:
        await peer.welcome()
        await peer.frame()

    async with (
        dials_in_memory(lambda _: script, monkeypatch) as dials,
        open_client(dials.url, reconnect=STEADY) as client,
    ):
        for _ in range(3):
            with pytest.raises(ConnectionLost, match="went away without a goodbye"):
                await open_dubbing_stream(client, INIT)


async def test_who_waits_for_room_learns_that_the_stream_has_gone_with_its_connection(
    autojump_clock, monkeypatch
):
    def answer(number: int):
        async def script(peer: Peer) -> None:
            await ready(peer, "s")
            await peer.frame()
            await peer.frame()
            await trio.sleep(1)

        return script

    async with (
        dials_in_memory(answer, monkeypatch) as dials,
        open_client(dials.url, reconnect=STEADY) as client,
    ):
        stream = await open_dubbing_stream(client, INIT)
        await stream.send_fragment(1, b"x", 100)
        await stream.send_fragment(2, b"x", 100)
        with pytest.raises(ConnectionLost, match="no room for another fragment"):
            await stream.wait_for_room()
        assert trio.current_time() == pytest.approx(1)
        assert not client.closed


async def test_a_stream_asked_for_in_an_outage_waits_for_the_next_connection_and_then_for_its_own_ten_seconds(
    autojump_clock, monkeypatch
):
    async def mute(peer: Peer) -> None:
        await peer.welcome()
        await peer.part()

    scripts = {0: cut, 4: mute}
    async with (
        dials_in_memory(scripts.get, monkeypatch) as dials,
        open_client(dials.url, reconnect=STEADY) as client,
    ):
        assert isinstance(await anext(client.events), Disconnected)
        with pytest.raises(ConnectionLost, match="is being dialled again"):
            await open_dubbing_stream(client, INIT)
        assert trio.current_time() == pytest.approx(STEADY.patience_s)
        with pytest.raises(NoAnswer, match="within 10 s"):
            await open_dubbing_stream(client, INIT)
        assert trio.current_time() == pytest.approx(1 + 2 + 4 + 5 + 10)
