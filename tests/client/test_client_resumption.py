"""A stream on a reconnecting client outlives its connections, wherever they are cut."""

import attrs
import pytest
import trio
import trio.testing
from client_dubber import SECRET, dubber_in_memory
from test_client_worker import INIT
from trio.testing import lockstep_stream_pair

from sts_actors.client import (
    Backpressure,
    Complete,
    ConnectionLost,
    MessageTooLarge,
    Processed,
    Reconnect,
    ResultsLost,
    Resumed,
    open_client,
    open_dubbing_stream,
)

STEADY = Reconnect(jitter=0)


async def dub(client, count, *, got=None, init=INIT):
    """Dub so many fragments; all events but acknowledgements."""
    stream = await open_dubbing_stream(client, init)
    got = [] if got is None else got

    async def send():
        for number in range(count):
            await stream.wait_for_room()
            await stream.send_fragment(number, b"audio %d" % number, 100)
        await stream.end()

    with trio.fail_after(600):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(send)
            async for event in stream.events:
                got.append(event)
    assert stream.in_flight == 0
    return got


def check(got, count):
    results = [event for event in got if isinstance(event, Processed)]
    assert [event.sequence_number for event in results] == list(range(count))
    assert [event.result_number for event in results] == list(range(1, count + 1))
    assert [event.audio for event in results] == [(b"audio %d" % number)[::-1] for number in range(count)]
    assert isinstance(got[-1], Complete)
    assert got[-1].total_fragments == count


ANY_WAY = ["cut", "mute", "haunt"]
MOMENTS = [
    *[(moment, how) for how in [*ANY_WAY, "deafen"] for moment in [("fragment", 1), ("fragment", 4)]],
    *[(moment, how) for how in [*ANY_WAY, "deafen"] for moment in [("result", 1), ("told", 1), ("ack", 1)]],
    *[(moment, how) for how in ANY_WAY for moment in [("told", 5), ("ack", 2), ("end", 1), ("complete", 1)]],
]


def breaking(dubber, how):
    """What breaks a wire: at once, with the server none the wiser, or after one direction fell silent."""

    async def cut_later(wire):
        await trio.sleep(0.25)
        wire.cut()

    def act(wire):
        if how == "deafen":
            wire.deafen()
        elif how == "mute":
            wire.mute()
        wire.haunted = how == "haunt"
        if how in {"cut", "haunt"}:
            wire.cut()
        else:
            dubber.nursery.start_soon(cut_later, wire)

    return act


@pytest.mark.parametrize(("moment", "how"), MOMENTS)
async def test_a_cut_at_any_moment_loses_no_result_and_doubles_none(autojump_clock, monkeypatch, moment, how):
    async with dubber_in_memory(monkeypatch) as dubber:
        dubber.moments[moment] = breaking(dubber, how)
        async with open_client(dubber.wires.url, reconnect=STEADY) as client:
            got = await dub(client, 6)
    check(got, 6)
    assert dubber.line.got == list(range(6))
    assert [asked["resume_token"] for asked in dubber.asked] == [dubber.line.token]
    assert sum(isinstance(event, Resumed) for event in got) == 1
    numbers = [ack["result_number"] for ack in dubber.acks]
    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize("second", ["resume", "resumed"])
@pytest.mark.parametrize("how", ["cut", "mute", "haunt", "deafen"])
@pytest.mark.parametrize("first", ["fragment", "told", "complete"])
async def test_a_cut_in_the_middle_of_a_resumption_is_one_more_to_come_back_from(
    autojump_clock, monkeypatch, first, second, how
):
    async with dubber_in_memory(monkeypatch) as dubber:
        dubber.moments = {
            (first, 1): breaking(dubber, "cut"),
            (second, 1): breaking(dubber, how),
            (second, 2): breaking(dubber, how),
        }
        async with open_client(dubber.wires.url, reconnect=STEADY) as client:
            got = await dub(client, 3)
    check(got, 3)
    assert dubber.line.got == [0, 1, 2]
    assert len(dubber.wires.laid) >= 2


