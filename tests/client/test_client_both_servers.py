"""The same promises against python-socketio's server and against our own."""

from contextlib import asynccontextmanager

import pytest
import trio
from client_gateway import serve_gateway
from client_upstream import Upstream, equip

from sts_actors.client import (
    ConnectFailed,
    ConnectionLost,
    Disconnected,
    NoAnswer,
    Reconnect,
    Reconnected,
    open_client,
)

MIB = 1024 * 1024
QUICK = Reconnect(first_delay_s=0.02, max_delay_s=0.1)


@asynccontextmanager
async def serve_upstream(port: int = 0):
    server = Upstream(equip, port=port)
    await trio.to_thread.run_sync(server.__enter__)
    try:
        yield server.url
    finally:
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(server.__exit__)


SERVERS = {"python-socketio": serve_upstream, "ours": serve_gateway}


@pytest.fixture(params=SERVERS)
def serving(request):
    """Opens a server; called with a port, there."""
    return SERVERS[request.param]


async def test_calls_of_either_side_are_answered_with_attachments_at_any_depth(serving):
    asked = {"parts": [b"\x00\xff", {"last": b""}], "text": "olá"}
    async with serving() as url, open_client(url) as client:

        async def answer() -> None:
            event = await anext(client.events)
            assert (event.name, event.args) == ("question", (asked,))
            await client.acknowledge(event, {"because": [b"\x01", 2]})

        assert await client.call("echo", asked, b"second", None) == (asked, b"second", None)
        assert await client.call("echo") is None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(answer)
            assert await client.call("ask_me", asked, timeout_s=5) == {"because": [b"\x01", 2]}


@pytest.mark.parametrize(
    "make", [lambda size: "0123456789abcdef" * (size // 16), bytes], ids=["text", "bytes"]
)
async def test_four_mebibytes_go_both_ways_as_event_and_as_answer(serving, make):
    payload = make(4 * MIB)
    async with serving() as url, open_client(url) as client:
        with trio.fail_after(20):
            assert await client.call("echo", payload) == payload
            await client.emit("bounce", payload)
            event = await anext(client.events)
    assert event.args == (payload,)


async def test_a_call_without_an_answer_ends_at_its_deadline_alone(serving):
    async with serving() as url, open_client(url) as client:
        with pytest.raises(NoAnswer):
            await client.call("never", timeout_s=0.05)
        assert await client.call("echo", 1) == 1


async def test_auth_opens_the_door_or_keeps_it_shut(serving):
    async with serving() as url:
        async with open_client(url, auth={"token": "right"}) as client:
            assert client.sid
        with pytest.raises(ConnectFailed, match="the server refused: the token is not valid"):
            async with open_client(url, auth={"token": "wrong"}):
                pytest.fail("the server let a wrong token in")


async def test_a_namespace_of_its_own_can_be_joined_and_an_unknown_one_cannot(serving):
    async with serving() as url:
        async with open_client(url, namespace="/side") as client:
            assert await client.call("echo", b"\x07") == ("side", b"\x07")
        with pytest.raises(ConnectFailed, match="the server refused: "):
            async with open_client(url, namespace="/nowhere"):
                pytest.fail("the server let an unknown namespace in")


async def test_a_server_that_disconnects_the_client_is_not_dialled_again(serving):
    async with serving() as url, open_client(url, reconnect=QUICK) as client:
        await client.emit("leave")
        with trio.fail_after(5):
            assert [event.args async for event in client.events] == [("goodbye",)]
        assert client.closed
        with pytest.raises(ConnectionLost):
            await client.call("echo")


@pytest.mark.parametrize("namespace", ["/", "/side"])
async def test_a_server_that_is_restarted_is_found_again_and_knows_the_client_by_a_new_name(
    serving, namespace
):
    side = () if namespace == "/" else ("side",)
    async with trio.open_nursery() as nursery:
        stop, stopped = trio.Event(), trio.Event()

        async def first(task_status) -> None:
            async with serving() as url:
                task_status.started(url)
                await stop.wait()
            stopped.set()

        url = await nursery.start(first)
        port = int(url.rpartition(":")[2])
        with trio.fail_after(20):
            async with open_client(
                url, auth={"token": "right"}, namespace=namespace, reconnect=QUICK
            ) as client:
                sid = client.sid
                stop.set()
                assert isinstance(await anext(client.events), Disconnected)
                await stopped.wait()
                async with serving(port):
                    # Asked while nobody may be there yet: it waits.
                    assert await client.call("echo", *"ab", b"c") == (*side, "a", "b", b"c")
                    assert await anext(client.events) == Reconnected(sid=client.sid)
                    assert client.sid != sid


async def test_a_call_in_flight_when_the_server_stops_is_lost(serving):
    async with trio.open_nursery() as nursery:
        stop = trio.Event()

        async def serve(task_status) -> None:
            async with serving() as url:
                task_status.started(url)
                await stop.wait()

        async def call(client) -> None:
            with pytest.raises(ConnectionLost):
                await client.call("never")
            lost.set()

        url = await nursery.start(serve)
        lost = trio.Event()
        with trio.fail_after(20):
            async with open_client(url, reconnect=QUICK) as client, trio.open_nursery() as calls:
                calls.start_soon(call, client)
                assert await client.call("echo", 1) == 1
                stop.set()
                await lost.wait()
