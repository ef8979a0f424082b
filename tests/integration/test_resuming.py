"""A worker that is cut off and comes back: nothing lost, doubled or billed twice, and at once."""

import base64
import os

import pytest
import trio
from desk import open_desk
from hypothesis import given, settings
from hypothesis import strategies as st
from resuming_worker import INIT, ResumingWorker
from running import marked, who_speaks
from trio.testing import MockClock

from sts_actors.resumption import LINGERING
from sts_actors.wire.answers import Resumable
from sts_actors.wire.resuming import parse_return

FRAGMENTS = 6
PIECES = [marked(3, number) for number in range(FRAGMENTS)]
CUTS = int(os.environ.get("STS_CUTS", "200"))

cuts = st.lists(
    st.tuples(
        st.floats(0, 0.1),  # how long the connection holds
        st.sampled_from(["cut", "silent", "full"]),
        st.floats(0, 3),  # how long the worker is away
    ),
    max_size=6,
)


async def misfortune(worker, schedule):
    """Cut the worker's connection again and again."""
    for holds_s, kind, away_s in schedule:
        await trio.sleep(holds_s)
        worker.away_s = away_s
        socket = worker.socket
        if socket is None or socket.gone:
            continue
        if kind == "cut":
            socket.cut()
        else:
            socket.fall_silent(full=kind == "full")


@settings(max_examples=CUTS, deadline=None)
@given(st.random_module(), cuts)
def test_whatever_is_cut_and_whenever_every_result_comes_once_in_order_and_is_billed_once(
    _schedule, schedule
):
    async def main():
        async with open_desk() as desk:
            worker = ResumingWorker(desk.connect, PIECES)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(misfortune, worker, schedule)
                with trio.fail_after(100):
                    await worker.run()
            assert [result["sequence_number"] for result in worker.results] == list(range(FRAGMENTS))
            assert {result["status"] for result in worker.results} == {"success"}
            for number, result in enumerate(worker.results):
                assert who_speaks(base64.b64decode(result["dubbed_audio"])) == (3, number)
            assert worker.complete["total_fragments"] == FRAGMENTS
            assert worker.lost == 0
            assert len(desk.asked) == FRAGMENTS
            assert worker.slowest_return_s <= 1
            # A silent one is found dead by its pings; one whose token was lost is waited for in vain.
            for socket in list(desk.wire.sockets.values()):
                socket.end(desk.wire.reason.PING_TIMEOUT)
            await trio.sleep(121)
            assert desk.dubbing.streams == ()

    trio.run(main, clock=MockClock(autojump_threshold=0))


async def opened(desk, **init):
    """A connection with a stream of one worker that would come back, and its `stream:ready`."""
    socket = await desk.connect()
    socket.send("stream:init", {**INIT, **init})
    return socket, await socket.next_named("stream:ready")


def send(socket, number):
    audio = base64.b64encode(PIECES[number]).decode()
    payload = {"fragment_id": f"f{number}", "sequence_number": number, "audio": audio}
    socket.send("fragment:data", payload)


async def send_some(socket, count, *, until):
    """Send the first `count` fragments at once, and wait for as many events `until`."""
    for number in range(count):
        send(socket, number)
    for _ in range(count):
        await socket.next_named(until)


async def resumed(desk, ready, **back):
    """A new connection that asks for the stream again, and what it is told."""
    socket = await desk.connect()
    socket.send("stream:resume_session", {"resume_token": ready["resume_token"], **back})
    return socket, await socket.next()


async def test_a_worker_that_does_not_ask_gets_no_token_and_no_numbers(autojump_clock):
    async with open_desk() as desk:
        socket, ready = await opened(desk, resume=None)
        assert not {"resume_token", "resume_window_s"} & set(ready)
        send(socket, 0)
        assert "result_number" not in await socket.next_named("fragment:processed")
        socket.cut()
        await trio.sleep(0.1)
        assert desk.dubbing.streams == ()


async def test_a_stream_waits_for_its_window_and_no_longer(autojump_clock):
    async with open_desk(resume_window_s=120) as desk:
        socket, ready = await opened(desk)
        assert ready["resume_window_s"] == 120
        socket.cut()
        await trio.sleep(119)
        assert len(desk.dubbing.streams) == 1
        socket, (event, _) = await resumed(desk, ready)
        assert event == "stream:resumed"
        # Back, it is waited for no longer.
        await trio.sleep(500)
        assert len(desk.dubbing.streams) == 1
        socket.cut()
        await trio.sleep(121)
        assert desk.dubbing.streams == ()
        _, (event, payload) = await resumed(desk, ready)
        assert (event, payload["code"], payload["retryable"]) == ("error", "STREAM_NOT_FOUND", False)


