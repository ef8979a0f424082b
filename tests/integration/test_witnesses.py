"""Who watches streams is told all that happens to them, once, in order, and nothing after the end."""

import base64
from contextlib import asynccontextmanager
from itertools import pairwise

import trio
from desk import open_desk
from hypothesis import given, settings
from hypothesis import strategies as st
from resuming_worker import ResumingWorker
from running import marked
from trio.testing import MockClock, wait_all_tasks_blocked
from witnesses import Diaries

from sts_actors.errors import EngineError, ErrorCode

INIT = {"source_language": "en", "target_language": "pt", "worker_id": "worker-3", "stream_id": "match-7"}
LINE = [
    ("worked", "session", ""),
    ("worked", "asr", ""),
    ("worked", "translation", "pt"),
    ("worked", "tts", "pt"),
]
PIECES = [marked(3, number) for number in range(12)]


def payload(number, audio=None, name=None):
    return {
        "fragment_id": name or f"f{number}",
        "sequence_number": number,
        "audio": base64.b64encode(PIECES[number] if audio is None else audio).decode(),
    }


@asynccontextmanager
async def watched(**overrides):
    async with open_desk(**overrides) as desk:
        desk.dubbing.witness = diaries = Diaries()
        yield desk, diaries


async def opened(desk, **init):
    socket = await desk.connect()
    socket.send("stream:init", {**INIT, **init})
    assert await socket.next_named("stream:ready")
    return socket


async def to_the_end(socket):
    socket.send("stream:end")
    assert await socket.next_named("stream:complete")
    await wait_all_tasks_blocked()


async def test_a_fragment_is_admitted_then_worked_on_by_each_stage_then_answered(autojump_clock):
    async with watched() as (desk, diaries):
        socket = await opened(desk)
        for number in range(3):
            socket.send("fragment:data", payload(number))
        await to_the_end(socket)
        (diary,) = diaries.streams
        assert (diary.config.stream_id, diary.worker_id) == ("match-7", "worker-3")
        for index in range(3):
            assert diary.of(index) == [("admitted",), *LINE, ("answered", "pt", "dub")]
        assert not diaries.away
        assert not diary.told("refused", "restarted")


async def test_a_session_s_states_are_told_until_it_is_closed(autojump_clock):
    async with watched() as (desk, diaries):
        socket = await opened(desk)
        socket.send("stream:pause")
        socket.send("stream:resume")
        await to_the_end(socket)
        assert diaries.streams[0].lines == [
            ("stands", "ready"),
            ("stands", "paused"),
            ("stands", "ready"),
            ("stands", "draining"),
            ("stands", "complete"),
            ("closed",),
        ]


async def test_a_worker_that_leaves_closes_its_stream_once_and_nothing_follows(autojump_clock):
    async with watched() as (desk, diaries):
        socket = await opened(desk)
        socket.send("fragment:data", payload(0))
        await wait_all_tasks_blocked()
        socket.cut()
        await trio.sleep(60)
        lines = diaries.streams[0].lines
        assert ("admitted", 0) in lines
        assert lines[-1] == ("closed",)
        assert lines.count(("closed",)) == 1


async def test_a_fragment_that_comes_after_the_end_is_no_longer_the_stream_s(autojump_clock):
    async with watched() as (desk, diaries):
        socket = await opened(desk)
        await to_the_end(socket)
        socket.send("fragment:data", payload(0))
        assert await socket.next_named("fragment:processed")
        assert diaries.streams[0].lines[-1] == ("closed",)
        assert diaries.away == ["STREAM_NOT_FOUND"]


async def test_levels_of_backpressure_are_told_as_they_change(autojump_clock):
    async with watched(backpressure_low=1, backpressure_medium=2, backpressure_high=5) as (desk, diaries):
        socket = await opened(desk)
        for number in range(4):
            socket.send("fragment:data", payload(number))
        await to_the_end(socket)
        levels = [level for _, level in diaries.streams[0].told("pressed")]
        # Which fragment is told of first is the scheduler's business.
        assert "high" in levels
        assert levels[-1] == "low"
        assert all(one != next_ for one, next_ in pairwise(levels))


