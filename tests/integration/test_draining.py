"""The service ends: what it has acknowledged is answered, nothing new is taken, every stream is summed up."""

import base64

import pytest
import trio
from desk import open_desk
from draining_worker import DRAINING, DrainingWorker
from hypothesis import given, settings
from hypothesis import strategies as st
from resuming_worker import INIT as RESUMABLE
from resuming_worker import ResumingWorker
from running import QUICK, dubbing, http_get, marked, running
from trio.testing import MockClock, wait_all_tasks_blocked

from sts_actors.client import Complete, ServerWarning, open_client
from sts_actors.draining import GRACE_S, Drain

INIT = {**RESUMABLE, "resume": None}
PIECE = base64.b64encode(marked(3, 1)).decode()
STREAMS = 50
MOMENTS = 20
CUTS = 40


def fragment(number):
    return {"fragment_id": f"f{number}", "sequence_number": number, "audio": PIECE}


async def opened(desk, **init):
    socket = await desk.connect()
    socket.send("stream:init", {**INIT, **init})
    return socket, await socket.next_named("stream:ready")


async def acknowledged(socket, *numbers):
    for number in numbers:
        socket.send("fragment:data", fragment(number))
        await socket.next_named("fragment:ack")


def left(socket, *names):
    """What lies unread, of these names."""
    return [(event, payload) for event, payload in socket.inbox if event in names]


@settings(max_examples=MOMENTS, deadline=None)
@given(st.random_module(), st.floats(0, 3), st.lists(st.floats(0, 1), min_size=STREAMS, max_size=STREAMS))
def test_fifty_streams_with_three_in_flight_lose_nothing_whenever_the_end_comes(_schedule, moment_s, starts):
    async def come(desk, start_s, workers):
        await trio.sleep(start_s)
        worker = DrainingWorker(await desk.connect(), INIT, PIECE)
        workers.append(worker)
        await worker.run()

    async def main():
        workers = []
        async with open_desk(max_concurrent_streams=STREAMS) as desk, trio.open_nursery() as nursery:
            for start_s in starts:
                nursery.start_soon(come, desk, start_s, workers)
            await trio.sleep(moment_s)
            desk.dubbing.drain.begin()
            await desk.dubbing.drain.wait_over()
            assert trio.current_time() <= moment_s + 30
            assert desk.dubbing.streams == ()
            # What was on its way is read; those that come later are refused.
            await trio.sleep(2)
            nursery.cancel_scope.cancel()
        assert len(workers) == STREAMS
        for worker in workers:
            worker.check()

    trio.run(main, clock=MockClock(autojump_threshold=0))


cuts = st.lists(
    st.tuples(st.floats(0, 0.1), st.sampled_from(["cut", "silent", "full"]), st.floats(0, 3)), max_size=4
)


@settings(max_examples=CUTS, deadline=None)
@given(st.random_module(), st.floats(0, 0.5), cuts)
def test_a_worker_that_is_cut_off_and_comes_back_while_the_service_ends_gets_all_of_it(
    _schedule, moment_s, schedule
):
    async def misfortune(worker):
        for holds_s, kind, away_s in schedule:
            await trio.sleep(holds_s)
            worker.away_s = away_s
            # Its acknowledgement comes through: of one that never says so it cannot be known what it has.
            await wait_all_tasks_blocked()
            socket = worker.socket
            if socket is None or socket.gone:
                continue
            if kind == "cut":
                socket.cut()
            elif kind == "full" or worker.results:
                socket.fall_silent(full=kind == "full")

    async def main():
        async with open_desk() as desk:
            drain = desk.dubbing.drain
            worker = ResumingWorker(desk.connect, [marked(3, number) for number in range(6)])
            async with trio.open_nursery() as nursery:
                nursery.start_soon(misfortune, worker)
                nursery.start_soon(worker.run)
                # Cut before it has its token it could but ask anew, and be refused.
                with trio.fail_after(60):
                    while not worker.token:
                        await trio.sleep(0.01)
                await trio.sleep(moment_s)
                drain.begin()
                await drain.wait_over()
                assert trio.current_time() < drain.deadline
                await wait_all_tasks_blocked()
                if worker.complete is None:
                    # Its last connection took all, and it is about to read it.
                    await trio.sleep(0.01)
                assert worker.complete is not None
                nursery.cancel_scope.cancel()
            done = [r["sequence_number"] for r in worker.results if r["status"] == "success"]
            assert done == sorted(set(done))
            refused = [r for r in worker.results if r["status"] == "failed"]
            assert {r["error"]["code"] for r in refused} <= {DRAINING}
            assert worker.complete["success_count"] == len(done) == len(desk.asked)
            assert worker.complete["total_fragments"] == len(worker.results)
            assert worker.lost == 0

    trio.run(main, clock=MockClock(autojump_threshold=0))