async def test_a_goodbye_ends_a_stream_at_once(autojump_clock):
    async with open_desk() as desk:
        socket, ready = await opened(desk)
        send(socket, 0)
        await socket.next_named("fragment:ack")
        socket.end(desk.wire.reason.CLIENT_DISCONNECT)
        await trio.sleep(0.01)
        assert desk.dubbing.streams == ()
        _, (event, _) = await resumed(desk, ready)
        assert event == "error"


@pytest.mark.parametrize("back", [None, 7, {}, {"resume_token": 5}, {"resume_token": "x"}])
async def test_a_token_that_is_none_is_refused_and_the_connection_may_open_a_stream(back, autojump_clock):
    async with open_desk() as desk:
        await opened(desk)
        socket = await desk.connect()
        socket.send("stream:resume_session", back)
        event, payload = await socket.next()
        assert event == "error"
        assert payload["code"] in {"STREAM_NOT_FOUND", "INVALID_CONFIG"}
        socket.send("stream:init", INIT)
        assert await socket.next_named("stream:ready")


async def test_who_has_a_stream_cannot_take_another(autojump_clock):
    async with open_desk() as desk:
        _, ready = await opened(desk)
        other, _ = await opened(desk)
        other.send("stream:resume_session", {"resume_token": ready["resume_token"]})
        event, payload = await other.next()
        assert (event, payload["code"]) == ("error", "INVALID_CONFIG")


async def test_work_in_flight_goes_on_while_nobody_is_there(autojump_clock):
    async with open_desk() as desk:
        socket, ready = await opened(desk)
        await send_some(socket, 3, until="fragment:ack")
        socket.cut()
        await trio.sleep(5)
        (stream,) = desk.dubbing.streams
        assert stream.in_flight == 0
        socket, (_, payload) = await resumed(desk, ready, last_result_number=0)
        assert [one["sequence_number"] for one in payload["unanswered"]] == [0, 1, 2]
        assert payload["last_result_number"] == 3
        numbers = [(await socket.next_named("fragment:processed"))["sequence_number"] for _ in range(3)]
        assert numbers == [0, 1, 2]


async def test_one_that_counts_no_results_says_which_fragment_was_answered_last(autojump_clock):
    async with open_desk() as desk:
        socket, ready = await opened(desk)
        await send_some(socket, 3, until="fragment:processed")
        socket.cut()
        socket, _ = await resumed(desk, ready, last_sequence_number=1)
        assert (await socket.next_named("fragment:processed"))["sequence_number"] == 2


async def test_the_new_connection_takes_over_from_one_that_only_looks_alive(autojump_clock):
    async with open_desk() as desk:
        old, ready = await opened(desk)
        send(old, 0)
        await old.next_named("fragment:ack")
        old.fall_silent()
        new, (event, _) = await resumed(desk, ready, last_result_number=0)
        assert event == "stream:resumed"
        assert (await new.next_named("fragment:processed"))["sequence_number"] == 0
        await trio.sleep(0.01)
        assert old.gone
        # That the old one is now found gone too harms nothing.
        await trio.sleep(200)
        send(new, 1)
        assert (await new.next_named("fragment:processed"))["sequence_number"] == 1


async def test_a_connection_that_takes_nothing_holds_up_no_other(autojump_clock):
    async with open_desk() as desk:
        old, ready = await opened(desk)
        await send_some(old, 3, until="fragment:ack")
        old.fall_silent(full=True)
        await trio.sleep(5)
        began = trio.current_time()
        new, _ = await resumed(desk, ready, last_result_number=0)
        numbers = [(await new.next_named("fragment:processed"))["sequence_number"] for _ in range(3)]
        assert numbers == [0, 1, 2]
        assert trio.current_time() - began < 1


async def test_a_repeat_whose_ack_was_cut_off_is_answered_all_the_same(autojump_clock):
    async with open_desk() as desk:
        socket, ready = await opened(desk)
        send(socket, 0)
        await socket.next_named("fragment:processed")
        socket.full = True
        send(socket, 0)
        await trio.sleep(1)
        socket.cut()
        socket, (_, payload) = await resumed(desk, ready, last_result_number=1)
        assert [one["sequence_number"] for one in payload["unanswered"]] == [0]
        with trio.fail_after(1):
            assert (await socket.next_named("fragment:processed"))["result_number"] == 2


