"""Serving on real sockets: starting, stopping, and what is left."""

import gc
import json
from pathlib import Path

import pytest
import trio
import trio.testing
from gateway_peers import Http, Ws
from trio_websocket import open_websocket_url

from sts_actors.gateway import EngineServer, HttpResponse, Limits, Server, serve, serving


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_serve_tells_its_addresses() -> None:
    async with trio.open_nursery() as nursery:
        addresses = await nursery.start(serve, Server(), "127.0.0.1", 0)
        assert [host for host, _ in addresses] == ["127.0.0.1"]
        assert addresses[0][1] > 0
        nursery.cancel_scope.cancel()


async def test_an_address_in_use_is_an_os_error() -> None:
    async with trio.open_nursery() as nursery:
        [(host, port)] = await nursery.start(serve, Server(), "127.0.0.1", 0)
        with pytest.raises(OSError, match="in use"):
            await serve(Server(), host, port)
        nursery.cancel_scope.cancel()


async def test_a_server_is_served_once_at_a_time_and_again_later() -> None:
    server = Server()
    for _ in range(2):
        async with trio.open_nursery() as nursery:
            await nursery.start(serve, server, "127.0.0.1", 0)
            with pytest.raises(RuntimeError, match="already"):
                await serve(server, "127.0.0.1", 0)
            nursery.cancel_scope.cancel()


async def test_stopping_closes_sessions_and_runs_their_disconnect_handlers() -> None:
    server = Server()
    log = []

    @server.event
    async def connect(sid, environ):
        server.start_soon(sid, forever)

    async def forever() -> None:
        try:
            await trio.sleep_forever()
        finally:
            log.append("task")

    @server.event
    async def disconnect(sid, reason):
        await trio.sleep(0.01)
        log.append(reason)

    async with trio.open_nursery() as clients:
        async with trio.open_nursery() as nursery:
            [(host, port)] = await nursery.start(serve, server, host_port := "127.0.0.1", 0)
            assert host == host_port
            idle = Http(await trio.open_tcp_stream(host, port))
            assert (await idle.request("GET", "/nowhere")).status == 404
            url = f"ws://{host}:{port}/socket.io/?EIO=4&transport=websocket"
            code = []

            async def run(task_status) -> None:
                async with open_websocket_url(url) as connection:
                    ws = Ws(connection)
                    await ws.receive()
                    await ws.send("40")
                    await ws.receive()
                    task_status.started()
                    code.append(await ws.closed())
                    # The library leaves its stream open when the server closed first.
                    await trio.aclose_forcefully(connection._stream)

            await clients.start(run)
            began = trio.current_time()
            nursery.cancel_scope.cancel()
        assert trio.current_time() - began < 1, "an idle connection holds nothing up"
        assert log == ["task", "server disconnect"]
    assert code == [1001]
    await idle.drop()


async def test_a_request_under_way_is_answered_while_the_server_stops() -> None:
    server = EngineServer()
    asked = trio.Event()

    async def slow(request) -> HttpResponse:
        asked.set()
        await trio.sleep(0.1)
        return HttpResponse(200, {}, b"done")

    server.route("GET", "/slow", slow)
    async with trio.open_nursery() as clients:
        replies = []

        async def client(http: Http) -> None:
            replies.append(await http.request("GET", "/slow"))
            await http.drop()

        async with trio.open_nursery() as nursery:
            [(host, port)] = await nursery.start(serve, server, "127.0.0.1", 0)
            clients.start_soon(client, Http(await trio.open_tcp_stream(host, port)))
            await asked.wait()
            nursery.cancel_scope.cancel()
    assert replies[0].text == "done"
    assert replies[0].headers["connection"] == "close"


async def test_a_handler_that_will_not_end_does_not_keep_the_server_from_stopping() -> None:
    server = Server(limits=Limits(teardown_timeout=0.2, shutdown_timeout=1, close_timeout=0.1))

    @server.event
    async def disconnect(sid, reason):
        await trio.sleep_forever()

    async with trio.open_nursery() as clients:
        async with trio.open_nursery() as nursery:
            [(host, port)] = await nursery.start(serve, server, "127.0.0.1", 0)
            stream = await trio.open_tcp_stream(host, port)
            http = Http(stream)
            sid = json.loads((await http.request("GET", "/socket.io/?EIO=4&transport=polling")).text[1:])[
                "sid"
            ]
            await http.request("POST", f"/socket.io/?EIO=4&transport=polling&sid={sid}", b"40")
            await trio.sleep(0.05)
            began = trio.current_time()
            nursery.cancel_scope.cancel()
        assert trio.current_time() - began < 2
        clients.cancel_scope.cancel()
    await trio.aclose_forcefully(stream)


async def test_clients_that_come_and_are_cut_leave_nothing_behind() -> None:
    server = Server()
    server.on("connect", lambda sid, environ: None)
    async with trio.open_nursery() as nursery:
        [(host, port)] = await nursery.start(serve, server, "127.0.0.1", 0)
        url = f"ws://{host}:{port}/socket.io/?EIO=4&transport=websocket"

        async def cycle(number: int) -> None:
            if number % 2:
                async with open_websocket_url(url) as connection:
                    ws = Ws(connection)
                    await ws.receive()
                    await ws.send("40")
                    await ws.receive()
                    if number % 4 == 1:
                        await trio.aclose_forcefully(connection._stream)
            else:
                http = Http(await trio.open_tcp_stream(host, port))
                sid = json.loads((await http.request("GET", "/socket.io/?EIO=4&transport=polling")).text[1:])[
                    "sid"
                ]
                await http.request("POST", f"/socket.io/?EIO=4&transport=polling&sid={sid}", b"40")
                await http.send("GET", f"/socket.io/?EIO=4&transport=polling&sid={sid}")
                await http.reply()
                await http.send("GET", f"/socket.io/?EIO=4&transport=polling&sid={sid}")
                await trio.sleep(0.002)
                await http.drop()

        async def settled() -> tuple[int, int]:
            with trio.fail_after(5):
                for session in list(server.engine.sockets.values()):
                    await session.ended.wait()
            await trio.sleep(0.05)
            gc.collect()
            return open_files(), trio.lowlevel.current_statistics().tasks_living

        for number in range(20):
            await cycle(number)
        before = await settled()
        for number in range(500):
            await cycle(number)
        assert await settled() == before
        assert (server.manager.rooms, server.environ, server._connections, server._clients) == (
            {},
            {},
            {},
            {},
        )
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("steps", range(12))
async def test_a_server_that_is_cancelled_while_it_opens_ends(steps, monkeypatch) -> None:
    houses = []

    class Remembered(serving.House):
        def __init__(self, engine):
            super().__init__(engine)
            houses.append(self)

    monkeypatch.setattr(serving, "House", Remembered)
    ended = trio.Event()

    async def serve_and_end(scope):
        with scope:
            await serving.serve(Server(), "127.0.0.1", 0)
        ended.set()

    scope = trio.CancelScope()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_and_end, scope)
        for _ in range(steps):
            await trio.lowlevel.checkpoint()
        scope.cancel()
        with trio.move_on_after(2):
            await ended.wait()
        in_time = ended.is_set()
        for house in houses:
            house.stop()  # else what hangs would hang here for ever
    assert in_time
