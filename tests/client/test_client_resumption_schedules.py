"""Wherever the wires break, whoever is cancelled: each fragment has one result, read once, in order."""

import attrs
import pytest
import trio
from client_dubber import dubber_in_memory
from client_wires import Wire
from hypothesis import given, settings
from hypothesis import strategies as st
from test_client_resumption import check, dub
from test_client_worker import INIT
from trio.testing import MockClock, lockstep_stream_pair, memory_stream_pair

from sts_actors.client import Complete, Processed, Reconnect, open_client, open_dubbing_stream


@attrs.frozen
class Fate:
    """What becomes of one wire: None for never.

    Attributes:
        up, down: bytes that pass in each direction before it breaks.
        silent: in which direction it falls silent at `silent_after_s`, with nobody the wiser.
        breaks_after_s: when it breaks, whatever has passed.
        haunted: the server is not told.
    """

    answered: bool
    up: int | None
    down: int | None
    silent: str
    silent_after_s: float
    breaks_after_s: float
    haunted: bool

    async def befall(self, wire: Wire) -> None:
        wire.haunted = self.haunted
        wire.left_up, wire.left_down = self.up, self.down
        await trio.sleep(self.silent_after_s)
        if self.silent == "up":
            wire.deafen()
        elif self.silent == "down":
            wire.mute()
        await trio.sleep(max(self.breaks_after_s - self.silent_after_s, 0))
        wire.cut()


BYTES = st.one_of(st.none(), st.integers(1, 4000))
FATES = st.builds(
    Fate,
    answered=st.sampled_from([True, True, True, False]),
    up=BYTES,
    down=BYTES,
    silent=st.sampled_from(["", "", "up", "down"]),
    silent_after_s=st.sampled_from([0.0, 0.05, 0.15, 0.6]),
    breaks_after_s=st.sampled_from([0.0, 0.1, 0.2, 0.5, 3.0]),
    haunted=st.booleans(),
)
TIMES = st.lists(st.sampled_from([0.0, 0.0, 0.1, 0.3, 1.5]), min_size=6, max_size=6)


def doomed(dubber, fates):
    """Let the fates befall the wires in turn: the first once its stream is ready, the others when laid."""

    def lay(wire, number):
        if not 0 < number < len(fates):
            return True
        dubber.nursery.start_soon(fates[number].befall, wire)
        return fates[number].answered

    def first(wire):
        dubber.nursery.start_soon(fates[0].befall, wire)

    dubber.wires.lay = lay
    dubber.moments["ready", 1] = lambda wire: dubber.nursery.start_soon(begin, wire)

    async def begin(wire):
        await trio.testing.wait_all_tasks_blocked()  # until the client has the token
        first(wire)


@given(
    st.random_module(),
    st.lists(FATES, min_size=1, max_size=8),
    st.integers(0, 6),
    TIMES,
    st.sampled_from([memory_stream_pair, lockstep_stream_pair]),
)
@settings(max_examples=150, deadline=None)
def test_each_fragment_has_one_result_and_they_are_read_in_order(_seed, fates, count, took_s, pair):
    async def main(monkeypatch):
        async with dubber_in_memory(monkeypatch) as dubber:
            dubber.took_s = lambda number: took_s[number]
            dubber.wires.pair = pair
            doomed(dubber, fates)
            async with open_client(dubber.wires.url, reconnect=Reconnect()) as client:
                got = await dub(client, count)
        check(got, count)
        assert sorted(dubber.line.got) == list(range(count))

    with pytest.MonkeyPatch.context() as monkeypatch:
        trio.run(main, monkeypatch, clock=MockClock(autojump_threshold=0))


@given(
    st.random_module(),
    st.lists(FATES, min_size=1, max_size=6),
    st.lists(st.sampled_from([0.0, 0.05, 0.1, 0.5, 1.0, 2.5]), max_size=12),
    st.sampled_from([memory_stream_pair, lockstep_stream_pair]),
)
@settings(max_examples=150, deadline=None)
def test_who_is_cancelled_in_the_middle_of_it_takes_nothing_from_the_others(_seed, fates, patience_s, pair):
    """Sends and reads are given up again and again: what was reported sent has its result all the same."""
    reported, read = [], []

    async def send(stream):
        for number, patience in enumerate(patience_s):
            with trio.move_on_after(patience):
                await stream.send_fragment(number, b"audio", 100)
                reported.append(number)
        await stream.end()

    async def main(monkeypatch):
        async with dubber_in_memory(monkeypatch) as dubber:
            dubber.max_inflight = 100
            dubber.wires.pair = pair
            doomed(dubber, fates)
            async with (
                open_client(dubber.wires.url, reconnect=Reconnect()) as client,
                trio.open_nursery() as nursery,
            ):
                stream = await open_dubbing_stream(client, INIT)
                nursery.start_soon(send, stream)
                with trio.fail_after(600):
                    while not (read and isinstance(read[-1], Complete)):
                        with trio.move_on_after(0.07):
                            read.append(await anext(stream.events))
            assert stream.in_flight == 0
        results = [event.sequence_number for event in read if isinstance(event, Processed)]
        assert results == dubber.line.got
        assert len(set(results)) == len(results)
        assert set(reported) <= set(results)

    with pytest.MonkeyPatch.context() as monkeypatch:
        trio.run(main, monkeypatch, clock=MockClock(autojump_threshold=0))
