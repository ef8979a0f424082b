"""Our client, gateway, sessions and line over wires that break at any byte: each result once."""

import os

import attrs
import pytest
import trio
from client_wires import serve_over_wires
from desk import open_desk
from hypothesis import given, settings
from hypothesis import strategies as st
from running import RATE_HZ, marked, who_speaks
from trio.testing import MockClock

from sts_actors.client import (
    Complete,
    Processed,
    Reconnect,
    ResultsLost,
    StreamInit,
    open_client,
    open_dubbing_stream,
)
from sts_actors.gateway import Server

FRAGMENTS = 6
PIECES = [marked(3, number) for number in range(FRAGMENTS)]
INIT = StreamInit(source_language="en", target_language="pt", sample_rate_hz=RATE_HZ, timeout_ms=30_000)
SCHEDULES = int(os.environ.get("STS_CUTS", "200"))


@attrs.frozen
class Fate:
    """What becomes of a wire: after how many bytes or seconds it breaks, and whether the server knows."""

    up: int | None
    down: int | None
    breaks_after_s: float
    haunted: bool

    async def befall(self, wire):
        wire.haunted = self.haunted
        wire.left_up, wire.left_down = self.up, self.down
        await trio.sleep(self.breaks_after_s)
        wire.cut()


BYTES = st.one_of(st.none(), st.integers(1, 200_000))
FATES = st.builds(
    Fate,
    up=BYTES,
    down=BYTES,
    breaks_after_s=st.sampled_from([0.05, 0.1, 0.3, 5.0]),
    haunted=st.booleans(),
)


@given(st.random_module(), st.lists(FATES, max_size=8))
@settings(max_examples=SCHEDULES, deadline=None)
def test_each_fragment_is_dubbed_once_and_read_once_in_order_wherever_the_wires_break(_schedule, fates):
    async def main(monkeypatch):
        server, read = Server(), []
        async with open_desk(server=server) as desk, serve_over_wires(server, monkeypatch) as wires:

            async def dub(client):
                stream = await open_dubbing_stream(client, INIT)
                assert stream.resumable
                # Only now: a stream that was never opened cannot be resumed.
                if fates:
                    desk.nursery.start_soon(fates[0].befall, wires.last)
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(send, stream)
                    read.extend([event async for event in stream.events])

            async def send(stream):
                for number, piece in enumerate(PIECES):
                    await stream.wait_for_room()
                    await stream.send_fragment(number, piece, 1000)
                await stream.end()

            def lay(wire, number):
                if 0 < number < len(fates):
                    desk.nursery.start_soon(fates[number].befall, wire)

            wires.lay = lay
            with trio.fail_after(300):
                async with open_client(wires.url, reconnect=Reconnect()) as client:
                    await dub(client)
            results = [event for event in read if isinstance(event, Processed)]
            assert [result.sequence_number for result in results] == list(range(FRAGMENTS))
            assert [who_speaks(result.audio) for result in results] == [(3, n) for n in range(FRAGMENTS)]
            assert len(desk.asked) == FRAGMENTS
            assert not [event for event in read if isinstance(event, ResultsLost)]
            (complete,) = [event for event in read if isinstance(event, Complete)]
            assert complete.total_fragments == FRAGMENTS
            assert desk.dubbing.streams == ()

    with pytest.MonkeyPatch.context() as monkeypatch:
        trio.run(main, monkeypatch, clock=MockClock(autojump_threshold=0))
