# ruff: noqa: C901 - a scenario with all that can happen in it is one piece
import gc
from functools import partial

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st
from supervision_clock import many, run, schedules

from supervision import Expired, NoReply, Request, ask, open_channel, serve


class BrokenError(Exception):
    pass


async def double(number):
    await trio.lowlevel.checkpoint()
    if number < 0:
        raise BrokenError(number)
    return 2 * number


async def test_an_asker_gets_the_answer_to_its_own_question(autojump_clock):
    send, receive = open_channel("requests", 2)
    answers = {}

    async def asker(number):
        answers[number] = await ask(send, number)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve, receive, double)
        async with trio.open_nursery() as askers:
            for number in range(10):
                askers.start_soon(asker, number)
        send.close()
    assert answers == {number: 2 * number for number in range(10)}


async def test_an_error_of_the_handlers_goes_to_its_asker_and_the_server_goes_on(autojump_clock):
    send, receive = open_channel("requests", 0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve, receive, double)
        with pytest.raises(BrokenError):
            await ask(send, -1)
        assert await ask(send, 1) == 2
        send.close()


@pytest.mark.parametrize(
    "error", [trio.TooSlowError(), trio.ClosedResourceError(), trio.BrokenResourceError()]
)
async def test_an_error_of_the_handlers_is_not_mistaken_for_one_of_the_channels(error, autojump_clock):
    async def handler(_):
        await trio.lowlevel.checkpoint()
        raise error

    send, receive = open_channel("requests", 0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve, receive, handler)
        with pytest.raises(type(error)):
            await ask(send, None, deadline=trio.current_time() + 5)
        send.close()


async def test_an_answer_of_none_is_an_answer(autojump_clock):
    async def handler(_):
        await trio.lowlevel.checkpoint()

    send, receive = open_channel("requests", 0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve, receive, handler)
        assert await ask(send, 1) is None
        send.close()


async def test_an_unanswered_question_expires_at_its_deadline(autojump_clock):
    send, receive = open_channel("requests", 1)
    began = trio.current_time()
    with pytest.raises(Expired):
        await ask(send, 1, deadline=began + 3)
    assert trio.current_time() == began + 3
    assert receive.receive_nowait().withdrawn
    send.close()
    receive.close()


async def test_a_question_that_finds_no_room_expires_too(autojump_clock):
    send, receive = open_channel("requests", 0)
    with pytest.raises(Expired):
        await ask(send, 1, deadline=trio.current_time() + 3)
    with pytest.raises(Expired):
        await ask(send, 1, deadline=trio.current_time() - 3)
    send.close()
    receive.close()


async def test_the_server_skips_a_request_whose_deadline_has_passed():
    send, receive = open_channel("requests", 2)
    late = Request(1, deadline=trio.current_time() - 1)
    send.send_nowait(late)
    send.close()
    served = []

    async def handler(payload):
        served.append(payload)
        await trio.lowlevel.checkpoint()

    await serve(receive, handler)
    assert served == []
    assert late.answered


async def test_an_asker_that_leaves_withdraws_its_queued_request(autojump_clock):
    send, receive = open_channel("requests", 2)
    with trio.move_on_after(1):
        await ask(send, -1)
    served = []

    async def handler(payload):
        served.append(payload)
        return await double(payload)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve, receive, handler)
        assert await ask(send, 4) == 8
        send.close()
    assert served == [4]


async def test_an_asker_that_leaves_ends_the_work_on_its_request(autojump_clock):
    send, receive = open_channel("requests", 0)
    ended = []

    async def handler(seconds):
        try:
            await trio.sleep(seconds)
        finally:
            ended.append(trio.current_time())
        return "done"

    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve, receive, handler)
        began = trio.current_time()
        with trio.move_on_after(1):
            await ask(send, 100)
        assert await ask(send, 2) == "done"
        assert ended == [began + 1, began + 3]
        send.close()


async def test_an_error_that_nobody_waits_for_any_more_is_logged(autojump_clock, caplog):
    send, receive = open_channel("requests", 0)

    async def handler(_):
        try:
            await trio.sleep(100)
        finally:
            raise BrokenError

    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve, receive, handler)
        with trio.move_on_after(1):
            await ask(send, None)
        send.close()
    assert [record.message for record in caplog.records] == ["a request failed after its asker had left"]


async def test_a_server_that_is_cancelled_answers_the_one_in_hand_and_leaves_the_queue(autojump_clock):
    send, receive = open_channel("requests", 5)
    outcomes = {}

    async def asker(number):
        try:
            outcomes[number] = await ask(send, number)
        except NoReply:
            outcomes[number] = NoReply

    async def slow(number):
        await trio.sleep(10)
        return number

    async with trio.open_nursery() as nursery:
        for number in range(3):
            nursery.start_soon(asker, number)
            await trio.testing.wait_all_tasks_blocked()
        with trio.move_on_after(5):
            await serve(receive, slow)
        send.close()
        await serve(receive, slow)
    assert outcomes == {0: NoReply, 1: 1, 2: 2}