async def test_each_language_is_told_of_by_itself(autojump_clock):
    async with watched() as (desk, diaries):
        socket = await opened(desk, target_languages=["pt", "es"])
        socket.send("fragment:data", payload(0))
        await to_the_end(socket)
        told = diaries.streams[0].of(0)
        common, by_language = told[:3], told[3:-2]
        assert common == [("admitted",), *LINE[:2]]
        assert sorted(by_language) == sorted(
            ("worked", stage, language) for stage in ("translation", "tts") for language in ("pt", "es")
        )
        assert told[-2:] == [("answered", "pt", "dub"), ("answered", "es", "dub")]


async def test_a_fragment_that_cannot_be_taken_is_refused_and_answered_and_no_stage_sees_it(autojump_clock):
    async with watched() as (desk, diaries):
        socket = await opened(desk)
        socket.send("fragment:data", {**payload(0), "sequence_number": -1})
        socket.send("fragment:data", {**payload(1), "audio": "!"})
        socket.send("stream:pause")
        socket.send("fragment:data", payload(2))
        await to_the_end(socket)
        diary = diaries.streams[0]
        assert diary.told("refused") == [
            ("refused", "f0", "INVALID_SEQUENCE"),
            ("refused", "f1", "INVALID_AUDIO_FORMAT"),
            ("refused", "f2", "STREAM_PAUSED"),
        ]
        assert diary.told("answered") == [
            ("answered", -1, "pt", "INVALID_SEQUENCE"),
            ("answered", 0, "pt", "INVALID_AUDIO_FORMAT"),
            ("answered", 1, "pt", "STREAM_PAUSED"),
        ]
        assert not diary.told("admitted", "worked")


async def test_a_stage_that_fails_is_the_last_that_worked_on_its_fragment(autojump_clock):
    async with watched() as (desk, diaries):

        async def refuse(request, **context):
            raise EngineError(ErrorCode.TRANSLATION_FAILED, "not today")

        desk.models.translator = refuse
        socket = await opened(desk)
        socket.send("fragment:data", payload(0))
        await to_the_end(socket)
        assert diaries.streams[0].of(0) == [
            ("admitted",),
            *LINE[:2],
            ("worked", "translation", "pt", "TRANSLATION_FAILED"),
            ("answered", "pt", "TRANSLATION_FAILED"),
        ]


async def test_an_actor_s_new_start_is_told_with_its_cause(autojump_clock):
    async with watched() as (desk, diaries):

        async def break_down(request, **context):
            raise ZeroDivisionError

        desk.models.translator = break_down
        socket = await opened(desk)
        socket.send("fragment:data", payload(0))
        await to_the_end(socket)
        diary = diaries.streams[0]
        assert diary.told("restarted") == [("restarted", "translation", "ZeroDivisionError")]
        assert ("worked", "translation", "pt", "UNKNOWN_ERROR") in diary.of(0)


async def test_a_repeat_is_answered_again_and_neither_admitted_nor_worked_on(autojump_clock):
    async with watched() as (desk, diaries):
        socket = await opened(desk)
        for _ in range(2):
            socket.send("fragment:data", payload(0))
        await to_the_end(socket)
        assert diaries.streams[0].of(0) == [("admitted",), *LINE, *[("answered", "pt", "dub")] * 2]


async def test_a_worker_without_a_stream_is_turned_away(autojump_clock):
    async with watched(max_concurrent_streams=1) as (desk, diaries):
        stranger = await desk.connect()
        stranger.send("fragment:data", payload(0))
        assert await stranger.next_named("error")
        stranger.send("stream:init", {**INIT, "source_language": 7})
        assert await stranger.next_named("error")
        await opened(desk)
        stranger.send("stream:init", INIT)
        assert await stranger.next_named("error")
        assert diaries.away == ["STREAM_NOT_FOUND", "UNSUPPORTED_LANGUAGE", "BACKPRESSURE_EXCEEDED"]
        assert len(diaries.streams) == 1


