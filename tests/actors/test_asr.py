"""The recognition actor: seams between fragments that follow each other, gaps, repeats, failures, the end."""

from itertools import pairwise

import attrs
import numpy as np
import pytest
import trio

from sts_actors.actors.asr import asr
from sts_actors.actors.compute import inline
from sts_actors.actors.intake import Intake
from sts_actors.actors.stage import StageLimits
from sts_actors.engines.fake import FakeRecogniser
from sts_actors.engines.marks import mark
from sts_actors.engines.ports import Recognition
from sts_actors.errors import ErrorCode, ServiceError, Stage
from sts_actors.messages import (
    TAIL,
    AudioFormat,
    Container,
    Fragment,
    FragmentFailed,
    FragmentHeader,
    SeamPolicy,
    StreamConfig,
    Word,
)

RATE_HZ = 16_000
UNLIMITED = StageLimits()
LABEL = AudioFormat(container=Container.PCM_S16LE, sample_rate_hz=RATE_HZ, channels=1)
CARRY = StreamConfig(
    stream_id="s", source_language="en", target_language="pt", label=LABEL, seam=SeamPolicy.CARRY
)
FIXED = attrs.evolve(CARRY, seam=SeamPolicy.FIXED)
TEXT = "it was the best of times it was the worst of times it was the age of wisdom"
SENTENCE = TEXT.split()
WORD_S = 0.42
"""Each word lasts so long, one after the other: fragments of 2 s cut each a word in two."""


def speech(words, first=0):
    """Samples that say a word's number, for as long as it lasts."""
    return np.repeat(np.arange(first + 1, first + 1 + words) / 100, round(WORD_S * RATE_HZ)).astype(
        np.float32
    )


@attrs.define
class Ear:
    """Hears whole words alone, after `takes_s`; what it is asked in `fails` fails."""

    takes_s: float = 0.1
    fails: dict = attrs.field(factory=dict)
    asked: list = attrs.field(factory=list)

    async def __call__(self, request, /, *, stream, deadline):
        self.asked.append(request)
        await trio.sleep(self.takes_s)
        if len(self.asked) in self.fails:
            raise self.fails[len(self.asked)]
        numbers = np.rint(request.pcm * 100).astype(int)
        edges = [0, *(np.flatnonzero(np.diff(numbers)) + 1), numbers.size]
        words = [
            Word(text=SENTENCE[numbers[start] - 1], start_s=int(start) / RATE_HZ, end_s=int(end) / RATE_HZ)
            for start, end in pairwise(edges)
            if numbers[start] and end - start > 0.9 * WORD_S * RATE_HZ
        ][len(request.prefix.split()) :]
        loud = np.flatnonzero(numbers)
        voice = ((loud[0] / RATE_HZ, loud[-1] / RATE_HZ),) if loud.size else ()
        return Recognition(
            text=" ".join(word.text for word in words),
            language="en",
            words=tuple(words) if request.words else (),
            voice=voice,
        )


def fragment(number, pcm, *, rate_hz=RATE_HZ, index=None, deadline=float("inf")):
    header = FragmentHeader(
        stream_id="s",
        fragment_id=f"f{number}",
        sequence_number=number,
        index=number if index is None else index,
        duration_ms=round(pcm.size / rate_hz * 1000),
        received=0.0,
        deadline=deadline,
    )
    answer = attrs.evolve(LABEL, sample_rate_hz=rate_hz)
    return Fragment(header=header, pcm=pcm, sample_rate_hz=rate_hz, answer=answer)


def in_fragments(seconds=2.0, words=18):
    pcm, length = speech(words), round(seconds * RATE_HZ)
    return [
        fragment(number, pcm[start : start + length])
        for number, start in enumerate(range(0, pcm.size, length))
    ]


async def transcribed(items, ear, config=CARRY, *, intake=None, limits=UNLIMITED, compute=inline):
    """What the actor sends for `items`, to the end."""
    inlet, inbox = trio.open_memory_channel(len(items))
    outbox, outlet = trio.open_memory_channel(len(items) + 1)
    for item in items:
        inlet.send_nowait(item)
    inlet.close()
    await asr(inbox, outbox, ear, config, limits, compute, intake)
    outbox.close()
    return [item async for item in outlet]