async def test_no_stream_is_opened_any_more_on_a_new_connection_or_an_old_one(autojump_clock):
    async with open_desk(max_concurrent_streams=1) as desk:
        idle = await desk.connect()
        busy, _ = await opened(desk)
        await acknowledged(busy, 0)
        desk.dubbing.drain.begin()
        # Neither that this one has a stream nor that the house is full is what matters.
        for socket in (idle, busy, await desk.connect()):
            socket.send("stream:init", INIT)
            refusal = await socket.next_named("error")
            assert (refusal["code"], refusal["retryable"]) == (DRAINING, True)


async def test_a_stream_that_waits_for_the_models_is_refused_at_once(autojump_clock):
    async with open_desk(load_s=60) as desk:
        socket = await desk.connect()
        socket.send("stream:init", INIT)
        await trio.sleep(1)
        desk.dubbing.drain.begin()
        assert (await socket.next_named("error"))["code"] == DRAINING
        await desk.dubbing.drain.wait_over()
        assert trio.current_time() == pytest.approx(1)


@settings(max_examples=60, deadline=None)
@given(st.random_module(), st.integers(0, 12), st.sampled_from([True, None]))
def test_a_stream_in_the_very_act_of_opening_is_refused_or_waited_for(_schedule, steps, resume):
    by_then = []

    async def leave(drain, socket):
        await drain.wait_over()
        by_then.extend(event for event, _ in socket.inbox)

    async def main():
        async with open_desk() as desk:
            socket = await desk.connect()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(leave, desk.dubbing.drain, socket)
                await wait_all_tasks_blocked()
                socket.send("stream:init", {**INIT, "resume": resume})
                for _ in range(steps):
                    await trio.lowlevel.checkpoint()
                desk.dubbing.drain.begin()
            await wait_all_tasks_blocked()
            told = [event for event, _ in socket.inbox]
            assert ("error" in told) != ("stream:ready" in told)
            assert ("stream:complete" in by_then) == ("stream:ready" in told)

    trio.run(main, clock=MockClock(autojump_threshold=0))


async def test_a_worker_is_warned_then_answered_then_told_the_sum(autojump_clock):
    async with open_desk() as desk:
        socket, _ = await opened(desk)
        await acknowledged(socket, 0, 1, 2)
        socket.inbox.clear()
        desk.dubbing.drain.begin()
        await desk.dubbing.drain.wait_over()
        told = [event for event, _ in socket.inbox if event != "backpressure"]
        assert told == ["warning", *["fragment:processed"] * 3, "stream:complete"]
        assert left(socket, "warning")[0][1]["code"] == DRAINING
        assert left(socket, "stream:complete")[0][1]["success_count"] == 3


async def test_a_fragment_that_comes_after_the_beginning_is_told_why_it_is_not_taken(autojump_clock):
    async with open_desk() as desk:
        socket, _ = await opened(desk)
        await acknowledged(socket, 0)
        desk.dubbing.drain.begin()
        await socket.next_named("warning")
        socket.send("fragment:data", fragment(1))
        assert (await socket.next_named("error"))["code"] == DRAINING
        refused = await socket.next_named("fragment:processed")
        assert (refused["fragment_id"], refused["error"]["code"]) == ("f1", DRAINING)
        assert refused["error"]["retryable"] is True
        assert (await socket.next_named("fragment:processed"))["fragment_id"] == "f0"
        complete = await socket.next_named("stream:complete")
        assert (complete["success_count"], complete["failed_count"]) == (1, 1)


