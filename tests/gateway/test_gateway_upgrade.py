"""From polling to a WebSocket, one rule a test."""

import pytest
import trio
import trio.testing
from gateway_peers import echo_engine, handshake, opened, quick

from sts_actors.gateway.errors import WebSocketClosed
from sts_actors.gateway.wire.upgrade import Proposal


async def upgraded(peers, session):
    ws = await peers.ws(peers.target("websocket", sid=session.sid))
    await ws.send("2probe")
    assert await ws.receive() == "3probe"
    await ws.send("5")
    return ws


async def test_a_session_goes_on_over_the_websocket() -> None:
    async with opened(echo_engine()) as peers:
        session = await peers.polling()
        ws = await upgraded(peers, session)
        await ws.send("4hello")
        assert await ws.receive() == "4hello"


async def test_nothing_but_what_was_asked_for_comes_over_the_websocket() -> None:
    server = echo_engine()
    async with opened(server) as peers:
        session = await peers.polling()
        await server.send(session.sid, "queued before")
        ws = await upgraded(peers, session)
        await server.send(session.sid, "after")
        assert await ws.receive() == "4queued before"
        assert await ws.receive() == "4after"


async def test_a_waiting_poll_is_answered_with_noop_while_the_websocket_probes(autojump_clock) -> None:
    async with opened(echo_engine()) as peers:
        session = await peers.polling()
        replies = []

        async def poll() -> None:
            replies.append((trio.current_time(), await session.poll(), trio.current_time()))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(poll)
            await trio.testing.wait_all_tasks_blocked()
            ws = await peers.ws(peers.target("websocket", sid=session.sid))
            await ws.send("2probe")
            assert await ws.receive() == "3probe"
        began, reply, ended = replies[0]
        assert reply.text == "6"
        assert ended - began == pytest.approx(0.1)
        # A poll that comes while the probe goes on is not held longer either.
        assert (await session.poll()).text == "6"
        assert trio.current_time() - ended == pytest.approx(0.1)


async def test_a_waiting_poll_is_answered_with_noop_as_soon_as_the_upgrade_is_done(autojump_clock) -> None:
    async with opened(echo_engine()) as peers:
        session = await peers.polling()
        replies = []
        began = trio.current_time()

        async def poll() -> None:
            replies.append(await session.poll())

        async with trio.open_nursery() as nursery:
            nursery.start_soon(poll)
            await trio.testing.wait_all_tasks_blocked()
            await upgraded(peers, session)
        assert replies[0].text == "6"
        assert trio.current_time() == began


async def test_a_probe_ends_with_its_session(autojump_clock) -> None:
    server = echo_engine()
    async with opened(server) as peers:
        session = await peers.polling()
        ws = await peers.ws(peers.target("websocket", sid=session.sid))
        began = trio.current_time()
        await server.disconnect(session.sid)
        await ws.closed()
        assert trio.current_time() - began < 1


async def test_requests_of_an_upgraded_session_are_refused_and_do_not_harm_it() -> None:
    async with opened(echo_engine()) as peers:
        session = await peers.polling()
        ws = await upgraded(peers, session)
        await ws.send("4sync")
        assert await ws.receive() == "4sync"
        assert (await session.poll()).status == 400
        assert (await session.post("4x")).status == 400
        await ws.send("4hello")
        assert await ws.receive() == "4hello"


async def test_a_second_websocket_of_an_upgraded_session_is_accepted_and_closed() -> None:
    async with opened(echo_engine()) as peers:
        session = await peers.polling()
        ws = await upgraded(peers, session)
        await ws.send("4sync")
        assert await ws.receive() == "4sync"
        second = await peers.ws(peers.target("websocket", sid=session.sid))
        await second.closed()
        await ws.send("4hello")
        assert await ws.receive() == "4hello"


async def test_a_second_websocket_during_the_probe_is_accepted_and_closed() -> None:
    async with opened(echo_engine()) as peers:
        session = await peers.polling()
        ws = await peers.ws(peers.target("websocket", sid=session.sid))
        second = await peers.ws(peers.target("websocket", sid=session.sid))
        await second.closed()
        await ws.send("2probe")
        assert await ws.receive() == "3probe"


async def test_a_probe_that_breaks_off_leaves_polling_as_it_was(autojump_clock) -> None:
    async with opened(echo_engine(ping_interval=100)) as peers:
        session = await peers.polling()
        ws = await peers.ws(peers.target("websocket", sid=session.sid))
        await ws.send("2probe")
        assert await ws.receive() == "3probe"
        await ws.connection.aclose()
        with trio.move_on_after(5) as scope:
            await session.poll()
        assert scope.cancelled_caught, "polls are held again"


async def test_a_probe_that_is_never_decided_is_cut(autojump_clock) -> None:
    async with opened(echo_engine(limits=quick(upgrade_timeout=3), ping_interval=100)) as peers:
        session = await peers.polling()
        ws = await peers.ws(peers.target("websocket", sid=session.sid))
        began = trio.current_time()
        await ws.send("2probe")
        await ws.closed()
        assert trio.current_time() - began == pytest.approx(3)
        again = await upgraded(peers, session)
        await again.send("4hello")
        assert await again.receive() == "4hello"


async def test_upgrades_can_be_switched_off() -> None:
    async with opened(echo_engine(allow_upgrades=False)) as peers:
        session = await peers.polling()
        assert session.opened["upgrades"] == []
        reply = await peers.ws_refused(peers.target("websocket", sid=session.sid))
        assert reply.status == 400


async def test_a_poll_that_came_while_a_websocket_probed_is_refused_once_that_has_taken_over(
    autojump_clock,
) -> None:
    async with opened(echo_engine()) as peers:
        session = await peers.polling()
        ws = await peers.ws(peers.target("websocket", sid=session.sid))
        replies = []

        async def poll() -> None:
            replies.append(await session.poll())

        async with trio.open_nursery() as nursery:
            nursery.start_soon(poll)
            await trio.testing.wait_all_tasks_blocked()
            await ws.send("2probe")
            await ws.send("5")
        assert replies[0].status == 400
        assert await ws.receive() == "3probe"
        await ws.send("4hello")
        assert await ws.receive() == "4hello"


async def test_a_websocket_probes_from_before_its_handshake_is_answered(monkeypatch) -> None:
    # What the client does next may be read before the task that answered it goes on.
    upgrading = []
    async with opened(echo_engine()) as peers:
        session = await peers.polling()
        [inside] = peers.engine.sockets.values()
        accept = Proposal.accept

        async def watched(proposal, **how):
            upgrading.append(inside.upgrading)
            return await accept(proposal, **how)

        monkeypatch.setattr(Proposal, "accept", watched)
        await peers.ws(peers.target("websocket", sid=session.sid))
    assert upgrading == [True]


async def test_a_client_that_leaves_during_the_handshake_leaves_polling_as_it_was(monkeypatch) -> None:
    async def gone(proposal, **how):
        raise WebSocketClosed(1006)

    async with opened(echo_engine()) as peers:
        session = await peers.polling()
        monkeypatch.setattr(Proposal, "accept", gone)
        stream = peers.stream()
        await stream.send_all(handshake(peers.target("websocket", sid=session.sid)))
        await trio.testing.wait_all_tasks_blocked()
        [inside] = peers.engine.sockets.values()
        assert not inside.upgrading
        await session.post("4hello")
        assert (await session.poll()).text == "4hello"
        await trio.aclose_forcefully(stream)