def said(transcripts):
    return [word.text for transcript in transcripts for word in transcript.words]


def failure(number):
    return FragmentFailed(
        header=fragment(number, np.zeros(1, np.float32)).header,
        stage=Stage.ASR,
        code=ErrorCode.INVALID_AUDIO_FORMAT,
        message="bad",
        retryable=False,
    )


async def test_words_cut_by_seams_are_said_once_and_whole(autojump_clock):
    transcripts = await transcribed(in_fragments(), Ear(), intake=Intake())
    assert said(transcripts) == SENTENCE
    assert [transcript.text for transcript in transcripts] == [
        " ".join(word.text for word in transcript.words) for transcript in transcripts
    ]


async def test_words_that_were_carried_are_timed_before_their_fragment(autojump_clock):
    first, second, *_ = await transcribed(in_fragments(), Ear())
    assert len(first.words) == 3
    assert second.words[0].start_s == pytest.approx(3 * WORD_S - 2)
    assert second.words[-1].end_s < 2


async def test_what_has_been_decided_is_given_as_the_beginning_of_what_is_heard_again(autojump_clock):
    ear = Ear()
    await transcribed(in_fragments(), ear)
    assert [request.prefix for request in ear.asked[:3]] == [
        "",
        "it was the",
        "it was the best of times it was",
    ]
    assert all(request.words for request in ear.asked)


async def test_fixed_seams_hear_each_fragment_by_itself_and_time_its_words(autojump_clock):
    ear, items = Ear(), in_fragments()
    transcripts = await transcribed(items, ear, FIXED)
    assert [request.pcm.size for request in ear.asked] == [item.pcm.size for item in items]
    assert [request.prefix for request in ear.asked] == [""] * 4
    assert all(transcript.words[0].start_s >= 0 for transcript in transcripts)
    assert said(transcripts) == [word for place, word in enumerate(SENTENCE) if place not in {4, 9, 14}]


async def test_a_transcript_holds_its_fragment(autojump_clock):
    items = in_fragments()
    for transcript, item in zip(await transcribed(items, Ear()), items, strict=True):
        assert transcript.source is item.pcm
        assert transcript.frames == item.pcm.size
        assert not transcript.alone


async def test_what_was_carried_before_a_gap_comes_first_after_it(autojump_clock):
    items = in_fragments()
    first, third = await transcribed([items[0], items[2]], Ear())
    assert [word.text for word in first.words] == SENTENCE[:3]
    # The fourth was heard whole; the fifth's end is in the gap.
    assert third.words[0].text == SENTENCE[3]
    assert -2 <= third.words[0].start_s < third.words[0].end_s <= 0
    assert third.words[1].start_s >= 0


async def test_after_a_gap_nothing_is_heard_again(autojump_clock):
    items, ear = in_fragments(), Ear()
    await transcribed([items[0], items[2]], ear)
    assert ear.asked[-1].prefix == ""
    assert ear.asked[-1].pcm.size == items[2].pcm.size


async def test_a_failed_fragment_is_a_gap_and_passed_on(autojump_clock):
    items = in_fragments()
    first, failed, third = await transcribed([items[0], failure(1), items[2]], Ear())
    assert failed == failure(1)
    assert said([first, third])[:4] == SENTENCE[:4]


@pytest.mark.parametrize(
    "error", [ServiceError(ErrorCode.ASR_FAILED, "no"), ServiceError(ErrorCode.TIMEOUT, "late")]
)
async def test_a_failed_recognition_loses_nothing_of_what_was_carried_to_it(autojump_clock, error):
    items = in_fragments()
    first, failed, third = await transcribed(items[:3], Ear(fails={2: error}))
    assert isinstance(failed, FragmentFailed)
    assert said([first, third])[:4] == SENTENCE[:4]


