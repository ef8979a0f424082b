"""Whatever comes in whatever order, each fragment is answered once, and the answers are in order."""

import base64
import os
from collections import Counter

import pytest
import trio
from desk import open_desk
from hypothesis import given, settings
from hypothesis import strategies as st
from running import marked, who_speaks
from trio.testing import MockClock

from sts_actors.wire.ordering import UNANSWERED

INIT = {"source_language": "en", "target_language": "pt", "timeout_ms": 30_000}
NUMBERS = range(1, 25)
"""From 1: a 0 is not waited for once a 1 is here."""
GOOD = {number: marked(3, number) for number in NUMBERS}
OTHER = {number: marked(4, number) for number in NUMBERS}
BROKEN = b"\x00\x01\x02"
AUDIO = {"good": GOOD, "other": OTHER, "broken": dict.fromkeys(NUMBERS, BROKEN)}
ROOMY = dict.fromkeys(("backpressure_high", "backpressure_critical"), 100)
SCHEDULES = int(os.environ.get("STS_ORDER_SCHEDULES", "200"))

sent = st.lists(
    st.tuples(st.sampled_from(NUMBERS), st.sampled_from(["good", "good", "good", "other", "broken"])),
    min_size=1,
    max_size=50,
)
pauses = st.lists(st.sampled_from([0.0, 0.0, 0.0, 0.005]), min_size=50, max_size=50)


def payload(name, number, audio):
    return {
        "fragment_id": name,
        "sequence_number": number,
        "audio": base64.b64encode(audio).decode(),
        "metadata": {"pts_ns": name},
    }


async def answers_to(socket, count):
    answers = []
    while len(answers) < count:
        answers.append(await socket.next_named("fragment:processed"))
    return answers


@settings(max_examples=SCHEDULES, deadline=None)
@given(st.random_module(), sent, pauses)
def test_shuffled_repeated_broken_and_missing_fragments_are_answered_once_each_and_in_order(
    _schedule, sent, pauses
):
    async def main():
        async with open_desk(**ROOMY) as desk:
            socket = await desk.connect()
            socket.send("stream:init", INIT)
            await socket.next_named("stream:ready")
            # All within what a lower start and a hole are waited for.
            for place, (number, kind) in enumerate(sent):
                socket.send("fragment:data", payload(f"f{place}", number, AUDIO[kind][number]))
                await trio.sleep(pauses[place])
            with trio.fail_after(60):
                answers = await answers_to(socket, len(sent))
                socket.send("stream:end")
                complete = await socket.next_named("stream:complete")
        by_name = {answer["fragment_id"]: answer for answer in answers}
        assert len(by_name) == len(answers)
        firsts = {}
        for place, (number, kind) in enumerate(sent):
            answer = by_name[f"f{place}"]
            assert (answer["sequence_number"], answer["metadata"]["pts_ns"]) == (number, f"f{place}")
            firsts.setdefault(number, f"f{place}")
            if kind == "broken":
                assert answer["error"]["code"] == "INVALID_AUDIO_FORMAT"
            else:
                mark = who_speaks(base64.b64decode(answer["dubbed_audio"]))
                assert mark == (3 if kind == "good" else 4, number)
        order = [answer["sequence_number"] for answer in answers if answer["fragment_id"] in firsts.values()]
        assert order == sorted(order)
        # The same bytes again are answered, and neither worked on nor billed.
        worth = {one for one in sent if one[1] != "broken"}
        assert len(desk.asked) == len(worth)
        outcomes = Counter(answer["status"] for answer in answers)
        assert complete["total_fragments"] == len(sent)
        assert (complete["success_count"], complete["failed_count"]) == (
            outcomes["success"],
            outcomes["failed"],
        )

    trio.run(main, clock=MockClock(autojump_threshold=0))


async def test_a_repeat_of_what_failed_for_a_while_is_worked_on_again(autojump_clock):
    dying = (frozenset({0, 1}), frozenset(), frozenset())
    async with open_desk(deaths=dying) as desk:
        socket = await desk.connect()
        socket.send("stream:init", INIT)
        await socket.next_named("stream:ready")
        socket.send("fragment:data", payload("first", 0, GOOD[1]))
        (failed,) = await answers_to(socket, 1)
        assert failed["error"]["retryable"] is True
        socket.send("fragment:data", payload("second", 0, GOOD[1]))
        (good,) = await answers_to(socket, 1)
        assert (good["fragment_id"], good["status"]) == ("second", "success")


async def test_a_hole_is_skipped_within_two_seconds_and_what_fills_it_late_is_answered_at_once(
    autojump_clock,
):
    async with open_desk() as desk:
        socket = await desk.connect()
        socket.send("stream:init", INIT)
        await socket.next_named("stream:ready")
        began = trio.current_time()
        for number in (1, 2, 4):
            socket.send("fragment:data", payload(f"f{number}", number, GOOD[number]))
        answers = await answers_to(socket, 3)
        assert [answer["sequence_number"] for answer in answers] == [1, 2, 4]
        assert trio.current_time() - began == pytest.approx(2, abs=0.1)
        socket.send("fragment:data", payload("late", 3, GOOD[3]))
        late = trio.current_time()
        await answers_to(socket, 1)
        assert trio.current_time() - late < 1


