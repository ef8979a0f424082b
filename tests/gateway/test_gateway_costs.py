"""What an attack may cost: real clock, real sockets, and a server whose memory is its process's own."""

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path

import pytest
import trio
from gateway_loopback import BINARY, CLOSE, CONTINUATION, PING, Loopback, Raw, frame

HERE = Path(__file__).parent
MIB = 2**20
LIMITS = {
    "header_timeout": 0.5,
    "body_timeout": 0.5,
    "write_timeout": 0.5,
    "send_timeout": 0.5,
    "close_timeout": 0.3,
    "attachment_timeout": 0.5,
    "connect_timeout": 2,
    "receiving": MIB // 2,
    "outbox_bytes": MIB // 4,
}
SLACK_S = 3.0
"""For a busy machine; each deadline above is far below it."""
GROWTH_KIB = 4 * 1024

Attack = Callable[["Victim"], Awaitable[object]]


class Victim(Loopback):
    """The server under attack; of its inside only the cost is in view."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.path = "/socket.io"
        self._raws = []

    async def cost(self) -> dict[str, int]:
        return (await self.request("GET", "/cost")).json


@pytest.fixture
async def victim() -> AsyncIterator[Victim]:
    async with trio.open_nursery() as nursery:
        start = [sys.executable, str(HERE / "gateway_victim.py"), json.dumps(LIMITS)]
        process = await nursery.start(
            partial(trio.run_process, start, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        )
        with trio.fail_after(20):
            port = int(await process.stdout.receive_some(100))
        served = Victim(port)
        yield served
        await served.drop_all()
        await process.stdin.aclose()
        await process.stdout.aclose()


async def all_at_once(peers: int, attack: Attack, victim: Victim) -> list:
    """What the attack of each of `peers` returned."""
    results = []

    async def one() -> None:
        results.append(await attack(victim))

    async with trio.open_nursery() as nursery:
        for _ in range(peers):
            nursery.start_soon(one)
    return results


async def flood(raw: Raw, data: bytes) -> None:
    """Send `data` again and again until the stream ends."""

    async def send() -> None:
        while True:
            await raw.stream.send_all(data)

    async with trio.open_nursery() as nursery:

        async def until_the_end() -> None:
            while await raw.more():
                pass
            nursery.cancel_scope.cancel()

        nursery.start_soon(until_the_end)
        try:
            await send()
        except trio.BrokenResourceError:
            return


async def close_code(raw: Raw) -> int | None:
    """The code of the server's close frame; None when the stream ends without."""
    while (received := await raw.frame()) is not None:
        if received[0] == CLOSE:
            return int.from_bytes(received[1][:2], "big")
    return None


async def declares_a_gibibyte(victim: Victim) -> object:
    raw = await victim.joined()
    await raw.send(frame(b"4", size=2**30))
    await flood(raw, b"x" * 65536)
    return "cut"


async def sends_a_message_in_tiny_frames(victim: Victim) -> object:
    raw = await victim.joined()
    await raw.send(frame(b"4", fin=False) + frame(b"x", opcode=CONTINUATION, fin=False) * 100_000)
    return await close_code(raw)


async def drips_a_head(victim: Victim) -> object:
    raw = await victim.raw()
    await raw.send(b"GET / HTTP/1.1\r\n")

    async def drip() -> None:
        while True:
            await raw.send(b"X: x\r\n")
            await trio.sleep(0.05)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(drip)
        reply = await raw.reply()
        nursery.cancel_scope.cancel()
    return reply and reply.status


async def uploads_and_stops(victim: Victim) -> object:
    raw = await victim.raw()
    await raw.send(b"POST /upload HTTP/1.1\r\nHost: t\r\nContent-Length: 16777216\r\n\r\n" + b"x" * 30_000)
    reply = await raw.reply()
    return reply and reply.status


async def posts_a_payload_and_stops(victim: Victim) -> object:
    sid = await victim.polling()
    raw = await victim.raw()
    head = f"POST {victim.target('polling', sid)} HTTP/1.1\r\nHost: t\r\nContent-Length: 16777216\r\n\r\n"
    await raw.send(head.encode() + b"4" * 30_000)
    reply = await raw.reply()
    return reply and reply.status


async def declares_a_large_frame_and_stops(victim: Victim) -> object:
    raw = await victim.joined()
    await raw.send(frame(b"4", size=100_000))
    return await close_code(raw)


async def attaches_and_stops(victim: Victim) -> object:
    raw = await victim.joined()
    held = ",".join(f'{{"_placeholder":true,"num":{number}}}' for number in range(16))
    await raw.send(frame(f'4516-["message",{held}]'.encode()))
    for _ in range(15):
        await raw.send(frame(b"x" * 50_000, opcode=BINARY))
    return await close_code(raw)


async def pings_and_reads_nothing(victim: Victim) -> object:
    raw = await victim.joined()
    with trio.move_on_after(SLACK_S) as scope:
        try:
            while True:
                await raw.stream.send_all(frame(b"x" * 125, opcode=PING) * 500)
        except trio.BrokenResourceError:
            return "cut"
    return "still there" if scope.cancelled_caught else "cut"


async def asks_and_reads_nothing(victim: Victim) -> object:
    raw = await victim.joined()
    with trio.move_on_after(SLACK_S) as scope:
        try:
            while True:
                await raw.stream.send_all(frame(b'421["message","' + b"x" * 60_000 + b'"]'))
        except trio.BrokenResourceError:
            return "cut"
    return "still there" if scope.cancelled_caught else "cut"


@pytest.mark.parametrize(
    ("peers", "attack", "endings"),
    [
        (8, declares_a_gibibyte, {"cut"}),
        (4, sends_a_message_in_tiny_frames, {1008}),
        (64, drips_a_head, {408}),
        (32, uploads_and_stops, {408, 503}),
        (32, posts_a_payload_and_stops, {408, 503}),
        (32, declares_a_large_frame_and_stops, {1008, 1013}),
        (16, attaches_and_stops, {1002, 1013}),
        (4, pings_and_reads_nothing, {"cut"}),
        (4, asks_and_reads_nothing, {"cut"}),
    ],
    ids=lambda value: value.__name__ if callable(value) else None,
)
async def test_an_attack_ends_in_time_and_costs_no_memory(
    victim: Victim, peers: int, attack: Attack, endings: set
) -> None:
    # Whatever is loaded only once is loaded by then.
    neighbour = await victim.joined()
    await all_at_once(peers, lambda victim: victim.joined(), victim)
    for raw in victim._raws[:-1]:
        if raw is not neighbour:
            await raw.drop()
    before = (await victim.cost())["now"]
    began = trio.current_time()
    with trio.fail_after(20):
        results = await all_at_once(peers, attack, victim)
    took = trio.current_time() - began
    after = await victim.cost()
    await neighbour.send(frame(b'421["message","still here"]'))
    assert await neighbour.message() == '431["still here"]'
    assert set(results) <= endings
    assert took < SLACK_S
    assert after["peak"] - before <= GROWTH_KIB