async def test_there_is_no_reply_where_nobody_listens():
    send, receive = open_channel("requests", 1)
    receive.close()
    with pytest.raises(NoReply):
        await ask(send, 1)
    send.close()
    with pytest.raises(NoReply):
        await ask(send, 1)


async def test_there_is_no_reply_once_the_channel_is_closed_with_the_request_in_it(autojump_clock):
    send, receive = open_channel("requests", 1)

    async def close_later():
        await trio.sleep(1)
        receive.close()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(close_later)
        with trio.fail_after(5), pytest.raises(NoReply, match="dropped before it was answered"):
            await ask(send, 1)
    send.close()


async def test_a_server_that_drops_a_request_leaves_no_asker_waiting(autojump_clock):
    send, receive = open_channel("requests", 1)

    async def careless():
        request = await receive.receive()
        del request
        gc.collect()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(careless)
        with trio.fail_after(5), pytest.raises(NoReply):
            await ask(send, 1)
    send.close()
    receive.close()


def test_a_request_that_outlives_its_run_is_no_trouble():
    kept = []

    async def scenario():
        send, receive = open_channel("requests", 1)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(ask, send, 1))
            kept.append(await receive.receive())
            # Neither answered nor withdrawn when its asker's task is torn down.
            kept[0]._answer.withdraw = lambda: None
            nursery.cancel_scope.cancel()
        send.close()
        receive.close()

    trio.run(scenario)
    assert not kept[0].withdrawn
    kept.clear()
    gc.collect()


async def test_the_first_answer_counts():
    send, receive = open_channel("requests", 1)

    async def server():
        request = await receive.receive()
        request.reply("first")
        request.reply("second")
        request.fail(BrokenError())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(server)
        assert await ask(send, 1) == "first"
    send.close()
    receive.close()


async def test_a_request_that_was_answered_is_not_withdrawn_and_says_nothing_private():
    send, receive = open_channel("requests", 1)
    seen = []

    async def server():
        request = await receive.receive()
        request.on_withdraw(lambda: seen.append("withdrawn"))
        request.reply(1)
        seen.append(request)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(server)
        await ask(send, "a secret", stream="s1")
    (request,) = seen
    assert request.answered
    assert not request.withdrawn
    assert repr(request) == "<Request of s1 until inf>"
    assert repr(Request("a secret", deadline=1.5)) == "<Request of nobody until 1.5>"
    send.close()
    receive.close()


outcomes = st.sampled_from(["answers", "fails", "dies", "drops"])
askers = st.tuples(
    st.floats(0, 4), st.one_of(st.none(), st.floats(0, 4)), st.one_of(st.none(), st.floats(0, 4))
)


@many
@given(schedules, st.lists(outcomes, max_size=8), st.lists(askers, min_size=1, max_size=8), st.integers(0, 3))
def test_every_asker_gets_exactly_one_answer_or_one_reason(_, fates, plans, capacity):
    """Under drawn failures of the server, deadlines and departures of the askers."""

    async def scenario():
        send, receive = open_channel("requests", capacity)
        ended = []
        fates_left = list(fates)

        async def handler(payload):
            fate = fates_left.pop() if fates_left else "answers"
            await trio.sleep(0.5)
            if fate == "fails":
                raise BrokenError
            if fate == "dies":
                dying.cancel()
                await trio.sleep_forever()
            return ("answer to", payload)

        async def asker(number, start_s, deadline_s, leave_s):
            await trio.sleep(start_s)
            deadline = trio.current_time() + deadline_s if deadline_s is not None else float("inf")
            with trio.move_on_after(float("inf") if leave_s is None else leave_s):
                try:
                    answer = await ask(send, number, deadline=deadline)
                    assert answer == ("answer to", number)
                except Expired:
                    assert trio.current_time() >= deadline
                except (NoReply, BrokenError):
                    pass
            ended.append(number)

        dying = trio.CancelScope()

        async def keep_serving():
            nonlocal dying
            while True:
                with trio.CancelScope() as dying:
                    if fates_left and fates_left[-1] == "drops":
                        fates_left.pop()
                        await receive.receive()
                    else:
                        await serve(receive, handler)

        async with trio.open_nursery() as nursery:
            async with trio.open_nursery() as asking:
                for number, plan in enumerate(plans):
                    asking.start_soon(asker, number, *plan)
                nursery.start_soon(keep_serving)
            nursery.cancel_scope.cancel()
        assert sorted(ended) == list(range(len(plans)))
        send.close()
        receive.close()

    run(scenario)
