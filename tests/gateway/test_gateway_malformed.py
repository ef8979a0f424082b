"""A hand-written corpus of malformed input over real sockets: one refusal each, and nobody else harmed."""

import logging
from collections import Counter

import malformed_engineio
import malformed_frames
import malformed_http
import malformed_socketio
import pytest
import trio
from gateway_loopback import CLOSE, Loopback, Raw, frame, listening
from gateway_peers import KEY
from malformed import Closed, ConnectError, Dropped, Malformed, Refused, Start

from sts_actors.gateway import HttpRequest, HttpResponse, Limits, Server

CORPUS = (
    *malformed_http.ENTRIES,
    *malformed_frames.ENTRIES,
    *malformed_engineio.ENTRIES,
    *malformed_socketio.ENTRIES,
)

LIMITS = Limits(
    header_timeout=0.5,
    body_timeout=0.6,
    close_timeout=0.2,
    upgrade_timeout=0.4,
    attachment_timeout=0.3,
    attachment_bytes=100_000,
    connect_timeout=1.5,
    frames_per_message=64,
    packets_per_request=64,
)


def echoing(reasons: list[str]) -> Server:
    """A server that echoes, short of time and of patience."""
    server = Server(limits=LIMITS, max_http_buffer_size=100_000)
    server.on("message", lambda sid, *args: args)
    server.on("disconnect", lambda sid, reason: reasons.append(reason))
    server.on("message", lambda sid, *args: args, namespace="/custom")

    async def upload(request: HttpRequest) -> HttpResponse:
        return HttpResponse(200, {}, await request.body(10_000))

    async def health(request: HttpRequest) -> HttpResponse:
        return HttpResponse(200, {}, b"healthy")

    server.route("POST", "/upload", upload)
    server.route("GET", "/health", health)
    return server


async def begin(peers: Loopback, start: Start) -> tuple[Raw | None, str]:
    """What the peer does before; its stream and its session's id, as far as there are any."""
    if start is Start.POLLING:
        return None, await peers.polling()
    if start is Start.PROBING:
        sid = await peers.polling()
        return await peers.websocket(sid), sid
    if start is Start.ENGINE:
        return await peers.websocket(), ""
    return await (peers.joined() if start is Start.JOINED else peers.raw()), ""


async def send(peers: Loopback, entry: Malformed, raw: Raw | None, sid: str) -> list[Raw]:
    """Send what is malformed; the streams it went over, the one to be answered last."""
    if raw is not None:
        for part in entry.sent:
            await raw.send(frame(part.encode()) if isinstance(part, str) else part)
        return [raw]
    raws = []
    for part in entry.sent:
        assert isinstance(part, bytes)
        raws.append(await peers.raw())
        await raws[-1].send(part.replace(b"{sid}", sid.encode()))
        await trio.testing.wait_all_tasks_blocked(0.01)
    return raws


async def ending(raw: Raw, start: Start) -> Refused | Closed | ConnectError | Dropped:
    """How it ended."""
    if start in {Start.CONNECTION, Start.POLLING}:
        reply = await raw.reply()
        if reply is None:
            return Dropped()
        typed = reply.headers.get("content-type") == "application/json" and reply.status >= 400
        closes = reply.headers.get("connection") == "close"
        if closes:
            assert not await raw.more(), "more than one answer"
        return Refused(reply.status, reply.json["code"] if typed else None, closes=closes)
    while (received := await raw.frame()) is not None:
        opcode, payload = received
        if opcode == CLOSE:
            return Closed(int.from_bytes(payload[:2], "big"))
        if payload.startswith(b"44"):
            return ConnectError(payload.decode())
    return Dropped()


async def echoes(neighbour: Raw) -> bool:
    """Whether an event of the neighbour's is still answered."""
    await neighbour.send(frame(b'421["message","still here"]'))
    return await neighbour.message() == '431["still here"]'


@pytest.mark.parametrize("entry", CORPUS, ids=lambda entry: entry.name)
async def test_malformed_input_ends_as_it_must_and_harms_no_neighbour(entry: Malformed, caplog) -> None:
    reasons: list[str] = []
    server = echoing(reasons)
    with caplog.at_level(logging.INFO), trio.fail_after(10):
        async with listening(server) as peers:
            neighbour = await peers.joined()
            await trio.testing.wait_all_tasks_blocked(0.002)
            tasks = trio.lowlevel.current_statistics().tasks_living
            raw, sid = await begin(peers, entry.start)
            raws = await send(peers, entry, raw, sid)
            ended = await ending(raws[-1], entry.start)
            lives = isinstance(entry.ending, Refused) and entry.ending.lives
            if lives:
                ended = Refused(ended.status, ended.code, lives=sid in server.eio.sockets)
            assert ended == entry.ending
            for used in raws:
                await used.drop()
            if lives or entry.start is Start.PROBING:
                # Nothing happened to the session: it still takes its own end.
                assert (await peers.request("POST", peers.target("polling", sid), b"1")).status == 200
            await peers.settled(tasks)
            assert await echoes(neighbour)
            assert len(server.eio.sockets) == 1
            assert (peers.house.connections.connections, peers.house.connections.receiving) == (1, 0)
            assert server._attached.used == 0
            assert (len(server._connections), len(server._clients), len(server.environ)) == (1, 1, 1)
            assert reasons == ([entry.reason] if entry.start is Start.JOINED else [])
    assert [record for record in caplog.records if record.levelno >= logging.WARNING or record.exc_info] == []


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /health HTTP/1.1\nHost: t\n\n",
        b"GET /health HTTP/1.1\r\nHost: t\r\nX: a\r\n b\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
    ],
    ids=["bare line feeds", "a folded header", "the same length twice"],
)
async def test_what_a_server_may_forgive_is_served_as_it_was_meant(request_: bytes) -> None:
    async with listening(echoing([])) as peers:
        raw = await peers.raw()
        await raw.send(request_)
        reply = await raw.reply()
        assert reply is not None
        assert reply.text == "healthy"


@pytest.mark.parametrize(
    "offer",
    [
        "Sec-WebSocket-Extensions: permessage-deflate",
        "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=15, x-webkit-deflate-frame",
        "Sec-WebSocket-Extensions: ;;=,",
        "Sec-WebSocket-Protocol: chat, superchat",
    ],
)
async def test_an_offer_is_not_taken_up_and_no_compressed_frame_accepted(offer: str) -> None:
    with trio.fail_after(10):
        async with listening(echoing([])) as peers:
            raw = await peers.websocket(
                headers=f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n{offer}\r\n"
            )
            assert "sec-websocket-extensions" not in raw.head.lower()
            assert "sec-websocket-protocol" not in raw.head.lower()
            await raw.send(frame(b"40"))
            assert str(await raw.message()).startswith("40{")
            assert await echoes(raw)
            await raw.send(frame(b"\x32\x31\x02\x00", rsv=0x40))
            assert await ending(raw, Start.JOINED) == Closed(1002)


def test_the_corpus_is_large_and_says_nothing_twice() -> None:
    assert len(CORPUS) >= 150
    assert [name for name, times in Counter(entry.name for entry in CORPUS).items() if times > 1] == []
    sent = Counter((entry.start, entry.sent) for entry in CORPUS)
    assert [what for what, times in sent.items() if times > 1] == []
