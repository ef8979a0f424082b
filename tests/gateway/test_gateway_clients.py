"""Real clients over real sockets."""

import json
import os
import shutil
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from sts_actors.gateway import ConnectionRefusedError, Server, serve  # noqa: A004 - its name

HERE = Path(__file__).parent


def sample() -> Server:
    server = Server()
    counted = []
    server.on("count", lambda sid, number: counted.append(number))
    server.on("counted", lambda sid: len(counted))

    for namespace in ("/", "/custom"):

        @server.on("connect", namespace=namespace)
        async def connect(sid, environ, auth=None):
            if auth != {"token": "x"}:
                raise ConnectionRefusedError("AUTH_FAILED")

        @server.on("echo", namespace=namespace)
        async def echo(sid, *args):
            return args

    @server.event
    async def ask(sid, data):
        return await server.call("question", {"x": data}, to=sid)

    @server.event
    async def emit_back(sid, data):
        await server.emit("back", data, to=sid)

    @server.event
    async def throw_me_out(sid):
        await server.disconnect(sid, "/custom")
        await server.disconnect(sid)

    @server.event
    async def cut_me_off(sid):
        await server.engine.disconnect(server.connection(sid).session.sid)

    return server


@asynccontextmanager
async def listening(server: Server):
    async with trio.open_nursery() as nursery:
        [(host, port)] = await nursery.start(serve, server, "127.0.0.1", 0)
        try:
            yield f"http://{host}:{port}"
        finally:
            nursery.cancel_scope.cancel()


async def run(command: list[str], **options) -> dict:
    with trio.fail_after(60):
        done = await trio.run_process(
            command, capture_stdout=True, capture_stderr=True, check=False, **options
        )
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    return json.loads(done.stdout)


TRANSPORTS = ["websocket", "polling", "polling,websocket"]


@pytest.mark.parametrize("transports", TRANSPORTS)
async def test_python_socketios_asyncio_client_works_unchanged(transports: str) -> None:
    server = sample()
    async with listening(server) as url:
        out = await run([sys.executable, str(HERE / "gateway_clients.py"), "asynchronous", url, transports])
    assert out == {
        "transport": transports.rpartition(",")[2],
        "transport at the end": transports.rpartition(",")[2],
        "echo": ["é", {"n": [1, None]}, 3.5],
        "binary": repr([b"\x00\xff", {"b": [b"x", b"y"]}]),
        "asked": repr({"answer": {"x": 5}, "raw": b"\x01"}),
        "custom": "c",
        "big str": True,
        "big bytes": True,
        "counted": 200,
        "ended": "server disconnect",
        "refused": "AUTH_FAILED",
    }
    assert (server.manager.rooms, server.environ, server._connections, server._clients) == ({}, {}, {}, {})


@pytest.mark.parametrize("transports", TRANSPORTS)
async def test_python_socketios_threaded_client_works_unchanged(transports: str) -> None:
    async with listening(sample()) as url:
        out = await run([sys.executable, str(HERE / "gateway_clients.py"), "threaded", url, transports])
    assert out == {
        "transport": transports.rpartition(",")[2],
        "echo": "a",
        "back": ["back", {"n": 1}],
        "counted": 100,
    }


# Not over polling: told by a close packet, this client stays away.
@pytest.mark.parametrize("transports", ["websocket", "polling,websocket"])
async def test_a_client_that_was_cut_off_reconnects(transports: str) -> None:
    async with listening(sample()) as url:
        out = await run([sys.executable, str(HERE / "gateway_clients.py"), "reconnecting", url, transports])
    assert out == {"new": True, "works": "again"}


@pytest.fixture(scope="session")
def javascript_client(tmp_path_factory) -> Path:
    """A folder with socket.io-client in it."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        pytest.skip("there is no Node on this machine")
    folder = tmp_path_factory.mktemp("javascript")
    command = [
        npm,
        "install",
        "--silent",
        "--no-audit",
        "--no-fund",
        "--prefix",
        str(folder),
        "socket.io-client@4",
    ]
    installed = subprocess.run(command, capture_output=True, timeout=120, check=False)
    if installed.returncode:
        pytest.skip("socket.io-client could not be installed: no network?")
    (folder / "client.js").write_text((HERE / "gateway_client.js").read_text())
    return folder


@pytest.mark.parametrize("transports", TRANSPORTS)
async def test_the_javascript_client_works_unchanged(transports: str, javascript_client: Path) -> None:
    server = sample()
    async with listening(server) as url:
        out = await run(["node", "client.js", url, transports], cwd=javascript_client, env=dict(os.environ))
    assert out == {
        "transport": transports.rpartition(",")[2],
        "echo": ["é", {"n": [1, None]}, 3.5],
        "binary": [0, 255],
        "asked": {"x": 5},
        "big": 4_000_000,
        "counted": 100,
        "custom": "c",
        "ended": "io server disconnect",
        "refused": "AUTH_FAILED",
        "unknown": "Invalid namespace",
    }
    assert (server.manager.rooms, server.environ, server._connections) == ({}, {}, {})
