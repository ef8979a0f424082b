"""A server that is about to go: its streams end with notice, and the next is asked for elsewhere."""

import pytest
import trio
from client_peer import Peer, dials_in_memory
from test_client_worker import INIT, READY

from sts_actors.client import (
    Complete,
    ConnectionLost,
    Reconnect,
    ServerWarning,
    StreamRefused,
    open_client,
    open_dubbing_stream,
)

STEADY = Reconnect(jitter=0)
REFUSAL = {"code": "SERVER_DRAINING", "message": "the service is shutting down", "retryable": True}
COUNTS = {
    "success_count": 0,
    "partial_count": 0,
    "failed_count": 0,
    "avg_processing_time_ms": 0,
    "p95_processing_time_ms": 0,
}


async def refuse(peer: Peer) -> None:
    await peer.welcome()
    assert (await peer.frame()).startswith('42["stream:init"')
    await peer.event("error", REFUSAL)
    await peer.part()


async def agree(peer: Peer) -> None:
    await peer.welcome()
    await peer.frame()
    await peer.event("stream:ready", READY)
    await peer.part()


async def test_a_stream_that_a_departing_server_refuses_is_asked_for_anew_over_another_connection(
    autojump_clock, monkeypatch
):
    def answer(number: int):
        return refuse if number < 3 else agree

    async with (
        dials_in_memory(answer, monkeypatch) as dials,
        open_client(dials.url, reconnect=STEADY) as client,
    ):
        stream = await open_dubbing_stream(client, INIT)
        assert stream.ready.stream_id == "s"
        assert len(dials.times) == 4
        # Longer each time: those who lost one server do not storm the next.
        assert trio.current_time() == pytest.approx(1 + 2 + 4)
        assert dials.standing == 1


async def test_it_is_asked_for_as_often_as_the_policy_says(autojump_clock, monkeypatch):
    async with (
        dials_in_memory(lambda _: refuse, monkeypatch) as dials,
        open_client(dials.url, reconnect=Reconnect(jitter=0, attempts=2)) as client,
    ):
        with pytest.raises(StreamRefused) as caught:
            await open_dubbing_stream(client, INIT)
        assert caught.value.code == "SERVER_DRAINING"
        assert len(dials.times) == 3
        assert not client.closed


async def test_a_client_that_does_not_reconnect_is_told_at_once(autojump_clock, monkeypatch):
    async with (
        dials_in_memory(lambda _: refuse, monkeypatch) as dials,
        open_client(dials.url) as client,
    ):
        with pytest.raises(StreamRefused, match="SERVER_DRAINING"):
            await open_dubbing_stream(client, INIT)
        assert trio.current_time() == 0


async def test_another_refusal_is_final(autojump_clock, monkeypatch):
    async def full(peer: Peer) -> None:
        await peer.welcome()
        await peer.frame()
        await peer.event("error", {**REFUSAL, "code": "BACKPRESSURE_EXCEEDED"})
        await peer.part()

    async with (
        dials_in_memory(lambda _: full, monkeypatch) as dials,
        open_client(dials.url, reconnect=STEADY) as client,
    ):
        with pytest.raises(StreamRefused, match="BACKPRESSURE_EXCEEDED"):
            await open_dubbing_stream(client, INIT)
        assert len(dials.times) == 1


async def test_who_waits_for_room_at_a_departing_server_gets_none_and_its_reader_the_sum(
    autojump_clock, monkeypatch
):
    async def leave(peer: Peer) -> None:
        await peer.welcome()
        await peer.frame()
        await peer.event("stream:ready", READY)
        await peer.event("warning", {"code": "SERVER_DRAINING", "message": "bye", "stream_id": "s"})
        await trio.sleep(3)
        done = {
            "stream_id": "s",
            "total_fragments": 0,
            "total_duration_ms": 0,
            **COUNTS,
            "statistics": COUNTS,
        }
        await peer.event("stream:complete", done)
        await peer.part()

    async with (
        dials_in_memory(lambda _: leave, monkeypatch) as dials,
        open_client(dials.url, reconnect=STEADY) as client,
    ):
        stream = await open_dubbing_stream(client, INIT)
        assert not stream.draining
        assert isinstance(await anext(stream.events), ServerWarning)
        assert stream.draining
        with pytest.raises(ConnectionLost, match="no room for another fragment"):
            await stream.wait_for_room()
        assert trio.current_time() == pytest.approx(3)
        assert isinstance(await anext(stream.events), Complete)
