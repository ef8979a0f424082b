import math

import pytest
import trio
import trio.testing

from supervision import Expired, NoReply, Request, TokenScheduler, ask
from supervision.request_queue import WAIT_BOUNDS_S


def blocked():
    return trio.testing.wait_all_tasks_blocked()


async def served(queue, seconds=1.0, log=None):
    """A model's actor that answers with the batch that a request was in."""
    while True:
        with await queue.next_batch() as batch:
            if log is not None:
                log.append([request.payload for request in batch.requests])
            await trio.sleep(seconds)
            for request in batch.requests:
                request.reply([other.payload for other in batch.requests])


async def asked(queue, payload, results=None, **how):
    try:
        answer = await ask(queue, payload, **how)
    except (Expired, NoReply) as error:
        answer = type(error)
    if results is not None:
        results[payload] = answer


async def test_a_request_is_served_and_its_tokens_come_back(autojump_clock):
    device = TokenScheduler("gpu", tokens=8)
    queue = device.open_queue("asr", cost=3)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(served, queue)
        nursery.start_soon(asked, queue, "x")
        await trio.sleep(0.5)
        assert device.statistics().tokens_free == 5
        assert device.statistics().queues[0].batches_running == 1
        await trio.sleep(1)
        assert device.statistics().tokens_free == 8
        assert device.statistics().queues[0].served == 1
        nursery.cancel_scope.cancel()


async def test_as_many_batches_run_at_once_as_there_are_tokens_for(autojump_clock):
    device = TokenScheduler("gpu", tokens=8)
    queues = [device.open_queue(name, cost=3) for name in ("asr", "tts", "more")]
    log = []
    async with trio.open_nursery() as nursery:
        for queue in queues:
            nursery.start_soon(served, queue, 10, log)
        for queue in queues:
            await blocked()
            nursery.start_soon(asked, queue, queue.name)
        await trio.sleep(1)
        assert log == [["asr"], ["tts"]]
        assert device.statistics().tokens_free == 2
        await trio.sleep(10)
        assert log == [["asr"], ["tts"], ["more"]]
        nursery.cancel_scope.cancel()


async def test_a_batch_is_made_of_what_waits_of_one_key_and_never_waits_for_more(autojump_clock):
    device = TokenScheduler("gpu", tokens=1)
    queue = device.open_queue("asr", cost=1, max_batch=3)
    log = []
    async with trio.open_nursery() as nursery:
        for stream, key in enumerate(["en", "en", "pt", "en", "en", "pt"]):
            nursery.start_soon(lambda s=stream, k=key: asked(queue, s, stream=str(s), batch_key=k))
            await blocked()
        began = trio.current_time()
        nursery.start_soon(served, queue, 1, log)
        await trio.sleep(10)
        nursery.cancel_scope.cancel()
    assert log == [[0, 1, 3], [2, 5], [4]]
    statistics = queue.statistics()
    assert statistics.batch_sizes == (1, 1, 1)
    assert statistics.batches == 3
    assert (statistics.waited_s, statistics.longest_wait_s) == (0 * 3 + 1 * 2 + 2, 2)
    waits = dict(zip([*WAIT_BOUNDS_S, None], statistics.waits, strict=True))
    assert (waits.pop(0.01), waits.pop(1.0), waits.pop(2.0)) == (3, 2, 1)
    assert not any(waits.values())
    assert trio.current_time() == began + 10


async def test_the_queue_with_the_most_urgent_request_is_granted_first(autojump_clock):
    device = TokenScheduler("gpu", tokens=1)
    log = []
    queues = {name: device.open_queue(name, cost=1) for name in ("late", "soon", "never")}
    async with trio.open_nursery() as nursery:
        with await held(device, nursery):
            for queue in queues.values():
                nursery.start_soon(served, queue, 1, log)
            for name, due in (("never", math.inf), ("late", 20), ("soon", 10)):
                deadline = trio.current_time() + due
                nursery.start_soon(lambda n=name, d=deadline: asked(queues[n], n, deadline=d))
            await blocked()
        await trio.sleep(5)
        assert log == [["soon"], ["late"], ["never"]]
        nursery.cancel_scope.cancel()


