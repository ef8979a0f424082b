"""Ping and pong, in virtual time."""

import pytest
import trio
import trio.testing
from gateway_peers import echo_engine, opened

from sts_actors.gateway.engine.heartbeat import heartbeat


async def test_a_websocket_is_pinged_at_each_interval(autojump_clock) -> None:
    async with opened(echo_engine(ping_interval=0.3, ping_timeout=0.2)) as peers:
        ws = await peers.ws()
        await ws.receive()
        began = trio.current_time()
        for beat in range(1, 6):
            assert await ws.receive() == "2"
            assert trio.current_time() - began == pytest.approx(0.3 * beat)
            await ws.send("3")


async def test_a_poll_gets_the_ping(autojump_clock) -> None:
    async with opened(echo_engine(ping_interval=0.3, ping_timeout=0.2)) as peers:
        session = await peers.polling()
        for _ in range(3):
            assert (await session.poll()).text == "2"
            assert (await session.post("3")).text == "ok"


async def test_a_silent_websocket_is_closed_after_interval_and_timeout(autojump_clock) -> None:
    server = echo_engine(ping_interval=25, ping_timeout=10)
    ended = []
    server.on("disconnect", lambda sid, reason: ended.append((reason, trio.current_time())))
    async with opened(server) as peers:
        ws = await peers.ws()
        began = trio.current_time()
        await ws.closed()
    assert ended == [("ping timeout", pytest.approx(began + 35))]


async def test_a_session_that_nobody_polls_is_closed_after_interval_and_timeout(autojump_clock) -> None:
    async with opened(echo_engine(ping_interval=0.3, ping_timeout=0.2)) as peers:
        session = await peers.polling()
        await trio.sleep(0.5)
        assert (await session.poll()).status == 400


async def test_polling_without_answering_pings_keeps_nobody_alive(autojump_clock) -> None:
    async with opened(echo_engine(ping_interval=0.3, ping_timeout=0.2)) as peers:
        session = await peers.polling()
        assert (await session.poll()).text == "2"
        assert (await session.poll()).text == "1"
        assert (await session.poll()).status == 400


async def test_a_big_upload_that_delays_the_pong_is_a_sign_of_life(autojump_clock) -> None:
    server = echo_engine(ping_interval=1, ping_timeout=1)
    async with opened(server) as peers:
        session = await peers.polling()
        stream = peers.stream()
        await stream.send_all(
            f"POST {session.target} HTTP/1.1\r\nHost: t\r\nContent-Length: 21\r\n\r\n4".encode()
        )
        for _ in range(20):
            await trio.sleep(0.5)
            await stream.send_all(b"x")
        assert (await stream.receive_some()).endswith(b"ok")
        assert session.sid in peers.engine.sockets


async def test_a_client_whose_packets_we_do_not_take_is_not_given_up(autojump_clock) -> None:
    server = echo_engine(ping_interval=1, ping_timeout=1, async_handlers=False)
    release = trio.Event()

    @server.on("message")
    async def message(sid: str, data: str) -> None:
        await release.wait()

    async with opened(server) as peers:
        ws = await peers.ws()
        await ws.send("4busy")
        await trio.sleep(10)
        assert len(peers.engine.sockets) == 1
        release.set()
        await trio.lowlevel.checkpoint()
        with trio.fail_after(2.5):
            await ws.closed()


class Heart:
    """A heartbeat in time that only the test moves; `heard_at` is the peer."""

    def __init__(self, clock, nursery) -> None:
        self.clock = clock
        self.heard_at = -1.0
        self.pings = []
        self.given_up = False
        nursery.start_soon(self._run)

    async def _run(self) -> None:
        await heartbeat(
            interval=1.0,
            patience=1.0,
            ping=lambda: self.pings.append(trio.current_time()),
            alive_since=lambda moment: self.heard_at >= moment,
        )
        self.given_up = True

    async def jump(self, seconds: float) -> None:
        await trio.testing.wait_all_tasks_blocked()
        self.clock.jump(seconds)
        await trio.testing.wait_all_tasks_blocked()


async def test_a_ping_that_went_out_late_leaves_the_peer_its_full_time(mock_clock) -> None:
    async with trio.open_nursery() as nursery:
        heart = Heart(mock_clock, nursery)
        await heart.jump(1.5)
        assert heart.pings == [1.5]
        await heart.jump(0.5)
        assert not heart.given_up
        await heart.jump(0.4)
        heart.heard_at = trio.current_time()
        await heart.jump(0.1)
        assert not heart.given_up
        nursery.cancel_scope.cancel()


async def test_a_pong_that_lay_unread_while_our_own_loop_stood_still_counts(mock_clock) -> None:
    async with trio.open_nursery() as nursery:
        heart = Heart(mock_clock, nursery)
        await heart.jump(1)
        await heart.jump(4)
        heart.heard_at = trio.current_time()
        await heart.jump(1)
        assert not heart.given_up
        nursery.cancel_scope.cancel()


async def test_a_peer_that_stays_silent_after_we_stood_still_is_given_up_all_the_same(mock_clock) -> None:
    async with trio.open_nursery() as nursery:
        heart = Heart(mock_clock, nursery)
        await heart.jump(1)
        await heart.jump(4)
        await heart.jump(1)
        assert heart.given_up


async def test_pings_keep_to_their_schedule_however_late_the_answers_are(mock_clock) -> None:
    async with trio.open_nursery() as nursery:
        heart = Heart(mock_clock, nursery)
        for _ in range(40):
            await heart.jump(0.25)
            heart.heard_at = trio.current_time()
        assert heart.pings == [float(beat) for beat in range(1, 11)]
        nursery.cancel_scope.cancel()
