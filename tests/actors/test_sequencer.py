"""Results leave by their numbers, when they are due, whatever happens to the actor meanwhile."""

import attrs
import numpy as np
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from sts_actors.actors.sequencer import Sequence, sequencer
from sts_actors.errors import ErrorCode, Stage
from sts_actors.messages import (
    TAIL,
    AudioFormat,
    Container,
    FragmentFailed,
    FragmentHeader,
    Speech,
    Transcript,
    Translation,
)
from sts_actors.wire.ordering import HOLE_HOLD_S, Kind, Ordering

LABEL = AudioFormat(container=Container.PCM_S16LE, sample_rate_hz=8000, channels=1)


def header(sequence, number, digest=b""):
    """Of a fragment that arrives now."""
    admission = sequence.ordering.arrived(number, digest, trio.current_time())
    return FragmentHeader(
        stream_id="s",
        fragment_id=f"f{number}",
        sequence_number=number,
        index=admission.key,
        duration_ms=6000,
        received=0.0,
        deadline=9.0,
    )


def failure(header, *, retryable=True):
    return FragmentFailed(
        header=header, stage=Stage.ASR, code=ErrorCode.TIMEOUT, message="late", retryable=retryable
    )


def speech(header):
    transcript = Transcript(header=header, frames=80, answer=LABEL, text="a", language="en", asr_s=0.0)
    translation = Translation(transcript=transcript, text="b", billed_characters=1, translation_s=0.0)
    return Speech(
        translation=translation,
        pcm=np.zeros(80, np.float32),
        sample_rate_hz=8000,
        raw_duration_ms=10,
        speed_ratio=1.0,
        tempo=1.0,
        variance=0.0,
        partial=False,
        tts_s=0.0,
    )


async def collect(receive, into):
    async for due in receive:
        into.append((due.number, trio.current_time()))


@given(st.permutations(range(8)))
def test_any_order_in_gives_the_order_of_the_numbers_out(order):
    async def main():
        sequence, out = Sequence(Ordering()), []
        send, inbox = trio.open_memory_channel(8)
        outbox, receive = trio.open_memory_channel(8)
        headers = [header(sequence, number) for number in range(8)]
        for number in order:
            send.send_nowait(failure(headers[number]))
        send.close()
        await sequencer(inbox, outbox, sequence)
        outbox.close()
        await collect(receive, out)
        assert [number for number, _ in out] == list(range(8))

    trio.run(main, clock=MockClock(autojump_threshold=0))


async def test_a_hole_is_waited_for_and_then_passed_over_by_time_alone(autojump_clock):
    sequence, out = Sequence(Ordering()), []
    send, inbox = trio.open_memory_channel(8)
    outbox, receive = trio.open_memory_channel(8)
    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(collect, receive, out)
        nursery.start_soon(sequencer, inbox, outbox, sequence)
        for number in (1, 3):
            send.send_nowait(failure(header(sequence, number)))
        await trio.sleep(10)
        nursery.cancel_scope.cancel()
    assert [number for number, _ in out] == [1, 3]
    assert out[1][1] - began == pytest.approx(HOLE_HOLD_S)


async def test_the_end_of_input_releases_what_a_hole_holds(autojump_clock):
    sequence, out = Sequence(Ordering()), []
    send, inbox = trio.open_memory_channel(8)
    outbox, receive = trio.open_memory_channel(8)
    for number in (1, 3):
        send.send_nowait(failure(header(sequence, number)))
    send.close()
    with trio.fail_after(0.1):
        await sequencer(inbox, outbox, sequence)
    outbox.close()
    await collect(receive, out)
    assert [number for number, _ in out] == [1, 3]