async def held(device, nursery):
    """A batch that holds all of a device's tokens."""
    queue = device.open_queue("held", cost=device.tokens)
    nursery.start_soon(asked, queue, "held")
    batch = await queue.next_batch()
    assert device.statistics().tokens_free == 0
    return batch


async def test_a_request_without_a_deadline_is_not_starved_by_those_that_have_one(autojump_clock):
    device = TokenScheduler("gpu", tokens=1)
    hurried, patient = device.open_queue("hurried", cost=1), device.open_queue("patient", cost=1)
    results = {}
    began = trio.current_time()

    async def hurry(number):
        while True:
            await asked(hurried, number, deadline=trio.current_time() + 8)

    async with trio.open_nursery() as nursery:
        for queue in (hurried, patient):
            nursery.start_soon(served, queue)
        for number in range(4):
            nursery.start_soon(hurry, number)
        await trio.sleep(1)
        await asked(patient, "at last", results)
        nursery.cancel_scope.cancel()
    assert results == {"at last": ["at last"]}
    assert trio.current_time() - began < 60


async def test_a_costly_batch_is_waited_for_and_not_overtaken_for_ever(autojump_clock):
    device = TokenScheduler("gpu", tokens=4)
    cheap, costly = device.open_queue("cheap", cost=1), device.open_queue("costly", cost=4)
    results = {}

    async def keep_asking(number):
        while True:
            await asked(cheap, number, stream=str(number), deadline=trio.current_time() + 10)

    async with trio.open_nursery() as nursery:
        for number in range(8):
            nursery.start_soon(served, cheap, 1 + number / 10)
            nursery.start_soon(keep_asking, number)
        nursery.start_soon(served, costly)
        await trio.sleep(20)
        with trio.fail_after(15):
            await asked(costly, "big", results, deadline=trio.current_time() + 12)
        nursery.cancel_scope.cancel()
    assert results == {"big": ["big"]}


async def test_an_expired_request_costs_nothing(autojump_clock):
    device = TokenScheduler("gpu", tokens=1)
    queue = device.open_queue("asr", cost=1)
    log = []
    request = Request("late", deadline=trio.current_time() + 1)
    await queue.send(request)
    await queue.send(Request("in time"))
    await trio.sleep(2)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(served, queue, 1, log)
        await trio.sleep(5)
        nursery.cancel_scope.cancel()
    assert log == [["in time"]]
    assert request.answered
    assert (queue.statistics().expired, queue.statistics().served) == (1, 1)


async def test_one_that_expires_while_it_waits_for_tokens_costs_nothing_either(autojump_clock):
    device = TokenScheduler("gpu", tokens=1)
    queue = device.open_queue("asr", cost=1)
    log = []
    async with trio.open_nursery() as nursery:
        with await held(device, nursery):
            nursery.start_soon(served, queue, 1, log)
            await queue.send(Request("late", deadline=trio.current_time() + 1))
            await trio.sleep(2)
        await trio.sleep(2)
        assert log == []
        assert queue.statistics().expired == 1
        nursery.cancel_scope.cancel()


async def test_an_asker_that_leaves_takes_its_request_out_of_the_queue(autojump_clock):
    device = TokenScheduler("gpu", tokens=1)
    queue = device.open_queue("asr", cost=1)
    with trio.move_on_after(1):
        await ask(queue, "x")
    assert (queue.statistics().waiting, queue.statistics().withdrawn) == (0, 1)
    log = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(served, queue, 1, log)
        await trio.sleep(5)
        nursery.cancel_scope.cancel()
    assert log == []


async def test_one_that_leaves_between_grant_and_service_is_not_served(autojump_clock):
    device = TokenScheduler("gpu", tokens=1)
    queue = device.open_queue("asr", cost=1)
    results = {}
    batch = None

    async def waits():
        nonlocal batch
        batch = await queue.next_batch()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(waits)
        await blocked()
        request = Request("gone")
        queue._admit(request)
        device.dispatch()
        # Granted, and the server has not had its next step yet.
        assert device.statistics().tokens_free == 0
        request._answer.withdraw()
        await blocked()
        assert batch is None
        assert device.statistics().tokens_free == 1
        nursery.start_soon(asked, queue, "stays", results)
        await blocked()
        batch.requests[0].reply("served")
        batch.close()
    assert results == {"stays": "served"}


