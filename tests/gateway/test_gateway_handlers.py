"""Handlers and tasks: their order, their nursery, their errors, their end."""

import pytest
import trio
import trio.testing
from gateway_peers import opened, quick
from hypothesis import given, settings
from hypothesis import strategies as st

from sts_actors.gateway import DisconnectedError, EngineServer, Server


@given(st.random_module(), st.integers(1, 16), st.sampled_from(["polling", "websocket"]))
@settings(max_examples=25, deadline=None)
def test_handlers_of_a_client_start_in_the_order_of_its_events(_seed, count: int, transport: str) -> None:
    async def main() -> None:
        server = Server(limits=quick())
        started = []

        @server.event
        async def number(sid, value):
            started.append(value)
            await trio.sleep(0.01)

        async with opened(server) as peers:
            if transport == "polling":
                session = await peers.polling()
                await session.post("40")
                for half in (range(count // 2), range(count // 2, count)):
                    if half:
                        await session.post("\x1e".join(f'42["number",{value}]' for value in half))
            else:
                ws = await peers.socketio()
                for value in range(count):
                    await ws.send(f'42["number",{value}]')
            await trio.sleep(1)
        assert started == list(range(count))

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


@given(st.random_module(), st.integers(2, 8))
@settings(max_examples=25, deadline=None)
def test_messages_of_an_engine_client_start_in_their_order(_seed, count: int) -> None:
    async def main() -> None:
        server = EngineServer(limits=quick())
        started = []

        @server.on("message")
        async def message(sid, value):
            started.append(value)
            await trio.sleep(0.01)

        async with opened(server) as peers:
            session = await peers.polling()
            await session.post("\x1e".join(f"4{value}" for value in range(count)))
            await trio.sleep(1)
        assert started == [str(value) for value in range(count)]

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


async def test_handlers_are_cancelled_with_their_client_and_end_before_its_disconnect_handler() -> None:
    server = Server(limits=quick())
    log = []

    async def forever(name: str) -> None:
        try:
            await trio.sleep_forever()
        finally:
            log.append(name)

    @server.event
    async def work(sid):
        server.start_soon(sid, forever, "task")
        await forever("handler")

    @server.event
    async def disconnect(sid, reason):
        log.append(reason)
        with pytest.raises(DisconnectedError):
            server.start_soon(sid, forever, "never")

    async with opened(server) as peers:
        ws = await peers.socketio()
        await ws.send('42["work"]')
        await trio.testing.wait_all_tasks_blocked()
        assert not log
        await ws.connection.aclose()
        await trio.testing.wait_all_tasks_blocked()
        assert sorted(log[:2]) == ["handler", "task"]
        assert log[2:] == ["transport close"]


async def test_leaving_one_namespace_cancels_its_handlers_alone() -> None:
    server = Server(limits=quick())
    ended = []

    for namespace in ("/", "/custom"):

        @server.on("work", namespace=namespace)
        async def work(sid, namespace=namespace):
            try:
                await trio.sleep_forever()
            finally:
                ended.append(namespace)

    async with opened(server) as peers:
        ws = await peers.socketio()
        await ws.send("40/custom,")
        await ws.receive()
        await ws.send('42["work"]')
        await ws.send('42/custom,["work"]')
        await ws.send("41/custom,")
        await trio.testing.wait_all_tasks_blocked()
        assert ended == ["/custom"]


async def test_a_handler_may_disconnect_its_own_client() -> None:
    server = Server(limits=quick())
    log = []

    @server.event
    async def leave(sid):
        await server.disconnect(sid)
        log.append("asked")
        try:
            await trio.sleep_forever()
        finally:
            log.append("cancelled")

    @server.event
    async def disconnect(sid, reason):
        log.append(reason)

    async with opened(server) as peers:
        ws = await peers.socketio()
        await ws.send('42["leave"]')
        assert await ws.receive() == "41"
        await trio.testing.wait_all_tasks_blocked()
    assert log == ["asked", "cancelled", "server disconnect"]


async def test_a_handlers_error_is_logged_once_and_closes_nothing(caplog) -> None:
    server = Server(limits=quick())

    @server.event
    async def fail(sid):
        raise RuntimeError("a bug")

    @server.event
    async def fail_in_a_task(sid):
        async def task() -> None:
            raise RuntimeError("another")

        server.start_soon(sid, task)

    server.on("fine", lambda sid: "fine")
    async with opened(server) as peers:
        ws = await peers.socketio()
        await ws.send('421["fail"]')
        await ws.send('422["fail_in_a_task"]')
        await ws.send('423["fine"]')
        assert {await ws.receive(), await ws.receive()} == {"432[]", '433["fine"]'}
    assert sorted(str(record.exc_info[1]) for record in caplog.records) == ["a bug", "another"]


async def test_an_answer_that_is_no_json_is_logged_and_closes_nothing(caplog) -> None:
    server = Server(limits=quick())
    server.on("odd", lambda sid: object())
    server.on("fine", lambda sid: {1: "keys become text"})
    async with opened(server) as peers:
        ws = await peers.socketio()
        await ws.send('421["odd"]')
        await ws.send('422["fine"]')
        assert await ws.receive() == '432[{"1":"keys become text"}]'
    assert len(caplog.records) == 1


async def test_a_failing_disconnect_handler_leaves_nothing_behind(caplog) -> None:
    server = Server(limits=quick())

    @server.event
    async def disconnect(sid, reason):
        raise RuntimeError("a bug")

    async with opened(server) as peers:
        ws = await peers.socketio()
        await ws.connection.aclose()
        await trio.testing.wait_all_tasks_blocked()
        assert (server.manager.rooms, server.environ, server._connections, server._clients) == (
            {},
            {},
            {},
            {},
        )
    assert len(caplog.records) == 1


async def test_a_disconnect_handler_that_does_not_end_is_cut(autojump_clock, caplog) -> None:
    server = Server(limits=quick(teardown_timeout=2))

    @server.event
    async def disconnect(sid, reason):
        await trio.sleep_forever()

    async with opened(server) as peers:
        ws = await peers.socketio()
        await ws.connection.aclose()
        await trio.sleep(2.5)
        assert (server.manager.rooms, server.environ, peers.engine.sockets) == ({}, {}, {})
    assert "cut" in caplog.text


async def test_a_client_that_leaves_while_its_connect_handler_runs_leaves_nothing_behind() -> None:
    server = Server(limits=quick())
    log = []

    @server.event
    async def connect(sid, environ):
        try:
            await trio.sleep_forever()
        finally:
            log.append("cancelled")

    @server.event
    async def disconnect(sid, reason):
        log.append("never")

    async with opened(server) as peers:
        ws = await peers.ws()
        await ws.send("40")
        await trio.testing.wait_all_tasks_blocked()
        await ws.connection.aclose()
        await trio.testing.wait_all_tasks_blocked()
        assert log == ["cancelled"]
        assert (server.manager.rooms, server.manager.pending_connect, server.environ) == ({}, {}, {})


async def test_a_clients_events_wait_for_a_free_slot_and_its_neighbours_do_not() -> None:
    server = Server(limits=quick(handlers=2))
    running = []
    release = trio.Event()

    @server.event
    async def work(sid, number):
        running.append(number)
        await release.wait()

    server.on("fine", lambda sid: "fine")
    async with opened(server) as peers:
        busy = await peers.socketio()
        neighbour = await peers.socketio()
        for number in range(4):
            await busy.send(f'42["work",{number}]')
        await trio.testing.wait_all_tasks_blocked()
        assert running == [0, 1]
        await neighbour.send('421["fine"]')
        assert await neighbour.receive() == '431["fine"]'
        release.set()
        await trio.testing.wait_all_tasks_blocked()
        assert running == [0, 1, 2, 3]


async def test_a_client_that_takes_no_answers_is_asked_for_no_more_questions() -> None:
    server = Server(limits=quick(outbox_bytes=1000))
    asked = []

    @server.event
    async def ask(sid, number):
        asked.append(number)
        return "x" * 600

    async with opened(server) as peers:
        session = await peers.polling()
        await session.post("40")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(
                session.post, "\x1e".join(f'42{number}["ask",{number}]' for number in range(10))
            )
            await trio.testing.wait_all_tasks_blocked()
            assert asked == [0, 1]
            answers = ""
            while answers.count("x" * 600) < 10:
                answers += (await session.poll()).text
        assert asked == list(range(10))


async def test_without_async_handlers_they_run_one_after_another() -> None:
    server = Server(async_handlers=False, limits=quick())
    log = []

    @server.event
    async def work(sid, number):
        log.append(number)
        await trio.lowlevel.checkpoint()
        log.append(number)

    async with opened(server) as peers:
        ws = await peers.socketio()
        for number in range(3):
            await ws.send(f'42["work",{number}]')
        await trio.testing.wait_all_tasks_blocked()
    assert log == [0, 0, 1, 1, 2, 2]


async def test_background_tasks_live_as_long_as_the_server(caplog) -> None:
    server = Server()
    with pytest.raises(RuntimeError, match="not being served"):
        server.start_background_task(trio.sleep, 1)
    log = []

    async def forever(name: str) -> None:
        try:
            await trio.sleep_forever()
        finally:
            log.append(name)

    async def fail() -> None:
        raise RuntimeError("a bug")

    async with opened(server):
        server.start_background_task(forever, name="x")
        server.start_background_task(fail)
        await trio.testing.wait_all_tasks_blocked()
        assert not log
    assert log == ["x"]
    assert len(caplog.records) == 1


@given(st.random_module(), st.lists(st.integers(0, 3), min_size=1, max_size=8))
@settings(max_examples=30, deadline=None)
def test_whatever_the_schedule_every_admitted_client_is_said_goodbye_to_once(_seed, leave_after) -> None:
    async def main() -> None:
        server = Server(limits=quick())
        came, went = [], []

        @server.event
        async def connect(sid, environ):
            came.append(sid)
            await trio.lowlevel.checkpoint()

        @server.event
        async def work(sid):
            await server.emit("working", to=sid)
            await trio.sleep_forever()

        @server.event
        async def disconnect(sid, reason):
            await trio.lowlevel.checkpoint()
            went.append(sid)

        async def client(peers, steps: int) -> None:
            ws = await peers.ws()
            for step in ("40", '42["work"]', "41")[:steps]:
                await ws.send(step)
            for _ in range(steps):
                await trio.lowlevel.checkpoint()
            await ws.connection.aclose()

        async with opened(server) as peers:
            async with trio.open_nursery() as nursery:
                for steps in leave_after:
                    nursery.start_soon(client, peers, steps)
            await trio.sleep(1)
            assert (server.manager.rooms, server.environ, server._connections, server._clients) == (
                {},
                {},
                {},
                {},
            )
            assert not peers.engine.sockets
            assert peers.house.connections.connections == 0
        assert len(went) == len(set(went))
        assert set(went) <= set(came)

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


async def test_a_disconnect_handler_runs_even_when_the_server_has_lost_patience(autojump_clock) -> None:
    server = EngineServer(limits=quick(shutdown_timeout=2))
    log = []

    @server.on("message")
    async def message(sid, data):
        with trio.CancelScope(shield=True):
            await trio.sleep(5)

    @server.on("disconnect")
    async def disconnect(sid, reason):
        await trio.sleep(0.1)
        log.append(reason)

    async with opened(server) as peers:
        ws = await peers.ws()
        await ws.send("4stubborn")
        await trio.testing.wait_all_tasks_blocked()
    assert log == ["server disconnect"]