async def test_a_timeout_between_two_questions_loses_nothing_of_what_was_carried(autojump_clock):
    """The fragment after a gap asks twice; its deadline comes with the second."""
    items = in_fragments()
    late = attrs.evolve(items[2], header=attrs.evolve(items[2].header, deadline=trio.current_time() + 0.25))
    first, failed, fourth = await transcribed([items[0], late, items[3]], Ear())
    assert failed.code is ErrorCode.TIMEOUT
    assert said([first, fourth])[:4] == SENTENCE[:4]


class Interrupted(Ear):
    """Stops after a word where it is given a beginning, and thinks long where it is given none."""

    async def __call__(self, request, /, *, stream, deadline):
        self.takes_s = 0.1 if request.prefix or not self.asked else 5.0
        heard = await super().__call__(request, stream=stream, deadline=deadline)
        return attrs.evolve(heard, words=heard.words[:1]) if request.prefix else heard


async def test_what_cannot_be_heard_once_more_in_half_of_the_time_stays_as_it_was(autojump_clock):
    ear = Interrupted()
    first, second = await transcribed(in_fragments()[:2], ear, limits=StageLimits(timeout_s=2.0))
    assert len(ear.asked) > 2
    assert said([first, second]) == SENTENCE[: len(said([first])) + 1]
    assert second.asr_s == pytest.approx(1.0)


async def test_a_failed_fragment_that_is_sent_again_in_time_goes_on_where_it_belongs(autojump_clock):
    items = in_fragments()
    ear = Ear(fails={2: ServiceError(ErrorCode.ASR_FAILED, "no")})
    again = attrs.evolve(items[1], header=attrs.evolve(items[1].header, index=9))
    sent = [items[0], items[1], again, *items[2:]]
    transcripts = await transcribed(sent, ear, intake=Intake())
    assert said(item for item in transcripts if not isinstance(item, FragmentFailed)) == SENTENCE


@pytest.mark.parametrize("number", [0, 1])
async def test_a_fragment_sent_again_or_late_is_heard_alone_and_disturbs_nothing(autojump_clock, number):
    items, ear = in_fragments(), Ear()
    transcripts = await transcribed([*items[:2], items[number], *items[2:]], ear, intake=Intake())
    assert [transcript.alone for transcript in transcripts] == [False, False, True, False, False, False]
    assert ear.asked[2].prefix == ""
    assert ear.asked[2].pcm.size == items[number].pcm.size
    assert said(transcript for transcript in transcripts if not transcript.alone) == SENTENCE