async def test_a_worker_that_says_its_own_end_meanwhile_is_told_no_error(autojump_clock):
    async with open_desk() as desk:
        socket, _ = await opened(desk)
        await acknowledged(socket, 0)
        desk.dubbing.drain.begin()
        await socket.next_named("warning")
        socket.send("stream:end")
        await desk.dubbing.drain.wait_over()
        assert not left(socket, "error")


async def test_a_stream_that_its_worker_has_ended_is_told_nothing_new(autojump_clock):
    async with open_desk() as desk:
        socket, _ = await opened(desk)
        await acknowledged(socket, 0)
        socket.send("stream:end")
        await wait_all_tasks_blocked()
        desk.dubbing.drain.begin()
        socket.send("fragment:data", fragment(1))
        assert (await socket.next_named("error"))["code"] == "STREAM_NOT_FOUND"
        await desk.dubbing.drain.wait_over()
        assert not left(socket, "warning")
        assert left(socket, "stream:complete")


async def test_a_paused_stream_is_ended_as_well(autojump_clock):
    async with open_desk() as desk:
        socket, _ = await opened(desk)
        await acknowledged(socket, 0)
        socket.send("stream:pause")
        await wait_all_tasks_blocked()
        desk.dubbing.drain.begin()
        assert (await socket.next_named("stream:complete"))["success_count"] == 1


async def stuck(request, **context):
    del request, context
    await trio.sleep_forever()


async def test_at_the_deadline_what_is_still_in_flight_is_answered_as_late_and_summed_up(autojump_clock):
    async with open_desk(drain_timeout_s=5) as desk:
        desk.models.translator = stuck
        socket, _ = await opened(desk, target_languages=["pt", "es"])
        await acknowledged(socket, 2, 0, 1)
        began = trio.current_time()
        desk.dubbing.drain.begin()
        await desk.dubbing.drain.wait_over()
        assert trio.current_time() == pytest.approx(began + 5)
        answers = [payload for _, payload in left(socket, "fragment:processed")]
        assert [(a["fragment_id"], a["target_language"]) for a in answers] == [
            (f"f{number}", language) for number in range(3) for language in ("pt", "es")
        ]
        assert {a["error"]["code"] for a in answers} == {"TIMEOUT"}
        assert {a["metadata"]["original_duration_ms"] for a in answers} == {6000}
        assert left(socket, "stream:complete")[0][1]["failed_count"] == 6
        assert socket.inbox[-1][0] == "stream:complete"


async def test_the_deadline_of_a_stream_that_was_ended_before_is_not_put_off(autojump_clock):
    async with open_desk(drain_timeout_s=5) as desk:
        desk.models.translator = stuck
        socket, _ = await opened(desk)
        await acknowledged(socket, 0)
        began = trio.current_time()
        socket.send("stream:end")
        await trio.sleep(4)
        desk.dubbing.drain.begin()
        await desk.dubbing.drain.wait_over()
        assert trio.current_time() == pytest.approx(began + 5)


async def test_a_worker_that_takes_nothing_does_not_hold_up_the_end(autojump_clock):
    async with open_desk(drain_timeout_s=5) as desk:
        socket, _ = await opened(desk)
        await acknowledged(socket, 0)
        socket.full = True
        began = trio.current_time()
        desk.dubbing.drain.begin()
        await desk.dubbing.drain.wait_over()
        assert trio.current_time() == pytest.approx(began + 5 + GRACE_S)


async def test_a_worker_that_is_away_is_waited_for_and_finds_the_rest(autojump_clock):
    async with open_desk() as desk:
        socket, ready = await opened(desk, resume=True)
        await acknowledged(socket, 0, 1)
        socket.cut()
        began = trio.current_time()
        desk.dubbing.drain.begin()
        async with trio.open_nursery() as nursery:
            over = trio.Event()

            async def wait():
                await desk.dubbing.drain.wait_over()
                over.set()

            nursery.start_soon(wait)
            await trio.sleep(20)
            assert not over.is_set()
            back = await desk.connect()
            back.send("stream:resume_session", {"resume_token": ready["resume_token"]})
        assert trio.current_time() == pytest.approx(began + 20)
        told = [event for event, _ in back.inbox if event != "backpressure"]
        assert told == [
            "stream:resumed",
            "warning",
            "fragment:processed",
            "fragment:processed",
            "stream:complete",
        ]


