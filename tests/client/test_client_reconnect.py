"""Coming back after a lost connection: when, how often, and what is told of it."""

from contextlib import asynccontextmanager, suppress
from functools import partial
from itertools import pairwise
from random import Random

import pytest
import trio
import trio.testing
from client_peer import Peer, encode
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock, memory_stream_pair

from sts_actors.client import ConnectFailed, ConnectionLost, Reconnect, open_client
from sts_actors.client.errors import Ended
from sts_actors.gateway import Server, serve
from supervision import Backoff

QUICK = Reconnect(backoff=Backoff(first_s=0.01, factor=1.0, max_s=0.01))


@asynccontextmanager
async def peers(monkeypatch, *scripts):
    """A server in memory that plays one script for each dial, None for a refusal; yields the dials' times."""
    dials = []
    async with trio.open_nursery() as nursery:

        async def dial(_):
            await trio.lowlevel.checkpoint()
            script = scripts[min(len(dials), len(scripts) - 1)]
            dials.append(trio.current_time())
            if script is None:
                raise Ended("nobody answers there")
            ours, theirs = memory_stream_pair()

            async def play():
                async with theirs:
                    with suppress(EOFError, trio.BrokenResourceError):
                        await script(Peer(theirs))

            nursery.start_soon(play)
            return ours

        monkeypatch.setattr("sts_actors.client.client.dialler", lambda _: dial)
        yield dials
        nursery.cancel_scope.cancel()


async def stays(peer):
    await peer.welcome()
    await peer.part()


async def says_and_goes(peer, *events):
    await peer.welcome()
    for event in events:
        await peer.event(*event)


def opened(**how):
    return open_client("http://peer.example", **{"reconnect": Reconnect()} | how)


async def read(client, count):
    return [(event.name, *event.args) for event in [await anext(client.events) for _ in range(count)]]


@given(st.floats(0, 5), st.floats(1, 4), st.floats(0, 60), st.floats(0, 1), st.integers(0, 20), st.integers())
def test_delays_grow_to_their_bound_and_are_shortened_by_the_jitter_at_most(
    first_s, factor, more_s, jitter, attempts, seed
):
    backoff = Backoff(first_s=first_s, factor=factor, max_s=first_s + more_s, jitter=jitter)
    delays = list(Reconnect(backoff=backoff, attempts=attempts).delays(Random(seed)))
    assert len(delays) == attempts
    for attempt, delay_s in enumerate(delays, start=1):
        whole_s = min(first_s * factor ** (attempt - 1), first_s + more_s)
        assert whole_s * (1 - jitter) - 1e-9 <= delay_s <= whole_s + 1e-9


async def test_a_lost_connection_comes_back_with_a_new_sid_and_the_events_go_on(autojump_clock, monkeypatch):
    async def first(peer):
        await peer.accept()
        await peer.text('0{"sid":"e","upgrades":[],"pingInterval":25000,"pingTimeout":10000}')
        await peer.frame()
        await peer.text('40{"sid":"one"}')
        await peer.event("before", 1)

    async def second(peer):
        await peer.welcome()
        await peer.event("after", 2)
        await peer.part()

    async with peers(monkeypatch, first, second) as dials, opened() as client:
        assert client.sid == "one"
        told = await read(client, 4)
        assert [name for name, *_ in told] == ["before", "disconnect", "connect", "after"]
        assert told[2] == ("connect", "joined")
        assert (client.sid, client.connected, client.closed) == ("joined", True, False)
    assert 0.5 <= dials[1] - dials[0] <= 1


async def test_while_there_is_no_connection_nothing_is_sent_or_kept(autojump_clock, monkeypatch):
    heard = []

    async def second(peer):
        await peer.welcome()
        with suppress(EOFError):
            while True:
                heard.append(await peer.frame())

    async with peers(monkeypatch, says_and_goes, second) as _, opened() as client:
        assert await read(client, 1) == [("disconnect", "the server went away without a goodbye")]
        assert (client.connected, client.sid) == (False, "")
        for attempt in (client.emit("lost"), client.call("lost")):
            with pytest.raises(ConnectionLost, match=r"no connection to http://peer\.example now"):
                await attempt
        await client.wait_connected()
        await client.emit("found")
        await trio.testing.wait_all_tasks_blocked()
    assert heard[0] == '42["found"]'


async def test_a_call_under_way_ends_with_its_connection_and_is_not_repeated(autojump_clock, monkeypatch):
    calls = []

    async def first(peer):
        await peer.welcome()
        calls.append(await peer.frame())

    async with peers(monkeypatch, first, stays) as dials, opened() as client:
        with pytest.raises(ConnectionLost):
            await client.call("pay", 5)
        await client.wait_connected()
        assert len(dials) == 2
    assert calls == ['421["pay",5]']


async def test_it_dials_after_growing_delays_until_the_attempts_are_used_up(autojump_clock, monkeypatch):
    policy = Reconnect(backoff=Backoff(first_s=1, factor=2, max_s=5), attempts=4)
    async with peers(monkeypatch, says_and_goes, None) as dials, opened(reconnect=policy) as client:
        assert [name for name, *_ in await read(client, 1)] == ["disconnect"]
        with pytest.raises(ConnectionLost, match="gave up after 4 attempts"):
            await anext(client.events)
        assert client.closed
        with pytest.raises(ConnectionLost):
            await client.wait_connected()
        with pytest.raises(ConnectionLost, match="gave up"):
            await client.emit("too late")
    pauses = [round(later - earlier, 3) for earlier, later in pairwise(dials)]
    assert pauses == [1, 2, 4, 5]