async def test_a_stream_that_is_cut_before_anything_was_sent_is_told_so_and_goes_on(
    autojump_clock, monkeypatch
):
    async with (
        dubber_in_memory(monkeypatch) as dubber,
        open_client(dubber.wires.url, reconnect=STEADY) as client,
    ):
        stream = await open_dubbing_stream(client, INIT)
        assert stream.resumable
        dubber.wires.last.cut()
        dubber.max_inflight = 7
        assert await anext(stream.events) == Resumed(
            stream_id="s",
            session_id=client.sid,
            max_inflight=7,
            unanswered=(),
            lost_results=0,
            complete=False,
        )
        assert (stream.ready.session_id, stream.ready.max_inflight) == (client.sid, 7)
        assert isinstance(await anext(stream.events), Backpressure)
        await stream.send_fragment(0, b"x", 100)
        await stream.end()
        rest = [event async for event in stream.events]
    assert [type(event) for event in rest] == [Processed, Complete]
    assert dubber.asked == [{"resume_token": dubber.line.token, "last_result_number": 0}]
    assert dubber.goodbyes == 1


async def test_a_stream_that_is_cut_before_it_is_ready_is_lost(autojump_clock, monkeypatch):
    async with dubber_in_memory(monkeypatch) as dubber:
        dubber.moments["init", 1] = breaking(dubber, "cut")
        async with open_client(dubber.wires.url, reconnect=STEADY) as client:
            with pytest.raises(ConnectionLost, match="went away without a goodbye"):
                await open_dubbing_stream(client, INIT)
            check(await dub(client, 2), 2)
    assert dubber.asked == []


async def test_who_sends_or_ends_in_an_outage_waits_until_it_is_over(autojump_clock, monkeypatch):
    async with dubber_in_memory(monkeypatch) as dubber:
        dubber.wires.lay = lambda _, number: number not in {1, 2, 3}
        async with open_client(dubber.wires.url, reconnect=STEADY) as client:
            stream = await open_dubbing_stream(client, INIT)
            dubber.wires.last.cut()
            await trio.testing.wait_all_tasks_blocked()
            assert not client.connected
            back = pytest.approx(1 + 2 + 4 + 5)
            await stream.wait_for_room()
            assert trio.current_time() == back
            dubber.wires.last.cut()
            await trio.testing.wait_all_tasks_blocked()
            # Nobody reads meanwhile, nor need anybody.
            await stream.send_fragment(0, b"x", 100)
            dubber.wires.last.cut()
            await trio.testing.wait_all_tasks_blocked()
            await stream.end()
            got = [event async for event in stream.events]
    assert dubber.line.got == [0]
    assert sum(isinstance(event, Processed) for event in got) == 1
    assert sum(isinstance(event, Resumed) for event in got) == 3


async def test_a_fragment_and_an_end_that_never_arrived_are_sent_again_before_their_callers_go_on(
    autojump_clock, monkeypatch
):
    async with (
        dubber_in_memory(monkeypatch) as dubber,
        open_client(dubber.wires.url, reconnect=STEADY) as client,
    ):
        stream = await open_dubbing_stream(client, INIT)
        dubber.wires.last.deafen()
        await stream.send_fragment(0, b"x", 100)
        await stream.end()
        assert (dubber.line.got, dubber.line.ends) == ([], 0)
        dubber.wires.last.cut()
        got = [event async for event in stream.events]
    assert (dubber.line.got, dubber.line.ends) == ([0], 1)
    assert isinstance(got[-1], Complete)