async def test_a_nudge_sends_what_the_edge_has_settled(autojump_clock):
    sequence, out = Sequence(Ordering()), []
    send, inbox = trio.open_memory_channel(8)
    outbox, receive = trio.open_memory_channel(8)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(collect, receive, out)
        nursery.start_soon(sequencer, inbox, outbox, sequence)
        await wait_all_tasks_blocked()
        sequence.finished(failure(header(sequence, 0)))
        await wait_all_tasks_blocked()
        assert out == []
        send.send_nowait(None)
        await wait_all_tasks_blocked()
        assert [number for number, _ in out] == [0]
        nursery.cancel_scope.cancel()


def test_a_second_result_for_the_same_fragment_is_an_error():
    async def main():
        sequence = Sequence(Ordering())
        first = header(sequence, 0)
        sequence.finished(failure(first))
        with pytest.raises(KeyError):
            sequence.finished(failure(first))

    trio.run(main)


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (speech, Kind.REPEAT),
        (lambda its: failure(its, retryable=False), Kind.REPEAT),
        (failure, Kind.LATE),
    ],
    ids=["speech", "a failure for good", "a failure worth retrying"],
)
async def test_only_what_is_not_worth_retrying_answers_the_same_bytes_again(make, kind):
    sequence = Sequence(Ordering())
    sequence.finished(make(header(sequence, 0)))
    while sequence.peek(trio.current_time()) is not None:
        sequence.release()
    assert sequence.ordering.arrived(0, b"", trio.current_time()).kind is kind


def in_language(result, language):
    if isinstance(result, FragmentFailed):
        return attrs.evolve(result, target_language=language)
    return attrs.evolve(result, translation=attrs.evolve(result.translation, target_language=language))


async def test_a_fragment_is_finished_when_it_is_in_every_language():
    sequence = Sequence(Ordering(), ("pt", "es"))
    its = header(sequence, 0)
    sequence.finished(in_language(speech(its), "es"))
    assert sequence.peek(trio.current_time()) is None
    sequence.finished(in_language(failure(its), "pt"))
    failed, spoken = sequence.peek(trio.current_time()).result
    assert (failed.target_language, spoken.translation.target_language) == ("pt", "es")


async def test_a_fragment_that_failed_in_one_language_may_be_sent_again():
    sequence = Sequence(Ordering(), ("pt", "es"))
    its = header(sequence, 0)
    sequence.finished(in_language(speech(its), "pt"))
    sequence.finished(in_language(failure(its), "es"))
    while sequence.peek(trio.current_time()) is not None:
        sequence.release()
    assert sequence.ordering.arrived(0, b"", trio.current_time()).kind is Kind.LATE


async def test_a_refusal_answers_in_every_language():
    sequence = Sequence(Ordering(), ("pt", "es"))
    sequence.refused(failure(header(sequence, 0)))
    assert [each.target_language for each in sequence.peek(0.0).result] == ["pt", "es"]


async def test_a_tail_is_kept_and_answers_no_fragment():
    sequence = Sequence(Ordering())
    left = attrs.evolve(header(sequence, 0), index=TAIL)
    sequence.finished(speech(left))
    sequence.finished(failure(attrs.evolve(left, sequence_number=2)))
    assert sequence.peek(trio.current_time()) is None
    assert [tail.header for tail in sequence.tails.values()] == [left]


async def test_what_is_held_or_half_sent_outlives_a_restart_of_the_actor():
    sequence, out = Sequence(Ordering()), []
    send, inbox = trio.open_memory_channel(4)
    outbox, receive = trio.open_memory_channel(0)
    first, second, third = (header(sequence, number) for number in range(3))
    send.send_nowait(failure(first))
    send.send_nowait(failure(third))
    with trio.CancelScope() as first_life:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(sequencer, inbox, outbox, sequence)
            await wait_all_tasks_blocked()  # it cannot get rid of the first
            first_life.cancel()
    send.send_nowait(failure(second))
    send.close()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(collect, receive, out)
        await sequencer(inbox, outbox, sequence)
        outbox.close()
    assert [number for number, _ in out] == [0, 1, 2]