async def test_a_zero_after_an_answered_one_is_answered_at_once(autojump_clock):
    async with open_desk() as desk:
        socket = await desk.connect()
        socket.send("stream:init", INIT)
        await socket.next_named("stream:ready")
        socket.send("fragment:data", payload("f1", 1, BROKEN))
        await answers_to(socket, 1)
        socket.send("fragment:data", payload("f0", 0, GOOD[1]))
        with trio.fail_after(1):
            (answer,) = await answers_to(socket, 1)
        assert (answer["sequence_number"], answer["status"]) == (0, "success")


async def test_three_one_two_becomes_one_two_three(autojump_clock):
    async with open_desk() as desk:
        socket = await desk.connect()
        socket.send("stream:init", INIT)
        await socket.next_named("stream:ready")
        for number in (3, 1, 2):
            socket.send("fragment:data", payload(f"f{number}", number, GOOD[number]))
            await trio.sleep(0.4 / 3)
        answers = await answers_to(socket, 3)
        assert [answer["sequence_number"] for answer in answers] == [1, 2, 3]


async def test_a_fragment_too_many_to_be_held_is_refused_at_once(autojump_clock):
    async with open_desk() as desk:
        socket = await desk.connect()
        socket.send("stream:init", INIT)
        await socket.next_named("stream:ready")
        # A refusal above a hole waits for its turn; so many may.
        for number in range(1, UNANSWERED + 2):
            socket.send("fragment:data", payload(f"f{number}", 2 * number + 20, BROKEN))
        with trio.fail_after(0.1):
            (answer,) = await answers_to(socket, 1)
        assert answer["error"]["code"] == "BACKPRESSURE_EXCEEDED"
        await answers_to(socket, UNANSWERED)
        socket.send("stream:end")
        complete = await socket.next_named("stream:complete")
        assert complete["failed_count"] == UNANSWERED + 1


@pytest.mark.parametrize("event", ["stream:pause", "stream:resume", "stream:end"])
async def test_what_is_out_of_place_is_refused_and_changes_nothing(event, autojump_clock):
    async with open_desk() as desk:
        socket = await desk.connect()
        socket.send(event)
        assert (await socket.next_named("error"))["code"] == "STREAM_NOT_FOUND"
        socket.send("stream:init", INIT)
        await socket.next_named("stream:ready")
        socket.send("stream:init", INIT)
        assert (await socket.next_named("error"))["code"] == "INVALID_CONFIG"
        socket.send("fragment:data", payload("f", 0, GOOD[1]))
        assert (await answers_to(socket, 1))[0]["status"] == "success"
        socket.send("stream:end")
        await trio.sleep(0.01)
        socket.send(event)
        assert (await socket.next_named("error"))["code"] == "STREAM_NOT_FOUND"


@pytest.mark.parametrize("number", [-1, 1.5, "7", True, None, 2**60])
async def test_a_number_that_is_none_is_refused_with_an_answer_of_its_own(number, autojump_clock):
    async with open_desk() as desk:
        socket = await desk.connect()
        socket.send("stream:init", INIT)
        await socket.next_named("stream:ready")
        socket.send("fragment:data", {**payload("odd", 0, GOOD[1]), "sequence_number": number})
        refusal = await socket.next_named("error")
        assert (refusal["code"], refusal["fragment_id"]) == ("INVALID_SEQUENCE", "odd")
        (answer,) = await answers_to(socket, 1)
        assert (answer["fragment_id"], answer["sequence_number"]) == ("odd", -1)
        assert answer["error"]["code"] == "INVALID_SEQUENCE"
        socket.send("stream:end")
        assert (await socket.next_named("stream:complete"))["failed_count"] == 1


@pytest.mark.parametrize(("load_s", "status"), [(5, "success"), (9, "success"), (60, "failed")])
async def test_a_stream_is_ready_within_ten_seconds_even_while_the_models_load(
    load_s, status, autojump_clock
):
    async with open_desk(load_s=load_s) as desk:
        socket = await desk.connect()
        began = trio.current_time()
        socket.send("stream:init", {**INIT, "timeout_ms": 8000})
        await socket.next_named("stream:ready")
        assert trio.current_time() - began < 10
        sent = trio.current_time()
        socket.send("fragment:data", payload("f", 0, GOOD[1]))
        await socket.next_named("fragment:ack")
        assert trio.current_time() - sent < 0.01
        (answer,) = await answers_to(socket, 1)
        assert trio.current_time() - sent <= 7.5 + 0.01
        assert answer["status"] == status
        if status == "failed":
            assert (answer["error"]["code"], answer["error"]["stage"]) == ("TIMEOUT", "asr")


async def test_several_late_ones_are_each_answered_before_their_worker_gives_up(autojump_clock):
    async with open_desk() as desk:

        async def stuck(request, **context):
            del request, context
            await trio.sleep_forever()

        desk.models.translator = stuck
        socket = await desk.connect()
        socket.send("stream:init", {**INIT, "timeout_ms": 8000})
        await socket.next_named("stream:ready")
        sent = {}
        for number in (3, 1, 2):
            sent[number] = trio.current_time()
            socket.send("fragment:data", payload(f"f{number}", number, GOOD[number]))
            await trio.sleep(0.1)
        came = []
        for _ in range(3):
            (answer,) = await answers_to(socket, 1)
            came.append(answer["sequence_number"])
            assert trio.current_time() - sent[answer["sequence_number"]] < 8
            assert answer["error"]["code"] == "TIMEOUT"
        # The third was received first and could not wait for the others any longer.
        assert sorted(came) == [1, 2, 3]