async def test_an_opening_that_is_refused_is_told_closed_and_another_may_follow(autojump_clock):
    async with watched() as (desk, diaries):
        socket = await desk.connect()
        socket.send("stream:init", {**INIT, "voice_profile": "nobody"})
        assert (await socket.next_named("error"))["code"] == "INVALID_VOICE_PROFILE"
        socket.send("stream:init", INIT)
        assert await socket.next_named("stream:ready")
        refused, taken = diaries.streams
        assert refused.lines == [
            ("stands", "connected"),
            ("refused", None, "INVALID_VOICE_PROFILE"),
            ("closed",),
        ]
        assert taken.lines == [("stands", "ready")]


async def test_a_worker_that_comes_back_is_in_the_same_stream_as_before(autojump_clock):
    async with watched() as (desk, diaries):
        worker = ResumingWorker(desk.connect, PIECES[:4])
        async with trio.open_nursery() as nursery:
            nursery.start_soon(worker.run)
            await trio.sleep(0.08)
            worker.socket.cut()
        await trio.sleep(1)
        assert desk.wire.opened > 1
        (diary,) = diaries.streams
        assert [line[1:] for line in diary.told("answered")] == [(index, "pt", "dub") for index in range(4)]
        assert diary.lines[-2:] == [("stands", "complete"), ("closed",)]


ACTS = ("good", "good", "good", "broken", "unnumbered", "pause", "resume", "wait", "end", "cut")


@settings(max_examples=60, deadline=None)
@given(
    st.random_module(),
    st.lists(st.tuples(st.sampled_from(ACTS), st.integers(0, 11)), max_size=20),
    st.sampled_from([["pt"], ["pt", "es"]]),
)
def test_whatever_a_worker_does_what_is_told_of_it_makes_sense(_schedule, acts, targets):
    async def main():
        async with watched() as (desk, diaries):
            socket = await opened(desk, target_languages=targets, timeout_ms=30_000)
            for act, number in acts:
                if act == "wait":
                    await trio.sleep(0.03)
                elif act == "cut":
                    socket.cut()
                elif act in {"pause", "resume", "end"}:
                    socket.send(f"stream:{act}")
                elif act == "unnumbered":
                    socket.send("fragment:data", {**payload(number), "sequence_number": None})
                else:
                    socket.send("fragment:data", payload(number, b"\0" if act == "broken" else None))
            socket.send("stream:end")
            await trio.sleep(60)
        (diary,) = diaries.streams
        check(diary, targets, whole="cut" not in [act for act, _ in acts])

    trio.run(main, clock=MockClock(autojump_threshold=0))


def check(diary, targets, *, whole):
    assert diary.lines[-1] == ("closed",)
    assert diary.lines.count(("closed",)) == 1
    # Below 0 are those without a place, and the tail.
    indices = {line[1] for line in diary.told("admitted", "worked", "answered") if line[1] >= 0}
    for index in indices:
        told = diary.of(index)
        kinds = [kind for kind, *_ in told]
        # Admitted first, if at all; what no stage worked on was refused.
        assert kinds.count("admitted") <= 1
        assert ("worked" in kinds) <= (kinds[0] == "admitted")
        assert kinds == sorted(kinds, key=("admitted", "worked", "answered").index)
        worked = [line[1:3] for line in told if line[0] == "worked"]
        assert len(worked) == len(set(worked))
        for language in targets:
            its = [stage for stage, tag in worked if tag in {"", language}]
            assert its == ["session", "asr", "translation", "tts"][: len(its)]
        answered = [line[1] for line in told if line[0] == "answered"]
        assert answered == (targets * len(answered))[: len(answered)]
        if whole:
            assert answered
            assert len(answered) % len(targets) == 0