async def test_what_breaks_off_half_sent_is_reported_sent_when_it_is_out_over_the_next_connection(
    autojump_clock, monkeypatch
):
    async with dubber_in_memory(monkeypatch) as dubber:
        dubber.wires.pair = lockstep_stream_pair
        dubber.took_s = lambda _: 50.0
        async with open_client(dubber.wires.url, reconnect=STEADY) as client:
            stream = await open_dubbing_stream(client, INIT)
            dubber.wires.last.left_up = 2000
            await stream.send_fragment(0, b"x" * 100_000, 100)
            assert trio.current_time() == pytest.approx(1)
            await trio.testing.wait_all_tasks_blocked()
            assert dubber.line.got == [0]
            await stream.end()
            got = [event async for event in stream.events]
    assert dubber.line.got == [0]
    assert isinstance(got[-1], Complete)


async def test_a_fragment_that_comes_too_late_for_a_stream_that_was_completed_in_the_outage_is_not_sent(
    autojump_clock, monkeypatch
):
    async with dubber_in_memory(monkeypatch) as dubber:
        dubber.wires.pair = lockstep_stream_pair
        async with open_client(dubber.wires.url, reconnect=STEADY) as client:
            stream = await open_dubbing_stream(client, INIT)
            dubber.wires.last.left_up = 2000
            dubber.moments["resume", 1] = lambda _: setattr(dubber.line, "completed", True)
            with pytest.raises(ConnectionLost, match="the stream is complete"):
                await stream.send_fragment(0, b"x" * 100_000, 100)
            got = [event async for event in stream.events]
    assert isinstance(got[-1], Complete)
    assert dubber.line.got == []


async def test_who_speaks_to_a_stream_that_is_complete_is_heard_by_the_server(autojump_clock, monkeypatch):
    async with (
        dubber_in_memory(monkeypatch) as dubber,
        open_client(dubber.wires.url, reconnect=STEADY) as client,
    ):
        stream = await open_dubbing_stream(client, INIT)
        await stream.end()
        assert [type(event) async for event in stream.events] == [Complete]
        await stream.end()
        await stream.send_fragment(0, b"x", 100)
        await trio.testing.wait_all_tasks_blocked()
        assert (dubber.line.ends, dubber.line.got) == (2, [0])


async def test_a_token_that_is_not_known_any_more_loses_the_stream_and_not_the_client(
    autojump_clock, monkeypatch
):
    async with (
        dubber_in_memory(monkeypatch) as dubber,
        open_client(dubber.wires.url, reconnect=STEADY) as client,
    ):
        stream = await open_dubbing_stream(client, INIT)
        await stream.send_fragment(0, b"x", 100)
        assert [type(await anext(stream.events)) for _ in range(1)] == [Processed]
        dubber.line.token = "another"
        dubber.wires.last.cut()
        await trio.testing.wait_all_tasks_blocked()
        for use in (stream.send_fragment(1, b"x", 100), stream.end(), anext(stream.events)):
            with pytest.raises(ConnectionLost, match="not resumed: STREAM_NOT_FOUND: no such stream"):
                await use
        with pytest.raises(ConnectionLost, match="no room for another fragment"):
            await stream.wait_for_room()
        # The refusal was the old stream's, and is not taken for the new one's.
        check(await dub(client, 2), 2)
        with pytest.raises(ConnectionLost):
            await anext(stream.events)
    assert trio.current_time() < 60


async def test_what_came_before_the_stream_was_lost_is_read_first(autojump_clock, monkeypatch):
    async with (
        dubber_in_memory(monkeypatch) as dubber,
        open_client(dubber.wires.url, reconnect=STEADY) as client,
    ):
        stream = await open_dubbing_stream(client, INIT)
        dubber.wires.last.cut()
        assert isinstance(await anext(stream.events), Resumed)
        for number in range(2):
            await stream.send_fragment(number, b"x", 100)
        await trio.sleep(1)
        dubber.line.token = "another"
        dubber.wires.last.cut()
        await trio.sleep(10)
        got = [event async for event in until_lost(stream)]
    assert [type(event) for event in got] == [Backpressure, Processed, Processed, ConnectionLost]