async def test_the_delays_start_again_after_each_success(autojump_clock, monkeypatch):
    policy = Reconnect(backoff=Backoff(first_s=1, factor=2, max_s=60), attempts=3)
    scripts = (says_and_goes, None, None, says_and_goes, None, stays)
    async with peers(monkeypatch, *scripts) as dials, opened(reconnect=policy) as client:
        told = await read(client, 4)
        assert [name for name, *_ in told] == ["disconnect", "connect", "disconnect", "connect"]
    pauses = [round(later - earlier, 3) for earlier, later in pairwise(dials)]
    assert pauses == [1, 2, 4, 1, 2]


async def test_a_server_that_dismisses_the_client_is_not_asked_again(autojump_clock, monkeypatch):
    async def dismisses(peer):
        await peer.welcome()
        await peer.text("41")
        await peer.drain()

    async with peers(monkeypatch, dismisses) as dials, opened() as client:
        with pytest.raises(StopAsyncIteration):
            await anext(client.events)
        assert client.closed
    assert len(dials) == 1


async def test_a_server_that_refuses_the_second_time_is_not_asked_a_third(autojump_clock, monkeypatch):
    async def refuses(peer):
        await peer.accept()
        await peer.text('0{"sid":"e","upgrades":[],"pingInterval":25000,"pingTimeout":10000}')
        await peer.frame()
        await peer.text('44{"message":"no more"}')
        await peer.drain()

    async with peers(monkeypatch, says_and_goes, refuses) as dials, opened() as client:
        assert [name for name, *_ in await read(client, 1)] == ["disconnect"]
        with pytest.raises(ConnectionLost, match="no more"):
            await anext(client.events)
    assert len(dials) == 2


async def test_a_server_that_closes_the_transport_alone_is_asked_again(autojump_clock, monkeypatch):
    async def restarts(peer):
        await peer.welcome()
        await peer.text("1")
        await peer.drain()

    async with peers(monkeypatch, restarts, stays) as dials, opened() as client:
        assert [name for name, *_ in await read(client, 2)] == ["disconnect", "connect"]
    assert len(dials) == 2


async def test_the_first_connection_is_not_tried_again(autojump_clock, monkeypatch):
    async with peers(monkeypatch, None) as dials:
        with pytest.raises(ConnectFailed, match="nobody answers"):
            async with opened():
                raise AssertionError("connected to nobody")
    assert len(dials) == 1


async def test_leaving_the_block_between_two_connections_ends_at_once(autojump_clock, monkeypatch):
    async with peers(monkeypatch, says_and_goes, None):
        async with opened(reconnect=Reconnect(backoff=Backoff(first_s=60, max_s=60))) as client:
            await read(client, 1)
            left = trio.current_time()
        assert trio.current_time() - left < 1
        assert client.closed


async def test_events_that_nobody_reads_end_it_for_good(autojump_clock, monkeypatch):
    async def floods(peer):
        await says_and_goes(peer, *[("news", number) for number in range(9)])

    async with peers(monkeypatch, floods) as dials, opened(max_buffered_events=8) as client:
        with trio.fail_after(60):
            await client.wait_closed()
        told = await read(client, 8)
        assert told == [("news", number) for number in range(8)]
        with pytest.raises(ConnectionLost, match="fell behind"):
            await anext(client.events)
    assert len(dials) == 1


@settings(max_examples=200, deadline=None)
@given(st.random_module(), st.lists(st.integers(0, 5), min_size=1, max_size=6), st.booleans())
def test_whatever_is_cut_what_living_connections_said_arrives_once_and_in_order(_schedule, counts, torn):
    async def main():
        async def life(number, peer):
            await peer.welcome()
            for event in range(counts[number]):
                await peer.event("said", number, event)
            if torn:  # in the middle of a frame
                await peer.stream.send_all(encode(1, b'42["half"', length=100))

        with pytest.MonkeyPatch.context() as patch:
            tasks = trio.lowlevel.current_statistics().tasks_living
            scripts = [partial(life, number) for number in range(len(counts))]
            async with peers(patch, *scripts, stays) as dials, opened() as client:
                said = []
                while len(dials) <= len(counts) or not client.connected:
                    event = await anext(client.events)
                    said.append((event.name, *event.args))
            assert [told[1:] for told in said if told[0] == "said"] == [
                (number, event) for number, count in enumerate(counts) for event in range(count)
            ]
            assert trio.lowlevel.current_statistics().tasks_living == tasks

    trio.run(main, clock=MockClock(autojump_threshold=0))


async def test_our_own_server_cut_twenty_times_is_found_again_each_time():
    server = Server()

    @server.event
    async def echo(_sid, value):
        return value

    async with trio.open_nursery() as nursery:
        ((host, port),) = await nursery.start(partial(serve, server, "127.0.0.1", 0))
        async with open_client(f"http://{host}:{port}", reconnect=QUICK) as client:
            sids = {client.sid}
            for cut in range(20):
                assert await client.call("echo", cut, timeout_s=5) == cut
                for session in list(server.engine.sockets.values()):
                    session.request_close(server.reason.TRANSPORT_ERROR)
                with trio.fail_after(10):
                    assert [name for name, *_ in await read(client, 2)] == ["disconnect", "connect"]
                sids.add(client.sid)
            assert len(sids) == 21
        nursery.cancel_scope.cancel()