async def test_a_costly_request_that_is_withdrawn_lets_the_others_go_on(autojump_clock):
    device = TokenScheduler("gpu", tokens=2)
    cheap, costly, long = (
        device.open_queue(name, cost=cost) for name, cost in (("a", 1), ("b", 2), ("c", 1))
    )
    log = []
    async with trio.open_nursery() as nursery:
        for queue, seconds in ((cheap, 1), (costly, 1), (long, 100)):
            nursery.start_soon(served, queue, seconds, log)
        nursery.start_soon(asked, long, "long")
        await blocked()
        with trio.move_on_after(3):
            await ask(costly, "costly", deadline=trio.current_time() + 5)
        nursery.start_soon(asked, cheap, "cheap")
        await trio.sleep(1)
        assert log == [["long"], ["cheap"]]
        nursery.cancel_scope.cancel()


async def test_a_costly_request_that_is_withdrawn_while_others_wait_behind_it_frees_them_at_once(
    autojump_clock,
):
    device = TokenScheduler("gpu", tokens=2)
    cheap, costly, long = (
        device.open_queue(name, cost=cost) for name, cost in (("a", 1), ("b", 2), ("c", 1))
    )
    log = []
    async with trio.open_nursery() as nursery:
        for queue, seconds in ((cheap, 1), (costly, 1), (long, 100)):
            nursery.start_soon(served, queue, seconds, log)
        nursery.start_soon(asked, long, "long")
        await blocked()
        with trio.move_on_after(3):
            nursery.start_soon(later, 1, cheap)
            await ask(costly, "costly", deadline=trio.current_time() + 5)
        await blocked()
        assert log == [["long"], ["cheap"]]
        nursery.cancel_scope.cancel()


async def later(seconds, queue):
    await trio.sleep(seconds)
    await asked(queue, "cheap")


async def test_closing_a_costly_queue_lets_the_others_go_on(autojump_clock):
    device = TokenScheduler("gpu", tokens=2)
    cheap, costly, long = (
        device.open_queue(name, cost=cost) for name, cost in (("a", 1), ("b", 2), ("c", 1))
    )
    log = []
    async with trio.open_nursery() as nursery:
        for queue, seconds in ((cheap, 1), (long, 100)):
            nursery.start_soon(served, queue, seconds, log)
        nursery.start_soon(ends_with_its_queue, costly)
        nursery.start_soon(asked, long, "long")
        await blocked()
        nursery.start_soon(lambda: asked(costly, "costly", deadline=trio.current_time() + 5))
        await blocked()
        nursery.start_soon(asked, cheap, "cheap")
        await blocked()
        assert log == [["long"]]
        costly.close()
        await blocked()
        assert log == [["long"], ["cheap"]]
        nursery.cancel_scope.cancel()


async def ends_with_its_queue(queue):
    with pytest.raises(trio.ClosedResourceError):
        await served(queue)