async def test_a_stream_is_lost_when_its_window_is_over_whoever_waits_for_it(autojump_clock, monkeypatch):
    lost_at = []

    async def wait(use, *args):
        with pytest.raises(ConnectionLost):
            await use(*args)
        lost_at.append(trio.current_time())

    async with dubber_in_memory(monkeypatch) as dubber:
        dubber.wires.lay = lambda _, number: number == 0 or trio.current_time() > 200
        async with open_client(dubber.wires.url, reconnect=STEADY) as client:
            stream = await open_dubbing_stream(client, INIT)
            await trio.sleep(30)
            dubber.wires.last.cut()
            await trio.testing.wait_all_tasks_blocked()
            async with trio.open_nursery() as nursery:
                for use in (stream.end, stream.wait_for_room, stream.events.__anext__):
                    nursery.start_soon(wait, use)
                nursery.start_soon(wait, stream.send_fragment, 0, b"x", 100)
            assert lost_at == [pytest.approx(150)] * 4
            with pytest.raises(ConnectionLost, match=r"not resumed in time: connection to .* lost: "):
                await anext(stream.events)
            await trio.sleep(60)
            check(await dub(client, 1), 1)
    assert dubber.asked == []


@pytest.mark.parametrize(("back_after_s", "lost_after_s"), [(3, 120), (118, 128)])
async def test_a_server_that_does_not_answer_a_resumption_is_waited_for_as_long_as_it_may_take(
    autojump_clock, monkeypatch, back_after_s, lost_after_s
):
    async with dubber_in_memory(monkeypatch) as dubber:
        dubber.answers_resumption = False
        dubber.wires.lay = lambda _, number: number == 0 or trio.current_time() >= back_after_s
        policy = Reconnect(jitter=0, first_delay_s=1, max_delay_s=1, factor=1)
        async with open_client(dubber.wires.url, reconnect=policy) as client:
            stream = await open_dubbing_stream(client, INIT)
            dubber.wires.last.cut()
            with pytest.raises(ConnectionLost, match="not resumed in time"):
                await anext(stream.events)
            assert trio.current_time() == pytest.approx(lost_after_s)
    assert len(dubber.asked) == 1


async def test_a_cut_during_a_resumption_that_the_server_never_heard_of_does_not_lengthen_its_window(
    autojump_clock, monkeypatch
):
    async with dubber_in_memory(monkeypatch) as dubber:
        dubber.answers_resumption = False
        async with open_client(dubber.wires.url, reconnect=STEADY) as client:
            stream = await open_dubbing_stream(client, INIT)
            dubber.wires.last.cut()
            await trio.sleep(60)
            dubber.wires.last.cut()
            with pytest.raises(ConnectionLost, match="not resumed in time"):
                await anext(stream.events)
            assert trio.current_time() == pytest.approx(120)


async def test_a_client_that_gives_up_reconnecting_loses_its_stream(autojump_clock, monkeypatch):
    async with dubber_in_memory(monkeypatch) as dubber:
        dubber.wires.lay = lambda _, number: number == 0
        async with open_client(dubber.wires.url, reconnect=Reconnect(attempts=2, jitter=0)) as client:
            stream = await open_dubbing_stream(client, INIT)
            dubber.wires.last.cut()
            await trio.testing.wait_all_tasks_blocked()
            for use in (stream.send_fragment(0, b"x", 100), stream.end(), anext(stream.events)):
                with pytest.raises(ConnectionLost, match="then dialled in vain"):
                    await use
            assert trio.current_time() == pytest.approx(3)