async def test_a_worker_that_acknowledges_results_is_waited_for_until_it_has_acknowledged_all(autojump_clock):
    async with open_desk() as desk:
        socket, _ = await opened(desk, resume=True)
        await acknowledged(socket, 0, 1)
        for _ in range(2):
            await socket.next_named("fragment:processed")
        socket.send("fragment:ack", {"result_number": 1})
        await wait_all_tasks_blocked()
        drain = desk.dubbing.drain
        drain.begin()
        with trio.move_on_after(3) as early:
            await drain.wait_over()
        assert early.cancelled_caught
        socket.send("fragment:ack", {"result_number": 2})
        began = trio.current_time()
        await drain.wait_over()
        assert trio.current_time() == began


async def test_a_worker_that_stays_away_is_waited_for_until_the_deadline(autojump_clock):
    async with open_desk(drain_timeout_s=10) as desk:
        socket, _ = await opened(desk, resume=True)
        await acknowledged(socket, 0)
        socket.cut()
        began = trio.current_time()
        desk.dubbing.drain.begin()
        await desk.dubbing.drain.wait_over()
        assert trio.current_time() == pytest.approx(began + 10 + GRACE_S)


async def test_a_worker_whose_window_ends_or_who_says_goodbye_is_waited_for_no_longer(autojump_clock):
    async with open_desk(resume_window_s=3) as desk:
        gone, _ = await opened(desk, resume=True)
        left_for_good, _ = await opened(desk, resume=True)
        began = trio.current_time()
        gone.cut()
        left_for_good.end(desk.wire.reason.CLIENT_DISCONNECT)
        desk.dubbing.drain.begin()
        await desk.dubbing.drain.wait_over()
        assert trio.current_time() == pytest.approx(began + 3)


async def test_a_stream_that_was_over_and_taken_is_not_waited_for(autojump_clock):
    async with open_desk(auto_disconnect_delay_s=5) as desk:
        socket, _ = await opened(desk, resume=True)
        socket.send("stream:end")
        await socket.next_named("stream:complete")
        await trio.sleep(6)
        assert socket.gone
        began = trio.current_time()
        desk.dubbing.drain.begin()
        await desk.dubbing.drain.wait_over()
        assert trio.current_time() == began


@pytest.mark.parametrize("resume", [True, None])
async def test_a_stream_that_is_complete_is_not_kept_for_its_last_five_seconds(autojump_clock, resume):
    async with open_desk(auto_disconnect_delay_s=5) as desk:
        socket, _ = await opened(desk, resume=resume)
        socket.send("stream:end")
        await socket.next_named("stream:complete")
        began = trio.current_time()
        desk.dubbing.drain.begin()
        await desk.dubbing.drain.wait_over()
        assert trio.current_time() == began
        # A client that is dismissed does not dial again: it is for the server to go.
        await trio.sleep(10)
        assert not socket.gone


async def test_a_second_beginning_puts_nothing_off(autojump_clock):
    drain = Drain(timeout_s=5)
    drain.hold(drain)
    drain.begin()
    await trio.sleep(3)
    drain.begin()
    await drain.wait_over()
    assert trio.current_time() == pytest.approx(5 + GRACE_S)


async def test_a_service_that_ends_is_not_ready_answers_and_goes():
    async with running(fake_asr_latency_s=0.3) as service:
        with trio.fail_after(30):
            async with dubbing(service) as stream:
                await stream.send_fragment(0, marked(1, 0), 1000)
                await anext(stream.events)
                service.drain.begin()
                status, body = await http_get(service, "/ready")
                assert (status, b'"draining"' in body) == (503, True)
                status, body = await http_get(service, "/readyz")
                assert (status, b'"draining"' in body) == (503, True)
                assert (await http_get(service, "/health"))[0] == 200
                told = [event async for event in stream.events]
            assert isinstance(told[0], ServerWarning)
            assert isinstance(told[-1], Complete)
            assert told[-1].success_count == 1


async def test_a_service_without_streams_goes_at_once_though_workers_are_connected():
    async with running(**QUICK) as service, open_client(service.url) as client:
        with trio.fail_after(30):
            service.drain.begin()
            await client.wait_closed()
