"""Engine.IO v4: the rules of its protocol document that no other test of ours is about."""

import pytest
import trio
import trio.testing
from gateway_peers import Peers, Polling, Ws, echo_engine, opened

from sts_actors.gateway import EngineServer, Server


async def probing(peers: Peers, session: Polling) -> Ws:
    ws = await peers.ws(peers.target("websocket", sid=session.sid))
    await ws.send("2probe")
    assert await ws.receive() == "3probe"
    return ws


@pytest.mark.parametrize(("server", "path"), [(EngineServer(), "/engine.io"), (Server(), "/socket.io")])
@pytest.mark.parametrize("slash", ["", "/"])
async def test_the_endpoint_is_where_clients_look_for_it(server, path: str, slash: str) -> None:
    async with opened(server) as peers:
        reply = await peers.http().request("GET", f"{path}{slash}?EIO=4&transport=polling")
    assert reply.status == 200


async def test_fields_of_the_query_that_are_not_the_protocols_are_ignored() -> None:
    async with opened(echo_engine()) as peers:
        reply = await peers.http().request("GET", peers.target(t="Oq3xY", b64="1", token="a"))
    assert (reply.status, reply.text[0]) == (200, "0")


async def test_every_session_has_an_id_of_its_own_that_cannot_be_guessed() -> None:
    async with opened(echo_engine()) as peers:
        sids = {(await peers.polling()).sid for _ in range(15)}
    assert len(sids) == 15
    assert min(map(len, sids)) >= 20


async def test_the_id_of_a_session_that_has_ended_is_unknown() -> None:
    async with opened(echo_engine()) as peers:
        session = await peers.polling()
        await session.post("1")
        await trio.testing.wait_all_tasks_blocked()
        reply = await session.poll()
        assert (reply.status, reply.json["code"]) == (400, 1)
        assert (await peers.ws_refused(peers.target("websocket", sid=session.sid))).json["code"] == 1


async def test_a_poll_is_answered_at_once_when_something_is_there(autojump_clock) -> None:
    server = echo_engine()
    async with opened(server) as peers:
        session = await peers.polling()
        await server.send(session.sid, "x")
        began = trio.current_time()
        assert (await session.poll()).text == "4x"
        assert trio.current_time() == began


async def test_a_session_over_polling_lives_as_long_as_it_answers_pings(autojump_clock) -> None:
    async with opened(echo_engine(ping_interval=2, ping_timeout=1)) as peers:
        session = await peers.polling()
        for _ in range(10):
            assert (await session.poll()).text == "2"
            assert (await session.post("3")).text == "ok"
        assert trio.current_time() >= 20
        assert peers.engine.sockets


async def test_a_session_over_a_websocket_lives_as_long_as_it_answers_pings(autojump_clock) -> None:
    async with opened(echo_engine(ping_interval=2, ping_timeout=1)) as peers:
        ws = await peers.ws()
        await ws.receive()
        for _ in range(10):
            assert await ws.receive() == "2"
            await ws.send("3")
        assert trio.current_time() >= 20
        assert peers.engine.sockets


async def test_pings_go_over_the_websocket_after_the_upgrade(autojump_clock) -> None:
    async with opened(echo_engine(ping_interval=2, ping_timeout=1)) as peers:
        session = await peers.polling()
        ws = await probing(peers, session)
        await ws.send("5")
        for _ in range(3):
            assert await ws.receive() == "2"
            await ws.send("3")
        assert peers.engine.sockets


async def test_a_pong_may_carry_data_and_a_noop_means_nothing() -> None:
    async with opened(echo_engine()) as peers:
        ws = await peers.ws()
        await ws.receive()
        for packet in ("3", "3probe", "6", "4still here"):
            await ws.send(packet)
        assert await ws.receive() == "4still here"


async def test_what_follows_a_close_packet_is_not_delivered() -> None:
    server = EngineServer()
    seen = []
    server.on("message", lambda sid, data: seen.append(data))
    async with opened(server) as peers:
        session = await peers.polling()
        assert (await session.post("4before\x1e1\x1e4after")).text == "ok"
        await trio.testing.wait_all_tasks_blocked()
    assert seen == ["before"]


async def test_polling_goes_on_both_ways_while_a_websocket_probes() -> None:
    async with opened(echo_engine()) as peers:
        session = await peers.polling()
        ws = await probing(peers, session)
        assert (await session.post("4over polling")).text == "ok"
        assert (await session.poll()).text == "4over polling"
        await ws.send("5")
        await ws.send("4over the websocket")
        assert await ws.receive() == "4over the websocket"


async def test_bytes_queued_before_the_upgrade_come_as_they_are_after_it() -> None:
    server = echo_engine()
    async with opened(server) as peers:
        session = await peers.polling()
        await server.send(session.sid, b"\x01\x02")
        ws = await probing(peers, session)
        await ws.send("5")
        assert await ws.receive() == b"\x01\x02"


async def test_without_websocket_among_the_transports_none_is_offered_or_opened() -> None:
    async with opened(echo_engine(transports="polling")) as peers:
        session = await peers.polling()
        assert session.opened["upgrades"] == []
        for target in (peers.target("websocket"), peers.target("websocket", sid=session.sid)):
            reply = await peers.ws_refused(target)
            assert (reply.status, reply.json["code"]) == (400, 0)


async def test_each_packet_has_a_websocket_message_of_its_own() -> None:
    server = echo_engine()
    async with opened(server) as peers:
        ws = await peers.ws()
        await ws.receive()
        [sid] = peers.engine.sockets
        for data in ("one", b"two", "three"):
            await server.send(sid, data)
        assert [await ws.receive() for _ in range(3)] == ["4one", b"two", "4three"]


async def test_a_separator_within_a_websocket_message_separates_nothing() -> None:
    async with opened(echo_engine()) as peers:
        ws = await peers.ws()
        await ws.receive()
        await ws.send("4one\x1e4two")
        assert await ws.receive() == "4one\x1e4two"
