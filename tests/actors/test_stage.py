"""What every stage promises."""

import attrs
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from sts_actors.actors.stage import StageLimits, run_stage
from sts_actors.errors import EngineError, ErrorCode, ServiceError, Stage
from sts_actors.messages import FragmentFailed, FragmentHeader

UNLIMITED = StageLimits()


@attrs.frozen(kw_only=True)
class Item:
    header: FragmentHeader
    value: str = ""


def item(index=0, value="", deadline=float("inf")):
    header = FragmentHeader(
        stream_id="s",
        fragment_id=f"f{index}",
        sequence_number=index,
        index=index,
        duration_ms=6000,
        received=0.0,
        deadline=deadline,
    )
    return Item(header=header, value=value)


def failure(index=0):
    return FragmentFailed(
        header=item(index).header,
        stage=Stage.ASR,
        code=ErrorCode.ASR_FAILED,
        message="before",
        retryable=True,
    )


async def through(work, *items, limits=UNLIMITED):
    """What comes out of a stage, and the bug it ended with."""
    send, inbox = trio.open_memory_channel(len(items))
    outbox, receive = trio.open_memory_channel(len(items))
    for each in items:
        send.send_nowait(each)
    send.close()
    bug = None
    try:
        await run_stage(inbox, outbox, work, stage=Stage.TTS, limits=limits)
    except Exception as error:  # noqa: BLE001 - whatever the stage ended with is under test
        bug = error
    outbox.close()
    return [result async for result in receive], bug


async def shout(one):
    await trio.lowlevel.checkpoint()
    return attrs.evolve(one, value=one.value.upper())


async def test_a_stage_transforms_each_item_in_order():
    results, bug = await through(shout, item(0, "a"), item(1, "b"))
    assert [result.value for result in results] == ["A", "B"]
    assert bug is None


async def test_an_earlier_failure_passes_untouched_and_costs_no_work():
    worked = []

    async def work(one):
        worked.append(one)
        return await shout(one)

    before = failure(0)
    results, _ = await through(work, before, item(1, "b"))
    assert results[0] is before
    assert [one.header.index for one in worked] == [1]


@pytest.mark.parametrize("error", [ServiceError, EngineError])
async def test_an_error_of_an_engine_fails_its_fragment_with_its_own_code(error):
    async def work(one):
        if one.header.index == 0:
            raise error(ErrorCode.GPU_OOM, "no room")
        return await shout(one)

    results, bug = await through(work, item(0), item(1, "b"))
    assert (results[0].code, results[0].message, results[0].stage) == (
        ErrorCode.GPU_OOM,
        "no room",
        Stage.TTS,
    )
    assert results[0].retryable
    assert results[1].value == "B"
    assert bug is None


async def test_a_bug_fails_its_fragment_without_showing_itself_and_ends_the_actor():
    async def work(one):
        raise ZeroDivisionError(f"secret of {one.header.fragment_id}")

    results, bug = await through(work, item(0), item(1))
    assert [result.code for result in results] == [ErrorCode.UNKNOWN_ERROR]
    assert "secret" not in results[0].message
    assert isinstance(bug, ZeroDivisionError)


async def test_a_fragment_past_its_deadline_fails_at_the_deadline_and_the_next_is_served(autojump_clock):
    async def work(one):
        if one.header.index == 0:
            await trio.sleep(60)
        return await shout(one)

    start = trio.current_time()
    results, _ = await through(work, item(0, deadline=start + 7.5), item(1, "b"))
    assert results[0].code is ErrorCode.TIMEOUT
    assert "tts" in results[0].message
    assert results[1].value == "B"
    assert trio.current_time() - start == pytest.approx(7.5)


async def test_a_fragment_that_comes_too_late_is_not_worked_on_at_all(autojump_clock):
    async def work(one):
        pytest.fail(f"worked on {one}")

    results, _ = await through(work, item(0, deadline=trio.current_time() - 1))
    assert results[0].code is ErrorCode.TIMEOUT


async def test_a_stages_own_limit_is_shorter_than_the_fragments_deadline(autojump_clock):
    async def work(one):
        await trio.sleep(60)

    start = trio.current_time()
    results, _ = await through(work, item(0, deadline=start + 30), limits=StageLimits(timeout_s=2))
    assert results[0].code is ErrorCode.TIMEOUT
    assert trio.current_time() - start == pytest.approx(2)


outcomes = st.lists(st.sampled_from(["fine", "engine", "late", "failed before"]), max_size=12)


@settings(deadline=None)
@given(st.random_module(), outcomes, st.integers(min_value=0, max_value=3))
def test_every_item_gives_exactly_one_result_in_order_whatever_happens(_schedule, path, capacity):
    async def work(one):
        await trio.sleep(99 if one.value == "late" else 0.1)
        if one.value == "engine":
            raise EngineError(ErrorCode.SYNTHESIS_FAILED, "no")
        return one

    async def main():
        send, inbox = trio.open_memory_channel(capacity)
        outbox, receive = trio.open_memory_channel(capacity)

        async def feed():
            with send:
                for index, outcome in enumerate(path):
                    late = trio.current_time() + 1
                    await send.send(
                        failure(index) if outcome == "failed before" else item(index, outcome, deadline=late)
                    )

        async def stage():
            with outbox:
                await run_stage(inbox, outbox, work, stage=Stage.TTS, limits=StageLimits())

        async with trio.open_nursery() as nursery:
            nursery.start_soon(feed)
            nursery.start_soon(stage)
            results = [result async for result in receive]
        assert [result.header.index for result in results] == list(range(len(path)))

    trio.run(main, clock=MockClock(autojump_threshold=0))


async def test_each_failure_old_or_new_is_told_and_may_be_replaced():
    told = []

    def on_failure(failed):
        told.append(failed.code)
        return item(failed.header.index, "instead") if failed.header.index == 1 else failed

    async def work(given):
        raise ServiceError(ErrorCode.SYNTHESIS_FAILED, given.value)

    send, inbox = trio.open_memory_channel(2)
    outbox, receive = trio.open_memory_channel(2)
    send.send_nowait(failure(0))
    send.send_nowait(item(1, "now"))
    send.close()
    await run_stage(inbox, outbox, work, stage=Stage.TTS, limits=UNLIMITED, on_failure=on_failure)
    outbox.close()
    before, instead = [result async for result in receive]
    assert told == [ErrorCode.ASR_FAILED, ErrorCode.SYNTHESIS_FAILED]
    assert before == failure(0)
    assert instead.value == "instead"
