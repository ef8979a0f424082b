"""Whatever the schedule of cuts: the events of living connections arrive, in order, and nothing is left."""

import gc
import re
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import attrs
import pytest
import trio
import trio.testing
from client_peer import Peer, Script, dials_in_memory, encode, serve_script
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock, lockstep_stream_pair, memory_stream_pair

from sts_actors.client import Client, ConnectionLost, Disconnected, Reconnect, Reconnected, open_client


@attrs.frozen
class Life:
    """What becomes of one dial.

    Attributes:
        stage: how far the server comes: `refuse` and `vanish` make no connection.
        events: how many it sends, each with an attachment where its number is odd.
        torn: whether it leaves in the middle of one more.
        reads: how many messages of the client it reads before it leaves.
        stays_s: how long it stays after that.
    """

    stage: str
    events: int
    torn: bool
    reads: int
    stays_s: float


LIVES = st.builds(
    Life,
    stage=st.sampled_from(["join", "join", "join", "vanish", "refuse"]),
    events=st.integers(0, 4),
    torn=st.booleans(),
    reads=st.integers(0, 2),
    stays_s=st.sampled_from([0.0, 0.0, 0.7, 3.0]),
)


@attrs.define
class Play:
    """A server that lives through `lives`, and what it sent and heard."""

    lives: list[Life]
    sent: list[tuple[str, object]] = attrs.field(factory=list)
    heard: list[int] = attrs.field(factory=list)

    def answer(self, number: int) -> Script | None:
        life = self.lives[number]
        return None if life.stage == "refuse" else partial(self.live, number, life)

    async def live(self, number: int, life: Life, peer: Peer) -> None:
        if life.stage == "vanish":
            await peer.accept()
            return
        await peer.welcome(f"sid-{number}", pingInterval=3_600_000)
        self.sent.append(("joined", f"sid-{number}"))
        for index in range(life.events):
            await self.send(peer, number, index)
            self.sent.append(("event", (number, index)))
        for _ in range(life.reads):
            await self.hear(peer)
        if life.torn:
            await peer.stream.send_all(encode(1, b'42["torn', length=1000))
        await trio.sleep(life.stays_s)
        while life is self.lives[-1] and await self.hear(peer):
            pass

    async def send(self, peer: Peer, number: int, index: int) -> None:
        if index % 2:
            await peer.text(f'451-["one",{number},{index},{{"_placeholder":true,"num":0}}]')
            await peer.binary(bytes([number, index]))
        else:
            await peer.event("one", number, index)

    async def hear(self, peer: Peer) -> bool:
        frame = await peer.frame()
        if frame != "41":
            self.heard.append(int(re.fullmatch(r'42\["note",(\d+)\]', frame)[1]))
        return frame != "41"


async def emit_all(client: Client, pauses: list[float], reported: list[int]) -> None:
    for number, pause_s in enumerate(pauses):
        await trio.sleep(pause_s)
        with suppress(ConnectionLost):
            await client.emit("note", number)
            reported.append(number)


async def read_all(client: Client, last: tuple[int, int]) -> list[tuple[str, object]]:
    """What came, up to the event `last`, in the words of `Play.sent`."""
    got: list[tuple[str, object]] = [("joined", client.sid)]
    cuts = 0
    async for event in client.events:
        if isinstance(event, Disconnected):
            cuts += 1
            assert event.connection == cuts
            continue
        assert event.connection == cuts + 1
        if isinstance(event, Reconnected):
            got.append(("joined", event.sid))
            continue
        number, index, *attached = event.args
        assert attached == ([bytes([number, index])] if index % 2 else [])
        got.append(("event", (number, index)))
        if (number, index) == last:
            break
    return got


@given(
    st.random_module(),
    st.lists(LIVES, max_size=8),
    st.lists(st.sampled_from([0.0, 0.3, 2.0]), max_size=8),
    st.sampled_from([memory_stream_pair, lockstep_stream_pair]),
)
@settings(max_examples=150, deadline=None)
def test_exactly_the_events_of_living_connections_arrive_in_order_and_no_emit_arrives_twice(
    _seed, lives, pauses, pair
):
    play = Play([Life("join", 0, False, 0, 0.0), *lives, Life("join", 2, False, 0, 0.0)])
    reported: list[int] = []

    async def main(monkeypatch) -> None:
        async with dials_in_memory(play.answer, monkeypatch, pair) as dials:
            async with open_client(dials.url, reconnect=Reconnect()) as client:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(emit_all, client, pauses, reported)
                    got = await read_all(client, (len(play.lives) - 1, 1))
                await client.emit("note", len(pauses))
            await trio.testing.wait_all_tasks_blocked()
            assert dials.standing == 0
            assert len(dials.times) == len(play.lives)
        assert got == play.sent

    with pytest.MonkeyPatch.context() as monkeypatch:
        trio.run(main, monkeypatch, clock=MockClock(autojump_threshold=0))
    assert play.heard == sorted(set(play.heard))
    assert play.heard[-1] == len(pauses)
    # With lockstep streams an emit returns when the server has read it: none of those is missing.
    if pair is lockstep_stream_pair:
        assert set(reported) <= set(play.heard)


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def hang_up(_: Peer) -> None:
    """The kernel says goodbye."""


def reset(peer: Peer) -> None:
    """The kernel does not."""
    peer.stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@pytest.mark.parametrize("end", [hang_up, reset])
async def test_twenty_cuts_in_a_row_lose_no_event_of_a_living_connection_and_leave_no_task_or_file(
    end: Callable[[Peer], None],
):
    lives = 0

    async def script(peer: Peer) -> None:
        nonlocal lives
        lives += 1
        life = lives
        await peer.welcome(f"sid-{life}")
        for index in range(50):
            await peer.event("one", life, index)
        # Answered when all before it was read: a reset throws away what was not.
        assert await peer.frame() == f'42["read",{life}]'
        if life == 21:
            await peer.part()
        end(peer)

    async with serve_script(script) as url:
        gc.collect()
        files, tasks = open_files(), trio.lowlevel.current_statistics().tasks_living
        policy = Reconnect(first_delay_s=0.001, max_delay_s=0.005)
        with trio.fail_after(30):
            async with open_client(url, reconnect=policy) as client:
                for life in range(1, 22):
                    if life > 1:
                        assert isinstance(await anext(client.events), Disconnected)
                        assert await anext(client.events) == Reconnected(sid=f"sid-{life}")
                    got = [(await anext(client.events)).args for _ in range(50)]
                    assert got == [(life, index) for index in range(50)]
                    await client.emit("read", life)
            assert [event async for event in client.events] == []
            while open_files() > files or trio.lowlevel.current_statistics().tasks_living > tasks:
                await trio.testing.wait_all_tasks_blocked(0.01)  # the server's side ends in its own time
