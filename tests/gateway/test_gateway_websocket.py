"""Engine.IO v4 over a WebSocket opened directly, and what a hostile WebSocket peer may not do."""

import json
import os
import struct

import pytest
import trio
import trio.testing
from gateway_peers import HEADERS, KEY, echo_engine, handshake, opened, quick


def frame(
    payload: bytes = b"", *, opcode: int = 1, fin: bool = True, rsv: int = 0, masked: bool = True, size=None
) -> bytes:
    size = len(payload) if size is None else size
    first = opcode | (0x80 if fin else 0) | rsv
    if size < 126:
        head = bytes([first, size | (0x80 if masked else 0)])
    elif size < 65536:
        head = bytes([first, 126 | (0x80 if masked else 0)]) + struct.pack("!H", size)
    else:
        head = bytes([first, 127 | (0x80 if masked else 0)]) + struct.pack("!Q", size)
    return head + (b"\0\0\0\0" if masked else b"") + payload


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


@pytest.mark.parametrize("message", ["abc", "", "7", "0", "2", "2probe", "5"])
async def test_an_invalid_packet_closes_the_session_at_once(message: str) -> None:
    server = echo_engine()
    reasons = []
    server.on("disconnect", lambda sid, reason: reasons.append(reason))
    async with opened(server) as peers:
        ws = await peers.ws()
        neighbour = await peers.ws()
        await ws.receive()
        await ws.send(message)
        with trio.fail_after(5):
            assert await ws.closed() == 1002
        assert reasons == ["transport error"]
        await neighbour.receive()
        await neighbour.send("4still here")
        assert await neighbour.receive() == "4still here"


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


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ("Sec-WebSocket-Version: 13\r\n", 400),
        ("Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n", 400),
        ("Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: é\r\n", 400),
        (f"Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: {KEY}\r\n", 426),
        (f"Sec-WebSocket-Key: {KEY}\r\n", 426),
        (f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\nContent-Length: 2\r\n", 400),
    ],
)
async def test_a_malformed_handshake_is_refused(headers: str, status: int) -> None:
    async with opened(echo_engine()) as peers:
        stream = peers.stream()
        await stream.send_all(handshake(peers.target("websocket"), headers))
        assert (await read_to_end(stream)).startswith(f"HTTP/1.1 {status} ".encode())


async def test_no_extension_is_negotiated() -> None:
    async with opened(echo_engine()) as peers:
        _, received = await raw_websocket(peers, "Sec-WebSocket-Extensions: permessage-deflate\r\n")
    assert b"101" in received.split(b"\r\n")[0]
    assert b"extensions" not in received.lower()


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


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (frame(b"4x", rsv=0x40), 1002),
        (frame(b"4x", rsv=0x10), 1002),
        (frame(b"4x", masked=False), 1002),
        (frame(opcode=3), 1002),
        (frame(b"x" * 126, opcode=9), 1002),
        (frame(b"x", opcode=9, fin=False), 1002),
        (frame(opcode=0), 1002),
        (frame(b"4x", fin=False) + frame(b"4x"), 1002),
        (frame(b"4", size=2**30), 1009),
        (frame(b"4", size=2**63), 1002),
        (frame(b"4", size=1001), 1009),
        (frame(b"x" * 600, fin=False) + frame(b"x" * 600, opcode=0), 1009),
        (frame(b"4", fin=False) + frame(b"", opcode=0, fin=False) * 20, 1008),
    ],
)
async def test_a_frame_that_breaks_the_rules_closes_the_websocket_with_its_code(
    sent: bytes, code: int
) -> None:
    server = echo_engine(max_http_buffer_size=1000, limits=quick(frames_per_message=16))
    reasons = []
    server.on("disconnect", lambda sid, reason: reasons.append(reason))
    async with opened(server) as peers:
        stream, _ = await raw_websocket(peers)
        await stream.send_all(sent)
        received = await read_to_end(stream)
        assert received[0] == 0x88, received
        assert int.from_bytes(received[2:4], "big") == code
        await trio.testing.wait_all_tasks_blocked()
        assert reasons == ["transport error"]
        assert peers.house.connections.receiving == 0


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (frame(b"4\xff\xfe"), 1007),
        (frame(b"\x03", opcode=8), 1002),
        (frame(b"\x03\xe8\xff", opcode=8), 1007),
        (frame(b"\x03\xed", opcode=8), 1002),
    ],
)
async def test_text_that_is_no_text_closes_the_websocket_with_its_code(sent: bytes, code: int) -> None:
    server = echo_engine()
    reasons = []
    server.on("disconnect", lambda sid, reason: reasons.append(reason))
    async with opened(server) as peers:
        stream, _ = await raw_websocket(peers)
        await stream.send_all(sent)
        received = await read_to_end(stream)
        assert received[0] == 0x88, received
        assert int.from_bytes(received[2:4], "big") == code
        await trio.testing.wait_all_tasks_blocked()
        assert reasons == ["transport error"]


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


async def test_frames_sent_before_the_handshake_has_ended_are_refused() -> None:
    async with opened(echo_engine()) as peers:
        stream = peers.stream()
        await stream.send_all(handshake(peers.target("websocket")) + frame(b"4x"))
        assert (await read_to_end(stream)).startswith(b"HTTP/1.1 400 ")


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


async def test_a_websocket_elsewhere_is_not_found() -> None:
    async with opened(echo_engine()) as peers:
        assert (await peers.ws_refused("/elsewhere")).status == 404
