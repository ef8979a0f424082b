"""Socket.IO v5: the rules of its protocol document that no other test of ours is about."""

import json
from functools import partial

import pytest
import trio
import trio.testing
from gateway_peers import Peers, Polling, Ws, echo_server, opened, quick

from sts_actors.gateway import Server


async def joined(peers: Peers, *namespaces: str) -> tuple[Ws, list[str]]:
    """A WebSocket session in several namespaces, and its ids in them; a greeting is read."""
    ws = await peers.ws()
    await ws.receive()
    sids = []
    for namespace in namespaces:
        await ws.send(f"40{namespace}")
        sids.append(json.loads((await ws.receive()).removeprefix(f"40{namespace}"))["sid"])
        if "message" in peers.server.handlers.get("/", ()):
            assert await ws.receive() == f'42{namespace}["auth",{{}}]'
    return ws, sids


async def polled(session: Polling, packets: int) -> list[str]:
    """The next packets, however many polls they take."""
    taken: list[str] = []
    while len(taken) < packets:
        taken += (await session.poll()).text.split("\x1e")
    return taken


async def test_a_namespace_is_joined_without_the_main_one() -> None:
    async with opened(echo_server()) as peers:
        ws, _ = await joined(peers, "/custom,")
        await ws.send('42/custom,["message",1]')
        assert await ws.receive() == '42/custom,["message-back",1]'
        await ws.send('42["message",1]')
        assert await ws.closed() == 1002


async def test_an_event_reaches_the_handlers_of_its_namespace_alone() -> None:
    server = Server(limits=quick())
    seen = []
    for namespace in ("/", "/custom"):
        server.on("tell", lambda sid, data, namespace=namespace: seen.append((namespace, data)), namespace)
    async with opened(server) as peers:
        ws, _ = await joined(peers, "", "/custom,")
        await ws.send('42["tell",1]')
        await ws.send('42/custom,["tell",2]')
        await trio.testing.wait_all_tasks_blocked()
    assert seen == [("/", 1), ("/custom", 2)]


async def test_leaving_one_namespace_leaves_the_others_joined() -> None:
    async with opened(echo_server()) as peers:
        ws, _ = await joined(peers, "", "/custom,")
        await ws.send("41/custom,")
        await ws.send('42["message","still here"]')
        assert await ws.receive() == '42["message-back","still here"]'


@pytest.mark.parametrize(("namespace", "packet"), [("", "41"), ("/custom,", "41/custom,")])
async def test_a_client_is_told_that_the_server_disconnects_it(namespace: str, packet: str) -> None:
    server = echo_server()
    async with opened(server) as peers:
        ws, [sid] = await joined(peers, namespace)
        await server.disconnect(sid)
        assert await ws.receive() == packet


async def test_a_client_that_comes_back_has_another_id() -> None:
    async with opened(echo_server()) as peers:
        ws, [before] = await joined(peers, "")
        await ws.send("41")
        await ws.send("40")
        assert json.loads((await ws.receive())[2:])["sid"] != before


async def test_the_end_of_the_session_is_the_end_in_every_namespace() -> None:
    server = echo_server()
    ended = []
    for namespace in ("/", "/custom"):
        server.on("disconnect", lambda sid, reason, name=namespace: ended.append((name, reason)), namespace)
    async with opened(server) as peers:
        ws, _ = await joined(peers, "", "/custom,")
        await ws.send("1")
        await ws.closed()
        await trio.testing.wait_all_tasks_blocked()
    assert sorted(ended) == [("/", "client disconnect"), ("/custom", "client disconnect")]


async def test_an_id_of_zero_is_an_id() -> None:
    async with opened(echo_server()) as peers:
        ws, _ = await joined(peers, "")
        await ws.send('420["message-with-ack",1]')
        assert await ws.receive() == "430[1]"