@pytest.mark.parametrize(
    ("grants", "resume", "reconnect"), [(False, True, STEADY), (True, False, STEADY), (True, True, None)]
)
async def test_a_stream_that_cannot_be_resumed_is_lost_with_its_connection(
    autojump_clock, monkeypatch, grants, resume, reconnect
):
    async with dubber_in_memory(monkeypatch) as dubber:
        dubber.grants = grants
        async with open_client(dubber.wires.url, reconnect=reconnect) as client:
            stream = await open_dubbing_stream(client, attrs.evolve(INIT, resume=resume))
            assert not stream.resumable
            await stream.send_fragment(0, b"x", 100)
            assert (await anext(stream.events)).result_number is None
            assert stream._line._course.ledger.unanswered == ()  # its audio is not kept
            dubber.wires.last.cut()
            for use in (anext(stream.events), stream.send_fragment(1, b"x", 100), stream.end()):
                with pytest.raises(ConnectionLost, match="went away without a goodbye"):
                    await use
    assert dubber.inits[0].get("resume") == (True if resume and reconnect else None)
    assert (dubber.asked, dubber.acks) == ([], [])


async def test_results_that_the_server_gave_up_are_told_of_and_their_fragments_sent_again(
    autojump_clock, monkeypatch
):
    async with dubber_in_memory(monkeypatch) as dubber:
        dubber.forgets = 2
        dubber.moments["fragment", 3] = breaking(dubber, "cut")
        dubber.took_s = lambda _: 0.0
        async with open_client(dubber.wires.url, reconnect=STEADY) as client:
            got = await dub(client, 3)
    notices = [event for event in got if isinstance(event, Resumed | ResultsLost)]
    assert [type(event) for event in notices] == [Resumed, ResultsLost]
    assert (notices[0].lost_results, notices[1].count) == (2, 2)
    results = [event for event in got if isinstance(event, Processed)]
    assert sorted(event.sequence_number for event in results) == [0, 1, 2]
    assert len(dubber.line.got) == 5


async def test_a_send_that_is_cancelled_in_an_outage_is_never_made_up_for(autojump_clock, monkeypatch):
    async with dubber_in_memory(monkeypatch) as dubber:
        dubber.wires.pair = lockstep_stream_pair
        async with open_client(dubber.wires.url, reconnect=STEADY) as client:
            stream = await open_dubbing_stream(client, INIT)
            dubber.wires.last.cut()
            await trio.testing.wait_all_tasks_blocked()
            with trio.move_on_after(0.5) as before:
                await stream.send_fragment(0, b"x", 100)
            assert before.cancelled_caught
            await stream.wait_for_room()
            # Half of it goes out.
            dubber.wires.last.left_up = 2000
            with trio.move_on_after(0.5) as amid:
                await stream.send_fragment(1, b"x" * 100_000, 100)
            assert amid.cancelled_caught
            with trio.move_on_after(0.1) as ending:
                await stream.end()
            assert ending.cancelled_caught
            assert stream.in_flight == 0
            await stream.wait_for_room()
            await stream.send_fragment(2, b"x", 100)
            while not isinstance(event := await anext(stream.events), Processed):
                pass
            assert event.sequence_number == 2
    assert (dubber.line.got, dubber.line.ends) == ([2], 0)


async def test_a_fragment_that_could_not_be_sent_is_not_sent_again(autojump_clock, monkeypatch):
    async with (
        dubber_in_memory(monkeypatch) as dubber,
        open_client(dubber.wires.url, reconnect=STEADY) as client,
    ):
        stream = await open_dubbing_stream(client, INIT)
        with pytest.raises(TypeError):
            await stream.send_fragment(0, b"x", 100, metadata={"pts_ns": object()})
        with pytest.raises(MessageTooLarge):
            await stream.send_fragment(1, b"x" * 20_000_000, 100)
        dubber.wires.last.cut()
        assert isinstance(await anext(stream.events), Resumed)
        await stream.send_fragment(2, b"x", 100)
        await stream.end()
        got = [event async for event in stream.events]
    assert dubber.line.got == [2]
    assert isinstance(got[-1], Complete)


