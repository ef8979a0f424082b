"""Engine.IO v4 over a WebSocket opened directly, and what a hostile WebSocket peer may not do."""

import json
import os

import pytest
import trio
import trio.testing
from gateway_loopback import frame
from gateway_peers import HEADERS, KEY, echo_engine, handshake, opened, quick


async def raw_websocket(peers, headers: str = "") -> tuple[trio.abc.Stream, bytes]:
    """A stream after its handshake, and what has come on it so far."""
    stream = peers.stream()
    version = f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n"
    await stream.send_all(handshake(peers.target("websocket"), version + headers))
    received = b""
    while b"\r\n\r\n" not in received or b"maxPayload" not in received:
        received += await stream.receive_some()
    return stream, received


async def read_to_end(stream: trio.abc.Stream) -> bytes:
    received = b""
    with trio.fail_after(5):
        while data := await stream.receive_some():
            received += data
    return received


async def test_the_first_message_tells_the_session_and_offers_no_upgrade() -> None:
    async with opened(echo_engine()) as peers:
        ws = await peers.ws()
        greeting = await ws.receive()
    assert greeting[0] == "0"
    assert json.loads(greeting[1:])["upgrades"] == []


@pytest.mark.parametrize(
    "message", ["4hello", "4", "4é\U0001f600", b"\x01\x02\x03", b"", "4" + "x" * 300_000]
)
async def test_messages_come_back_as_they_were_sent(message: str | bytes) -> None:
    async with opened(echo_engine()) as peers:
        ws = await peers.ws()
        await ws.receive()
        await ws.send(message)
        assert await ws.receive() == message


async def test_messages_come_back_in_order() -> None:
    async with opened(echo_engine()) as peers:
        ws = await peers.ws()
        await ws.receive()
        for number in range(100):
            await ws.send(f"4{number}")
        assert [await ws.receive() for _ in range(100)] == [f"4{number}" for number in range(100)]


async def test_a_close_packet_closes_the_websocket() -> None:
    server = echo_engine()
    reasons = []
    server.on("disconnect", lambda sid, reason: reasons.append(reason))
    async with opened(server) as peers:
        ws = await peers.ws()
        await ws.send("1")
        with trio.fail_after(5):
            assert await ws.closed() == 1000
        assert reasons == ["client disconnect"]


async def test_a_closed_websocket_ends_the_session() -> None:
    server = echo_engine()
    reasons = []
    server.on("disconnect", lambda sid, reason: reasons.append(reason))
    async with opened(server) as peers:
        ws = await peers.ws()
        await ws.connection.aclose()
        await trio.testing.wait_all_tasks_blocked()
        assert reasons == ["transport close"]
        assert not peers.engine.sockets


async def test_a_broken_stream_ends_the_session() -> None:
    server = echo_engine()
    reasons = []
    server.on("disconnect", lambda sid, reason: reasons.append(reason))
    async with opened(server) as peers:
        stream, _ = await raw_websocket(peers)
        await trio.aclose_forcefully(stream)
        await trio.testing.wait_all_tasks_blocked()
        assert reasons == ["transport error"]


async def test_what_was_queued_before_a_disconnect_is_still_sent() -> None:
    server = echo_engine()
    async with opened(server) as peers:
        ws = await peers.ws()
        sid = json.loads((await ws.receive())[1:])["sid"]
        for number in range(50):
            await server.send(sid, str(number))
        await server.disconnect(sid)
        await server.send(sid, "too late")
        assert [await ws.receive() for _ in range(50)] == [f"4{number}" for number in range(50)]
        assert await ws.closed() == 1000


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("EIO=4", 0),
        ("EIO=4&transport=abc", 0),
        ("transport=websocket", 5),
        ("EIO=3&transport=websocket", 5),
        ("EIO=4&transport=websocket&sid=none", 1),
        ("EIO=4&transport=polling", 3),
    ],
)
async def test_a_bad_handshake_is_refused_before_it_is_accepted(query: str, code: int) -> None:
    async with opened(echo_engine()) as peers:
        reply = await peers.ws_refused(f"{peers.path}/?{query}")
        assert (reply.status, reply.json["code"]) == (400, code)
        assert not peers.engine.sockets


async def test_a_connection_serves_other_requests_after_a_refused_handshake() -> None:
    async with opened(echo_engine()) as peers:
        http = peers.http()
        offered = [
            ("Connection", "Upgrade"),
            ("Upgrade", "websocket"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", KEY),
        ]
        refused = await http.request(
            "GET", peers.path + "/?EIO=3&transport=websocket", headers=[*HEADERS, *offered]
        )
        assert refused.status == 400
        assert (await http.request("GET", peers.target())).status == 200


async def test_a_connection_can_poll_first_and_become_a_websocket_then() -> None:
    async with opened(echo_engine()) as peers:
        http = peers.http()
        assert (await http.request("GET", peers.target())).status == 200
        ws = await peers.ws(stream=http.stream)
        assert (await ws.receive())[0] == "0"


async def test_a_strange_host_header_harms_nobody() -> None:
    async with opened(echo_engine()) as peers:
        stream = peers.stream()
        await stream.send_all(
            f"GET {peers.target('websocket')} HTTP/1.1\r\nHost: \xff\xfe..\r\nConnection: Upgrade\r\n"
            f"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n".encode(
                "latin-1"
            )
        )
        assert b"101" in await stream.receive_some()


async def test_a_message_in_frames_cut_anywhere_is_whole() -> None:
    async with opened(echo_engine()) as peers:
        stream, _ = await raw_websocket(peers)
        message = "4é\U0001f600" + "x" * 70_000
        raw = message.encode()
        data = (
            frame(raw[:3], fin=False)
            + frame(b"ping", opcode=9)
            + frame(raw[3:100], opcode=0, fin=False)
            + frame(raw[100:], opcode=0)
        )
        for start in (0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89):
            end = {0: 1, 1: 2, 2: 3, 3: 5, 5: 8, 8: 13, 13: 21, 21: 34, 34: 55, 55: 89}.get(start, len(data))
            await stream.send_all(data[start:end])
            await trio.testing.wait_all_tasks_blocked()
        received = await stream.receive_some()
        while raw[-10:] not in received or not received.endswith(raw[-10:]):
            received += await stream.receive_some()
    assert received.startswith(frame(b"ping", opcode=10, masked=False))
    assert received.endswith(raw)


async def test_all_peers_together_may_only_send_so_much_at_once() -> None:
    server = echo_engine(limits=quick(receiving=100_000))
    async with opened(server) as peers:
        first, _ = await raw_websocket(peers)
        second, _ = await raw_websocket(peers)
        await first.send_all(frame(b"4", size=90_000))
        await trio.testing.wait_all_tasks_blocked()
        await second.send_all(frame(b"4", size=20_000))
        received = await read_to_end(second)
        assert int.from_bytes(received[2:4], "big") == 1013
        await first.send_all(os.urandom(0) + b"x" * 89_999)
        await trio.testing.wait_all_tasks_blocked()
        assert peers.house.connections.receiving == 0
        assert len(await first.receive_some()) > 1000