async def test_an_event_without_an_id_is_not_acknowledged() -> None:
    async with opened(echo_server()) as peers:
        ws, _ = await joined(peers, "")
        await ws.send('42["message-with-ack",1]')
        await ws.send('421["message-with-ack",2]')
        assert await ws.receive() == "431[2]"


async def test_binary_events_and_acknowledgements_name_their_namespace() -> None:
    async with opened(echo_server()) as peers:
        ws, _ = await joined(peers, "/custom,")
        await ws.send('451-/custom,7["message-with-ack",{"_placeholder":true,"num":0}]')
        await ws.send(b"\x01")
        assert await ws.receive() == '461-/custom,7[{"_placeholder":true,"num":0}]'
        assert await ws.receive() == b"\x01"
        await ws.send('451-/custom,["message",{"_placeholder":true,"num":0}]')
        await ws.send(b"\x02")
        assert await ws.receive() == '451-/custom,["message-back",{"_placeholder":true,"num":0}]'
        assert await ws.receive() == b"\x02"


async def test_placeholders_say_which_attachment_goes_where() -> None:
    server = Server(limits=quick())
    seen = []
    server.on("tell", lambda sid, *args: seen.append(args))
    async with opened(server) as peers:
        ws, _ = await joined(peers, "")
        await ws.send('452-["tell",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]')
        await ws.send(b"first")
        await ws.send(b"second")
        await trio.testing.wait_all_tasks_blocked()
    assert seen == [(b"second", b"first")]


async def test_attachments_travel_over_polling_both_ways() -> None:
    async with opened(echo_server()) as peers:
        session = await peers.polling()
        await session.post("40")
        await polled(session, 2)
        await session.post('451-["message",{"_placeholder":true,"num":0}]\x1ebAQID')
        assert await polled(session, 2) == ['451-["message-back",{"_placeholder":true,"num":0}]', "bAQID"]


async def test_attachments_may_come_in_a_request_of_their_own() -> None:
    async with opened(echo_server()) as peers:
        session = await peers.polling()
        await session.post("40")
        await polled(session, 2)
        await session.post('451-["message",{"_placeholder":true,"num":0}]')
        await session.post("bAQID")
        assert await polled(session, 2) == ['451-["message-back",{"_placeholder":true,"num":0}]', "bAQID"]


async def test_a_clients_acknowledgement_may_carry_bytes() -> None:
    server = echo_server()
    async with opened(server) as peers:
        ws, [sid] = await joined(peers, "")
        answers = []

        async def ask() -> None:
            answers.append(await server.call("question", to=sid))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            assert await ws.receive() == '421["question"]'
            await ws.send('461-1[{"_placeholder":true,"num":0}]')
            await ws.send(b"\x01")
    assert answers == [b"\x01"]


async def test_an_acknowledgement_counts_in_its_own_namespace_alone() -> None:
    server = echo_server()
    async with opened(server) as peers:
        ws, [sid, _] = await joined(peers, "", "/custom,")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(server.call, "question", to=sid))
            assert await ws.receive() == '421["question"]'
            await ws.send("43/custom,1[]")
            await trio.testing.wait_all_tasks_blocked()
            assert len(nursery.child_tasks) == 1
            await ws.send("431[]")


async def test_one_client_cannot_acknowledge_for_another() -> None:
    server = echo_server()
    async with opened(server) as peers:
        ws, [sid] = await joined(peers, "")
        other, _ = await joined(peers, "")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(server.call, "question", to=sid))
            assert await ws.receive() == '421["question"]'
            await other.send("431[]")
            await trio.testing.wait_all_tasks_blocked()
            assert len(nursery.child_tasks) == 1
            await ws.send("431[]")


async def test_several_packets_of_one_request_are_taken_in_their_order() -> None:
    async with opened(echo_server()) as peers:
        session = await peers.polling()
        await session.post('40\x1e42["message",1]\x1e42["message",2]')
        packets = await polled(session, 4)
    assert packets[0].startswith("40{")
    assert packets[1:] == ['42["auth",{}]', '42["message-back",1]', '42["message-back",2]']