async def test_fragments_of_any_rate_follow_each_other(autojump_clock):
    wide = fragment(1, np.repeat(speech(5, first=5), 3), rate_hz=3 * RATE_HZ)
    resampled = []

    async def thinned(function, pcm, *rates):
        await trio.lowlevel.checkpoint()
        resampled.append(rates)
        return pcm[:: rates[0] // rates[1]]

    transcripts = await transcribed([fragment(0, speech(5)), wide], Ear(), intake=Intake(), compute=thinned)
    assert resampled == [(3 * RATE_HZ, RATE_HZ)]
    assert said(transcripts) == SENTENCE[:10]
    assert transcripts[1].frames == wide.pcm.size


async def test_the_known_last_fragment_carries_nothing(autojump_clock):
    items = in_fragments(words=4)
    only, tail = await transcribed(items, Ear(), intake=Intake(submitted=1, ended=True))
    assert [word.text for word in only.words] == SENTENCE[:4]
    assert only.last
    assert (tail.words, tail.last, tail.header.index) == ((), True, TAIL)


@pytest.mark.parametrize("intake", [Intake(submitted=2, ended=True), Intake(submitted=1, ended=False)])
async def test_a_fragment_that_others_may_follow_is_not_the_last(autojump_clock, intake):
    (transcript, _) = await transcribed(in_fragments(words=4), Ear(), intake=intake)
    assert not transcript.last
    assert len(transcript.words) == 3


async def test_an_end_that_comes_during_recognition_is_seen(autojump_clock):
    intake = Intake(submitted=1)

    class Ending(Ear):
        async def __call__(self, request, /, *, stream, deadline):
            intake.ended = True
            return await super().__call__(request, stream=stream, deadline=deadline)

    only, _ = await transcribed(in_fragments(words=4), Ending(), intake=intake)
    assert only.last
    assert len(only.words) == 4


async def test_what_is_carried_at_the_end_comes_as_the_tail(autojump_clock):
    config = attrs.evolve(CARRY, timeout_ms=3000)
    items = in_fragments(words=4)
    only, tail = await transcribed(items, Ear(), config, intake=Intake(submitted=1))
    assert [word.text for word in tail.words] == SENTENCE[3:4]
    assert tail.words[0].start_s == pytest.approx(-WORD_S)
    assert tail.text == " ".join(SENTENCE[3:4])
    assert (tail.frames, tail.source.size, tail.last, tail.alone) == (0, 0, True, False)
    assert tail.answer == items[0].answer
    assert (tail.header.index, tail.header.sequence_number) == (TAIL, 1)
    assert tail.header.duration_ms == 0
    assert tail.header.deadline == tail.header.received + 3
    assert len(only.words) == 3


@pytest.mark.parametrize("config", [CARRY, FIXED])
async def test_every_stream_that_was_heard_ends_with_a_tail(autojump_clock, config):
    silence = fragment(0, np.zeros(2 * RATE_HZ, np.float32))
    _, tail = await transcribed([silence], Ear(), config, intake=Intake())
    assert (tail.header.index, tail.text) == (TAIL, "")


async def test_a_stream_of_which_nothing_was_heard_has_no_tail(autojump_clock):
    assert await transcribed([], Ear(), intake=Intake()) == []
    assert await transcribed([failure(0)], Ear(), intake=Intake()) == [failure(0)]


async def test_without_an_intake_there_is_no_tail(autojump_clock):
    assert len(await transcribed(in_fragments(words=4), Ear())) == 1


@pytest.mark.parametrize(
    "ear",
    [Ear(fails={2: ServiceError(ErrorCode.ASR_FAILED, "no")}), Ear(takes_s=9.0)],
    ids=["fails", "takes too long"],
)
async def test_a_tail_that_cannot_be_heard_is_sent_without_words(autojump_clock, ear):
    _, tail = await transcribed(in_fragments(words=4), ear, intake=Intake())
    assert (tail.header.index, tail.words) == (TAIL, ())


async def test_all_that_was_taken_is_counted_once_failures_too(autojump_clock):
    items = in_fragments()
    late = attrs.evolve(items[1], header=attrs.evolve(items[1].header, deadline=trio.current_time() - 1))
    ear = Ear(fails={2: ServiceError(ErrorCode.ASR_FAILED, "no")})
    intake = Intake()
    await transcribed([items[0], late, failure(5), items[2], items[3]], ear, intake=intake)
    assert intake.taken == 5


async def test_the_hints_and_the_deadline_go_with_every_question(autojump_clock):
    seen = []

    class Noting(Ear):
        async def __call__(self, request, /, *, stream, deadline):
            seen.append((request.prompt, request.language, stream, deadline))
            return await super().__call__(request, stream=stream, deadline=deadline)

    config = attrs.evolve(CARRY, domain_hints=("Sydney", "Carton"), source_language="en-GB")
    await transcribed(
        [fragment(0, speech(5), deadline=7.0)], Noting(), config, limits=StageLimits(timeout_s=60)
    )
    assert seen == [("Sydney, Carton", "en", "s", 7.0)]


async def test_marked_audio_is_heard_by_the_fake_recogniser(autojump_clock):
    async def fake(request, /, *, stream, deadline):
        await trio.lowlevel.checkpoint()
        return FakeRecogniser().run([request])[0]

    items = [
        fragment(number, mark(3, 17 + number, sample_rate_hz=RATE_HZ, duration_s=2.0)) for number in range(2)
    ]
    transcripts = await transcribed(items, fake, FIXED)
    assert [transcript.text for transcript in transcripts] == ["stream 3 fragment 17", "stream 3 fragment 18"]
    assert [word.text for word in transcripts[0].words] == ["stream", "3", "fragment", "17"]