async def test_a_pause_and_the_level_of_backpressure_outlive_a_cut(autojump_clock):
    async with open_desk() as desk:
        socket, ready = await opened(desk)
        socket.send("stream:pause")
        await trio.sleep(0.01)
        socket.cut()
        socket, _ = await resumed(desk, ready)
        assert (await socket.next_named("backpressure"))["action"] == "none"
        send(socket, 0)
        assert (await socket.next_named("error"))["code"] == "STREAM_PAUSED"


async def test_the_sum_is_sent_again_and_so_may_be_the_end(autojump_clock):
    async with open_desk(auto_disconnect_delay_s=5) as desk:
        socket, ready = await opened(desk)
        send(socket, 0)
        await socket.next_named("fragment:processed")
        socket.send("stream:end")
        await trio.sleep(0.1)
        socket.cut()
        await trio.sleep(60)
        socket, (_, payload) = await resumed(desk, ready, last_result_number=1)
        assert payload["complete"] is True
        socket.send("stream:end")
        event, payload = await socket.next()
        assert (event, payload["total_fragments"]) == ("stream:complete", 1)
        began = trio.current_time()
        assert await socket.next() is None
        assert trio.current_time() - began == pytest.approx(5, abs=0.1)


async def test_a_sum_that_may_have_been_lost_on_a_connection_that_looked_alive_is_kept(autojump_clock):
    async with open_desk(auto_disconnect_delay_s=5) as desk:
        socket, ready = await opened(desk)
        send(socket, 0)
        await socket.next_named("fragment:ack")
        socket.fall_silent()
        desk.nursery.start_soon(desk.wire.handlers["stream:end"], socket.sid, None)
        await trio.sleep(30)
        assert socket.gone
        socket, (_, payload) = await resumed(desk, ready, last_result_number=0)
        assert payload["complete"] is True
        assert (await socket.next_named("fragment:processed"))["sequence_number"] == 0
        assert (await socket.next_named("stream:complete"))["total_fragments"] == 1


async def test_what_is_kept_is_bounded_and_what_is_lost_is_said(autojump_clock):
    async with open_desk(resume_buffer_bytes=65536) as desk:
        socket, ready = await opened(desk)
        await send_some(socket, 4, until="fragment:ack")
        socket.cut()
        await trio.sleep(1)
        socket, (_, payload) = await resumed(desk, ready, last_result_number=0)
        # An answer of a second is some 43,000 bytes: there was room for one.
        assert (payload["lost_results"], len(payload["unanswered"])) == (3, 1)
        assert (await socket.next_named("fragment:processed"))["sequence_number"] == 3


async def test_what_a_worker_acknowledges_is_forgotten(autojump_clock):
    async with open_desk() as desk:
        socket, ready = await opened(desk)
        await send_some(socket, 3, until="fragment:processed")
        for strange in (None, 7, {}, {"result_number": "2"}, {"result_number": True}, {"result_number": 99}):
            socket.send("fragment:ack", strange)
        socket.send("fragment:ack", {"result_number": 2})
        await trio.sleep(0.01)
        socket.cut()
        _, (_, payload) = await resumed(desk, ready, last_result_number=2)
        assert ([one["sequence_number"] for one in payload["unanswered"]], payload["lost_results"]) == (
            [2],
            0,
        )


async def test_a_stream_that_fails_while_nobody_is_there_says_so_to_whom_comes_back(autojump_clock, caplog):
    def broken(*_args, **_context):
        raise ZeroDivisionError

    async with open_desk() as desk:
        desk.models.synthesiser = broken
        socket, ready = await opened(desk)
        await send_some(socket, 5, until="fragment:ack")
        socket.cut()
        await trio.sleep(5)
        assert desk.dubbing.streams == ()
        socket, _ = await resumed(desk, ready, last_result_number=0)
        assert (await socket.next_named("error"))["code"] == "UNKNOWN_ERROR"
    assert ready["resume_token"] not in caplog.text


async def test_streams_that_are_over_do_not_pile_up(autojump_clock):
    async with open_desk(max_concurrent_streams=1, auto_disconnect_delay_s=0) as desk:
        tokens = []
        for _ in range(LINGERING + 2):
            socket, ready = await opened(desk)
            socket.send("stream:end")
            await socket.next_named("stream:complete")
            socket.cut()
            await trio.sleep(0.01)
            tokens.append(ready)
        _, (event, _) = await resumed(desk, tokens[1])
        assert event == "error"
        _, (event, _) = await resumed(desk, tokens[2])
        assert event == "stream:resumed"


def test_the_token_is_shown_nowhere():
    secret = "very-secret"
    back = parse_return({"resume_token": secret, "last_result_number": 1})
    assert back.token == secret
    assert secret not in repr(back)
    assert secret not in repr(Resumable(token=secret, window_s=1))