async def test_a_cancelled_stream_does_not_free_tokens_before_its_work_has_ended(autojump_clock):
    device = TokenScheduler("gpu", tokens=1)
    queue = device.open_queue("asr", cost=1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(served, queue, 5)
        with trio.move_on_after(1):
            await ask(queue, "x")
        assert device.statistics().tokens_free == 0
        await trio.sleep(5)
        assert device.statistics().tokens_free == 1
        nursery.cancel_scope.cancel()


async def test_a_server_that_dies_answers_the_batch_in_hand_and_keeps_the_queue(autojump_clock):
    device = TokenScheduler("gpu", tokens=1)
    queue = device.open_queue("asr", cost=1)
    results = {}
    async with trio.open_nursery() as nursery:
        for number in range(3):
            nursery.start_soon(asked, queue, number, results)
            await blocked()
        with trio.move_on_after(0.5):
            await served(queue)
        await blocked()
        assert results == {0: NoReply}
        assert device.statistics().tokens_free == 1
        nursery.start_soon(served, queue)
        await trio.sleep(5)
        assert results == {0: NoReply, 1: [1], 2: [2]}
        nursery.cancel_scope.cancel()


async def test_a_full_queue_makes_askers_wait(autojump_clock):
    device = TokenScheduler("gpu", tokens=1)
    queue = device.open_queue("asr", cost=1, max_waiting=2)
    results = {}
    async with trio.open_nursery() as nursery:
        for number in range(4):
            nursery.start_soon(asked, queue, number, results)
            await blocked()
        assert (queue.statistics().waiting, queue.statistics().waiting_senders) == (2, 2)
        nursery.start_soon(served, queue)
        await trio.sleep(0.5)
        assert (queue.statistics().waiting, queue.statistics().waiting_senders) == (2, 1)
        await trio.sleep(5)
        nursery.cancel_scope.cancel()
    assert results == {number: [number] for number in range(4)}


async def test_one_that_leaves_the_door_is_forgotten_and_one_that_leaves_the_queue_lets_the_next_in(
    autojump_clock,
):
    device = TokenScheduler("gpu", tokens=1)
    queue = device.open_queue("asr", cost=1, max_waiting=1)

    def waiting():
        return queue.statistics().waiting, queue.statistics().waiting_senders

    results = {}
    async with trio.open_nursery() as nursery:
        with trio.move_on_after(3):
            async with trio.open_nursery() as first:
                first.start_soon(asked, queue, 1)
                await blocked()
                with trio.move_on_after(1):
                    await ask(queue, 2)
                assert waiting() == (1, 0)
                nursery.start_soon(asked, queue, 3, results)
                await blocked()
                assert waiting() == (1, 1)
        await blocked()
        assert waiting() == (1, 0)
        assert queue.statistics().withdrawn == 1
        nursery.start_soon(served, queue)
        await trio.sleep(5)
        nursery.cancel_scope.cancel()
    assert results == {3: [3]}


async def test_a_stream_that_crowds_the_door_does_not_keep_others_out(autojump_clock):
    device = TokenScheduler("gpu", tokens=1)
    queue = device.open_queue("asr", cost=1, max_waiting=1)
    log = []
    async with trio.open_nursery() as nursery:
        for number in range(10):
            nursery.start_soon(lambda n=number: asked(queue, n, stream="greedy"))
            await blocked()
        nursery.start_soon(lambda: asked(queue, "modest", stream="modest"))
        await blocked()
        nursery.start_soon(served, queue, 1, log)
        await trio.sleep(4.5)
        assert ["modest"] in log[:3]
        nursery.cancel_scope.cancel()


async def test_streams_that_have_come_and_gone_leave_nothing_behind(autojump_clock):
    device = TokenScheduler("gpu", tokens=1)
    queue = device.open_queue("asr", cost=1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(served, queue)
        for number in range(50):
            await ask(queue, number, stream=str(number))
        nursery.cancel_scope.cancel()
    assert not queue._backlog._ahead
    assert not queue._backlog._lines


async def test_closing_a_queue_leaves_nobody_waiting(autojump_clock):
    device = TokenScheduler("gpu", tokens=1)
    queue = device.open_queue("asr", cost=1, max_waiting=1)
    results = {}
    async with trio.open_nursery() as nursery:
        nursery.start_soon(asked, queue, "queued", results)
        await blocked()
        nursery.start_soon(asked, queue, "at the door", results)
        await blocked()
        queue.close()
    assert results == {"queued": NoReply, "at the door": NoReply}
    async with trio.open_nursery() as nursery:
        with pytest.raises(trio.ClosedResourceError):
            await queue.next_batch()
    with pytest.raises(NoReply):
        await ask(queue, "after")
    assert device.statistics().queues == ()
    queue.close()


async def test_a_batch_in_hand_may_be_answered_after_its_queue_was_closed(autojump_clock):
    device = TokenScheduler("gpu", tokens=1)
    queue = device.open_queue("asr", cost=1)
    results = {}
    async with trio.open_nursery() as nursery:
        nursery.start_soon(asked, queue, "x", results)
        with await queue.next_batch() as batch:
            queue.close()
            batch.requests[0].reply("y")
    assert results == {"x": "y"}
    assert device.statistics().tokens_free == 1


async def test_a_batch_gives_its_tokens_back_once():
    device = TokenScheduler("gpu", tokens=2)
    queue = device.open_queue("asr", cost=1)
    await queue.send(Request("x"))
    batch = await queue.next_batch()
    with batch:
        pass
    batch.close()
    assert device.statistics().tokens_free == 2


async def test_a_batch_is_wanted_until_the_latest_deadline_of_its_requests():
    device = TokenScheduler("gpu", tokens=1)
    queue = device.open_queue("asr", cost=1, max_batch=3)
    now = trio.current_time()
    for more in (5, 9, 7):
        await queue.send(Request(None, stream=str(more), deadline=now + more, batch_key="en"))
    with await queue.next_batch() as batch:
        assert batch.deadline == now + 9
        assert batch.key == "en"


async def test_a_lingering_queue_waits_for_company_without_holding_tokens(autojump_clock):
    device = TokenScheduler("gpu", tokens=1)
    lingering = device.open_queue("tts", cost=1, max_batch=4, linger_s=2)
    other = device.open_queue("asr", cost=1)
    log = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(served, lingering, 1, log)
        nursery.start_soon(served, other, 1, log)
        await trio.sleep(1)
        began = trio.current_time()
        nursery.start_soon(asked, lingering, "first")
        await trio.sleep(0.5)
        assert log == []
        await ask(other, "other")
        nursery.start_soon(asked, lingering, "second")
        await trio.sleep(0.4)
        assert log == [["other"]]
        await trio.sleep(0.2)
        assert log == [["other"], ["first", "second"]]
        assert trio.current_time() == pytest.approx(began + 2.1)
        nursery.cancel_scope.cancel()


async def test_a_full_batch_does_not_linger(autojump_clock):
    device = TokenScheduler("gpu", tokens=1)
    queue = device.open_queue("tts", cost=1, max_batch=2, linger_s=60)
    results = {}
    async with trio.open_nursery() as nursery:
        nursery.start_soon(served, queue, 0)
        with trio.fail_after(1):
            async with trio.open_nursery() as asking:
                for number in range(2):
                    asking.start_soon(asked, queue, number, results)
        nursery.cancel_scope.cancel()
    assert [len(answer) for answer in results.values()] == [2, 2]


async def test_a_lingering_queue_whose_first_request_is_withdrawn_lingers_for_the_next(autojump_clock):
    device = TokenScheduler("gpu", tokens=1)
    queue = device.open_queue("tts", cost=1, max_batch=2, linger_s=2)
    log = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(served, queue, 0, log)
        await trio.sleep(1)
        with trio.move_on_after(1):
            await ask(queue, "gone")
        await trio.sleep(0.5)
        nursery.start_soon(asked, queue, "next")
        await trio.sleep(1.9)
        assert log == []
        await trio.sleep(0.2)
        assert log == [["next"]]
        nursery.cancel_scope.cancel()


async def test_expiry_at_the_door_of_a_lingering_queue_is_no_trouble(autojump_clock):
    """What is let in by an expiry wakes the one that waits for a batch while the device is looking at it."""
    device = TokenScheduler("gpu", tokens=1)
    queue = device.open_queue("tts", cost=1, max_batch=1, max_waiting=1, linger_s=2)
    results = {}
    async with trio.open_nursery() as nursery:
        with await held(device, nursery):
            nursery.start_soon(served, queue, 0)
            await blocked()
            await queue.send(Request("expires", deadline=trio.current_time() + 1))
            nursery.start_soon(asked, queue, "next", results)
            await trio.sleep(5)
        await trio.sleep(5)
        nursery.cancel_scope.cancel()
    assert results == {"next": ["next"]}


async def test_occupancy_is_what_was_in_use_for_how_long(autojump_clock):
    device = TokenScheduler("gpu", tokens=8)
    queue = device.open_queue("asr", cost=3)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(served, queue, 4)
        await trio.sleep(10)
        await ask(queue, "x")
        await trio.sleep(10)
        nursery.cancel_scope.cancel()
    assert device.statistics().token_seconds == 3 * 4


async def test_what_no_device_could_ever_grant_is_refused():
    with pytest.raises(ValueError, match="at least one token"):
        TokenScheduler("gpu", tokens=0)
    device = TokenScheduler("gpu", tokens=2)
    for cost in (0, 3):
        with pytest.raises(ValueError, match="and gpu has 2"):
            device.open_queue("asr", cost=cost)
    for wrong in ({"max_batch": 0}, {"max_waiting": 0}):
        with pytest.raises(ValueError, match="at least one request"):
            device.open_queue("asr", cost=1, **wrong)