async def test_a_fragment_that_the_server_does_not_take_any_more_loses_the_stream(
    autojump_clock, monkeypatch
):
    async with dubber_in_memory(monkeypatch) as dubber:
        dubber.wires.pair = lockstep_stream_pair
        async with open_client(dubber.wires.url, reconnect=STEADY) as client:
            stream = await open_dubbing_stream(client, INIT)
            dubber.server.eio.max_http_buffer_size = 50_000
            dubber.wires.last.left_up = 2000
            with pytest.raises(ConnectionLost, match="too large: the server takes 50000"):
                await stream.send_fragment(0, b"x" * 100_000, 100)
            got = [event async for event in until_lost(stream)]
    assert isinstance(got[-1], ConnectionLost)


async def test_two_tries_of_one_fragment_are_two(autojump_clock, monkeypatch):
    async with (
        dubber_in_memory(monkeypatch) as dubber,
        open_client(dubber.wires.url, reconnect=STEADY) as client,
    ):
        stream = await open_dubbing_stream(client, INIT)
        await stream.send_fragment(0, b"first", 100, fragment_id="f")
        await trio.testing.wait_all_tasks_blocked()
        dubber.wires.last.deafen()
        await stream.send_fragment(0, b"again", 100, fragment_id="f")
        dubber.wires.last.cut()
        await stream.end()
        got = [event async for event in stream.events]
    assert [e.audio for e in got if isinstance(e, Processed)] == [b"tsrif", b"niaga"]


async def test_leaving_the_block_says_goodbye_and_in_an_outage_leaves_at_once(autojump_clock, monkeypatch):
    async with dubber_in_memory(monkeypatch) as dubber:
        async with open_client(dubber.wires.url, reconnect=STEADY) as client:
            await open_dubbing_stream(client, INIT)
        await trio.testing.wait_all_tasks_blocked()
        assert dubber.goodbyes == 1
        began = trio.current_time()
        async with open_client(dubber.wires.url, reconnect=STEADY) as client:
            stream = await open_dubbing_stream(client, INIT)
            dubber.wires.last.cut()
            await trio.testing.wait_all_tasks_blocked()
        assert trio.current_time() - began < 1
        with pytest.raises(ConnectionLost):
            await anext(stream.events)
    assert dubber.goodbyes == 1


async def until_lost(stream):
    try:
        async for event in stream.events:
            yield event
    except ConnectionLost as lost:
        yield lost


async def test_the_token_is_in_no_text_of_the_stream_or_its_errors(autojump_clock, monkeypatch, caplog):
    caplog.set_level(0)
    async with (
        dubber_in_memory(monkeypatch) as dubber,
        open_client(dubber.wires.url, reconnect=STEADY) as client,
    ):
        stream = await open_dubbing_stream(client, INIT)
        texts = [repr(stream.ready), repr(vars(stream)), repr(vars(stream._line._course))]
        dubber.wires.last.cut()
        texts.append(repr(await anext(stream.events)))
        message = stream._line._course.next_message
        dubber.line.token = "another"
        dubber.wires.last.cut()
        await trio.testing.wait_all_tasks_blocked()
        texts.append(repr([event async for event in until_lost(stream)]))
        texts.append(repr(message()))
    assert SECRET in dubber.asked[0]["resume_token"]
    assert SECRET not in "".join(texts)
    assert SECRET not in caplog.text


async def test_a_stream_opened_beside_another_takes_its_place(autojump_clock, monkeypatch):
    async with (
        dubber_in_memory(monkeypatch) as dubber,
        open_client(dubber.wires.url, reconnect=STEADY) as client,
    ):
        first = await open_dubbing_stream(client, INIT)
        dubber.wires.last.cut()
        await trio.testing.wait_all_tasks_blocked()
        check(await dub(client, 2), 2)
        for use in (anext(first.events), first.end(), first.send_fragment(0, b"x", 100)):
            with pytest.raises(ConnectionLost, match="another stream was opened"):
                await use
    assert dubber.goodbyes == 1
