"""The translation actor: utterances in order, sentences over seams, one call more for a shorter text."""

import math

import attrs
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from sts_actors.actors.stage import StageLimits
from sts_actors.actors.translation import CONTEXT_CHARACTERS, translation, without_added_stop
from sts_actors.actors.utterances import SENTENCE_CHARACTERS
from sts_actors.audio.speech_rate import DurationModel
from sts_actors.engines.ports import TranslatedText
from sts_actors.errors import EngineError, ErrorCode, Stage
from sts_actors.messages import (
    TAIL,
    AudioFormat,
    Container,
    FragmentFailed,
    FragmentHeader,
    StreamConfig,
    Transcript,
    Utterance,
    Word,
)

RATE_HZ = 1000
LABEL = AudioFormat(container=Container.PCM_S16LE, sample_rate_hz=RATE_HZ, channels=1)
CONFIG = StreamConfig(stream_id="s", source_language="en", target_language="pt-br", label=LABEL)


def words(text, *, start=0.0, step=0.3):
    return tuple(
        Word(text=word, start_s=start + index * step, end_s=start + (index + 1) * step)
        for index, word in enumerate(text.split())
    )


def transcript(text="", *, index=0, timed=None, frames=6000, deadline=math.inf, **fields):
    """A fragment of 6 s in which `text` was said, a word every 0.3 s."""
    timed = words(text) if timed is None else timed
    header = FragmentHeader(
        stream_id="s",
        fragment_id=f"f{index}",
        sequence_number=index,
        index=index,
        duration_ms=frames,
        received=0.0,
        deadline=deadline,
    )
    return Transcript(
        header=header,
        frames=frames,
        answer=LABEL,
        text=text or " ".join(word.text for word in timed),
        words=timed,
        language="en",
        asr_s=0.0,
        **fields,
    )


@attrs.define
class Translator:
    """Answers in capitals, after a while; remembers what it was asked."""

    seconds: float = 0.1
    shorter: str | None = None
    shorter_seconds: float = 0.1
    refused: frozenset[str] = frozenset()
    bugs: frozenset[str] = frozenset()
    slow: frozenset[str] = frozenset()
    stop: str = ""
    requests: list = attrs.field(factory=list)
    deadlines: list = attrs.field(factory=list)
    at_once: int = 0
    most_at_once: int = 0

    async def __call__(self, request, *, stream, deadline):
        assert stream == "s"
        self.requests.append(request)
        self.deadlines.append(deadline)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            return await self.answer(request, deadline)
        finally:
            self.at_once -= 1

    async def answer(self, request, deadline):
        if request.shorter:
            await trio.sleep(self.shorter_seconds)
            if self.shorter is None:
                raise EngineError(ErrorCode.TRANSLATION_FAILED, "no")
            return TranslatedText(text=self.shorter, billed_characters=len(request.text))
        await trio.sleep(60 if request.text in self.slow else self.seconds)
        if request.text in self.refused:
            raise EngineError(ErrorCode.TRANSLATION_FAILED, f"no {request.text}")
        if request.text in self.bugs:
            raise ZeroDivisionError
        return TranslatedText(
            text=request.text.upper() + self.stop,
            billed_characters=len(request.text),
            can_be_shorter=self.shorter is not None or self.shorter_seconds != 0.1,
        )


async def dub(translator, *items, config=CONFIG, limits=None, **fields):
    """What the actor makes of `items`."""
    to_it, inbox = trio.open_memory_channel(len(items))
    outbox, results = trio.open_memory_channel(len(items))
    for item in items:
        to_it.send_nowait(item)
    to_it.close()
    async with results:
        async with outbox:
            await translation(inbox, outbox, translator, config, limits or StageLimits(), **fields)
        return [result async for result in results]


async def one(translator, item, **fields):
    (result,) = await dub(translator, item, **fields)
    return result


async def test_each_sentence_is_an_utterance_with_the_times_of_its_words(autojump_clock):
    result = await one(Translator(), transcript("It is so cold. Who goes out there?"))
    assert result.utterances == (
        Utterance(source="It is so cold.", text="IT IS SO COLD.", start_s=0.0, end_s=pytest.approx(1.2)),
        Utterance(
            source="Who goes out there?",
            text="WHO GOES OUT THERE?",
            start_s=pytest.approx(1.2),
            end_s=pytest.approx(2.4),
        ),
    )
    assert result.text == "IT IS SO COLD. WHO GOES OUT THERE?"
    assert result.target_language == "pt-br"
    assert result.billed_characters == len("It is so cold.") + len("Who goes out there?")
    assert result.translation_s == pytest.approx(0.1)


async def test_short_sentences_are_asked_for_apart_and_spoken_together(autojump_clock):
    translator = Translator()
    result = await one(translator, transcript("Who? We did."))
    assert len(translator.requests) == 2
    assert [each.text for each in result.utterances] == ["WHO? WE DID."]


async def test_the_request_names_the_languages_and_the_wishes_of_the_stream(autojump_clock):
    translator = Translator()
    config = attrs.evolve(CONFIG, formality="more")
    await one(translator, transcript("It is."), config=config)
    (request,) = translator.requests
    assert (request.source_language, request.target_language, request.target_locale) == ("en", "pt", "pt-br")
    assert request.formality == "more"


async def test_another_target_than_the_streams_first_is_translated_to(autojump_clock):
    translator = Translator()
    result = await one(translator, transcript("It is."), target="es-419")
    assert result.target_language == "es-419"
    assert (translator.requests[0].target_language, translator.requests[0].target_locale) == ("es", "es-419")


async def test_words_carried_over_keep_their_times_before_the_fragment(autojump_clock):
    result = await one(Translator(), transcript(timed=words("It is.", start=-0.4)))
    assert (result.utterances[0].start_s, result.utterances[0].end_s) == (-0.4, pytest.approx(0.2))


async def test_a_text_without_words_is_one_utterance_over_the_fragment(autojump_clock):
    result = await one(Translator(), transcript("It is. Is it?", timed=()))
    assert result.utterances == (
        Utterance(source="It is. Is it?", text="IT IS. IS IT?", start_s=0.0, end_s=6.0),
    )


@pytest.mark.parametrize("text", ["", "  "])
async def test_an_empty_text_costs_no_call(text, autojump_clock):
    translator = Translator()
    result = await one(translator, transcript(text, timed=()))
    assert (result.text, result.utterances, result.billed_characters) == ("", (), 0)
    assert translator.requests == []


async def test_the_target_language_itself_costs_no_call_and_keeps_the_words(autojump_clock):
    translator = Translator()
    result = await one(translator, transcript("Go and ask Mr. Smith. He may be by"), target="en-gb")
    assert result.text == "Go and ask Mr. Smith. He may be by"
    assert [each.text for each in result.utterances] == ["Go and ask Mr. Smith.", "He may be by"]
    assert (translator.requests, result.billed_characters) == ([], 0)


async def test_what_is_left_at_the_streams_end_is_translated_alike(autojump_clock):
    tail = transcript(index=TAIL, frames=0, timed=words("the end.", start=-0.8))
    before = transcript(timed=words("It is", start=4.5))
    _, last = await dub(translator := Translator(), before, tail)
    assert last.header.index == TAIL
    assert last.utterances[0].start_s == -0.8
    assert translator.requests[1].sentence_start == "It is"
    assert last.utterances[0].text == "THE END."


async def test_the_sentences_of_a_fragment_are_asked_for_at_the_same_time(autojump_clock):
    translator = Translator()
    result = await one(translator, transcript("One. Two. Three."))
    assert translator.most_at_once == 3
    assert result.text == "ONE. TWO. THREE."
    assert result.translation_s == pytest.approx(0.1)


async def test_each_sentence_goes_with_those_before_it(autojump_clock):
    translator = Translator()
    await dub(translator, transcript("It is. Is it?"), transcript("No.", index=1))
    contexts = {request.text: request.context for request in translator.requests}
    assert contexts == {"It is.": "", "Is it?": "It is.", "No.": "It is. Is it?"}
    assert all(request.sentence_start == "" for request in translator.requests)


async def test_the_rest_of_a_sentence_goes_with_its_beginning_and_what_was_said_of_it(autojump_clock):
    translator = Translator()
    await dub(
        translator,
        transcript(timed=words("Hello. When he came the last", start=4.2)),
        transcript("train had left. We", index=1),
        transcript("wait.", index=2, timed=words("wait.", start=-4.6)),
    )
    before = "Hello. When he came the last train had left."
    assert {r.text: (r.context, r.sentence_start, r.spoken) for r in translator.requests} == {
        "Hello.": ("", "", ""),
        "When he came the last": ("Hello.", "", ""),
        "train had left.": ("Hello.", "When he came the last", "WHEN HE CAME THE LAST"),
        "We": (before, "", ""),
        "wait.": (before, "We", "WE"),
    }


async def test_a_long_pause_parts_a_sentence_whose_rest_waits_for_its_beginning(autojump_clock):
    translator = Translator()
    timed = (*words("if it rains"), *words("we stay.", start=1.7))
    result = await one(translator, transcript(timed=timed))
    assert [each.source for each in result.utterances] == ["if it rains", "we stay."]
    assert translator.most_at_once == 1
    assert translator.requests[1].spoken == "IF IT RAINS"


@pytest.mark.parametrize(
    ("first", "second"), [("When he came the last", "train left."), ("I asked Mr.", "Smith.")]
)
async def test_texts_without_words_go_on_with_a_sentence_too(first, second, autojump_clock):
    translator = Translator()
    await dub(translator, transcript(first, timed=()), transcript(second, index=1, timed=()))
    assert translator.requests[1].sentence_start == first


async def test_a_hesitation_does_not_part_a_sentence(autojump_clock):
    timed = (*words("if it rains"), *words("we stay.", start=1.5))
    result = await one(Translator(), transcript(timed=timed))
    assert [each.source for each in result.utterances] == ["if it rains we stay."]


async def test_after_a_very_long_pause_another_sentence_begins(autojump_clock):
    translator = Translator()
    timed = (*words("I mean"), *words("never mind", start=2.7))
    await one(translator, transcript(timed=timed))
    assert [request.sentence_start for request in translator.requests] == ["", ""]
    assert translator.most_at_once == 2


@pytest.mark.parametrize(
    ("said_at", "silence_ms", "goes_on"),
    [(5.4, None, True), (5.4, 1000, True), (5.4, 2100, False), (3.0, None, False)],
)
async def test_a_sentence_goes_on_unless_there_was_silence_in_between(
    said_at, silence_ms, goes_on, autojump_clock
):
    translator = Translator()
    items = [transcript(timed=words("I mean", start=said_at)), transcript("never mind", index=2)]
    if silence_ms is not None:
        items.insert(1, transcript(index=1, frames=silence_ms))
    await dub(translator, *items)
    request = translator.requests[1]
    assert (request.sentence_start, request.context) == (("I mean", "") if goes_on else ("", "I mean"))


async def test_a_sentence_without_end_is_taken_to_have_ended(autojump_clock):
    translator = Translator()
    await dub(translator, *(transcript(" ".join(["word"] * 20), index=index) for index in range(12)))
    starts = [len(request.sentence_start) for request in translator.requests]
    assert max(starts) <= SENTENCE_CHARACTERS
    assert starts.count(0) > 1
    assert max(len(request.context) for request in translator.requests) == CONTEXT_CHARACTERS


async def test_a_fragment_alone_goes_without_what_was_said_and_leaves_it_untouched(autojump_clock):
    translator = Translator()
    said = transcript(timed=words("When he came the last", start=4.5))
    late = transcript("he was late", index=1, alone=True)
    await dub(translator, transcript("Hello.", index=3), said, late, transcript("train left.", index=2))
    assert [(r.context, r.sentence_start) for r in translator.requests[1:]] == [
        ("Hello.", ""),
        ("", ""),
        ("Hello.", "When he came the last"),
    ]


async def test_a_fragment_alone_that_fails_leaves_the_sentence_untouched_too(autojump_clock):
    translator = Translator(refused=frozenset({"he was late"}))
    said = transcript(timed=words("When he came the last", start=4.5))
    late = transcript("he was late", index=1, alone=True)
    await dub(translator, said, late, transcript("train left.", index=2))
    assert translator.requests[2].sentence_start == "When he came the last"


async def test_nothing_goes_on_with_a_sentence_that_was_not_spoken(autojump_clock):
    translator = Translator(refused=frozenset({"When he came the last"}))
    said = transcript(timed=words("When he came the last", start=4.5))
    first, _ = await dub(translator, said, transcript("train left.", index=1))
    assert (first.code, first.stage) == (ErrorCode.TRANSLATION_FAILED, Stage.TRANSLATION)
    (_, request) = translator.requests
    assert (request.sentence_start, request.spoken) == ("", "")
    assert request.context == "When he came the last"


async def test_nothing_goes_on_with_a_sentence_over_a_fragment_that_was_not_understood(autojump_clock):
    translator = Translator()
    said = transcript(timed=words("When he came the last", start=4.5))
    lost = FragmentFailed(
        header=transcript(index=1).header,
        stage=Stage.ASR,
        code=ErrorCode.ASR_FAILED,
        message="no",
        retryable=True,
    )
    _, passed, _ = await dub(translator, said, lost, transcript("bus came.", index=2))
    assert passed is lost
    assert (translator.requests[1].sentence_start, translator.requests[1].context) == (
        "",
        "When he came the last",
    )


async def test_the_first_sentence_that_fails_fails_the_fragment_and_cancels_the_others(autojump_clock):
    translator = Translator(refused=frozenset({"Two."}), slow=frozenset({"One.", "Three."}))
    result = await one(translator, transcript("One. Two. Three."))
    assert (result.code, result.message) == (ErrorCode.TRANSLATION_FAILED, "no Two.")
    assert trio.current_time() == pytest.approx(0.1)
    assert translator.at_once == 0


async def test_two_sentences_that_fail_at_once_are_one_failure(autojump_clock):
    result = await one(Translator(refused=frozenset({"One.", "Two."})), transcript("One. Two."))
    assert result.code is ErrorCode.TRANSLATION_FAILED


async def test_a_bug_in_an_engine_comes_out_as_it_is(autojump_clock):
    with pytest.raises(ZeroDivisionError):
        await one(Translator(bugs=frozenset({"Two."})), transcript("One. Two."))


async def test_a_fragment_past_its_deadline_times_out_with_all_its_sentences(autojump_clock):
    translator = Translator(slow=frozenset({"Two."}))
    result = await one(translator, transcript("One. Two. Three.", deadline=2.0))
    assert result.code is ErrorCode.TIMEOUT
    assert translator.at_once == 0


@pytest.mark.parametrize(("timeout_s", "deadline"), [(1.0, 1.0), (9.0, 2.0)])
async def test_the_engine_is_told_the_nearer_of_both_deadlines(timeout_s, deadline, autojump_clock):
    translator = Translator()
    limits = StageLimits(timeout_s=timeout_s)
    await one(translator, transcript("One. Two.", deadline=2.0), limits=limits)
    assert translator.deadlines == [deadline, deadline]


async def test_a_full_stop_that_the_source_does_not_have_is_taken_off_unless_nothing_follows(autojump_clock):
    result = await one(Translator(stop="."), transcript("We know that"))
    assert result.text == "WE KNOW THAT"
    result = await one(Translator(stop="."), transcript("We know that", last=True))
    assert result.text == "WE KNOW THAT."
    tail = transcript(index=TAIL, frames=0, timed=words("We know", start=-1))
    assert (await one(Translator(stop="."), tail)).text == "WE KNOW."


@pytest.mark.parametrize(
    ("text", "source", "expected"),
    [
        ("Fim.", "End.", "Fim."),
        ("Fim.", "end", "Fim"),
        ("Fim. ", "end,", "Fim"),
        ("o Sr.", "the Mr.", "o Sr."),
        ("por J.", "by J.", "por J."),
        ("Fim...", "end", "Fim..."),
        ("Fim?", "end", "Fim?"),
        ("\u7d42\u308f\u308a\u3002", "end", "\u7d42\u308f\u308a"),
    ],
)
def test_only_an_added_full_stop_is_taken_off(text, source, expected):
    assert without_added_stop(text.strip(), source) == expected


PACE = DurationModel().pace(voice="v", language="pt")
LONG = "a" * 60
"""Takes 4.3 s at 14 characters a second."""


def timed_text(text, seconds):
    return (Word(text=text, start_s=0.0, end_s=seconds),)


async def test_a_translation_far_too_long_is_asked_for_again_as_a_shorter_one(autojump_clock):
    translator = Translator(shorter="b" * 40)
    result = await one(translator, transcript(timed=timed_text(LONG, 3.0), frames=3000), pace=PACE)
    assert result.text == "b" * 40
    assert result.billed_characters == 120
    first, second = translator.requests
    assert second == attrs.evolve(first, shorter=True)


async def test_one_that_fits_well_enough_is_not(autojump_clock):
    translator = Translator(shorter="b")
    result = await one(translator, transcript(timed=timed_text(LONG, 3.5), frames=3000), pace=PACE)
    assert (result.text, result.billed_characters) == (LONG.upper(), 60)


async def test_a_pause_that_follows_is_time_too_as_far_as_it_is_known(autojump_clock):
    translator = Translator(shorter="b")
    for frames, last, asked in ((5000, False, 2), (6000, False, 1), (4000, True, 1)):
        translator.requests.clear()
        await one(translator, transcript(timed=timed_text(LONG, 2.0), frames=frames, last=last), pace=PACE)
        assert len(translator.requests) == asked
    translator.requests.clear()
    said = (*timed_text(f"{LONG}.", 2.0), *words("End.", start=4.0))
    await one(translator, transcript(timed=said), pace=PACE)
    assert not any(request.shorter for request in translator.requests)


async def test_an_engine_that_cannot_shorten_is_not_asked_nor_one_whose_voice_is_not_known(autojump_clock):
    item = transcript(timed=timed_text(LONG, 1.0), frames=1000)
    await one(translator := Translator(), item, pace=PACE)
    await one(translator, item)
    await one(willing := Translator(shorter="b"), item)
    assert len(translator.requests) == 2
    assert len(willing.requests) == 1


@pytest.mark.parametrize("shorter", ["c" * 60, "c" * 80, "", " "])
async def test_a_shorter_one_is_taken_only_if_it_is_shorter_and_is_billed_all_the_same(
    shorter, autojump_clock
):
    result = await one(
        Translator(shorter=shorter), transcript(timed=timed_text(LONG, 1.0), frames=1000), pace=PACE
    )
    assert (result.text, result.billed_characters) == (LONG.upper(), 120)


async def test_where_no_shorter_one_comes_in_time_the_long_one_is_spoken(autojump_clock):
    late = Translator(shorter="b", shorter_seconds=30.0)
    item = transcript(timed=timed_text(LONG, 1.0), frames=1000, deadline=8.1)
    result = await one(late, item, pace=PACE)
    assert (result.text, result.billed_characters) == (LONG.upper(), 60)
    assert result.translation_s == pytest.approx(0.1 + 8.0 / 4)
    refusing = Translator(shorter_seconds=0.2)
    result = await one(refusing, item, pace=PACE)
    assert (result.text, len(refusing.requests)) == (LONG.upper(), 2)


spoken_words = st.lists(
    st.tuples(
        st.sampled_from(["a", "Bee", "end.", "What?", "Mr.", "c,", " "]), st.floats(0, 1.5), st.floats(0, 3)
    ),
    max_size=10,
)
fragments = st.lists(st.tuples(spoken_words, st.booleans(), st.floats(0.05, 2.0)), max_size=5)


def said_words(said):
    timed, now = [], -1.0
    for text, length, pause in said:
        timed.append(Word(text=text, start_s=now, end_s=now + length))
        now += length + pause
    return tuple(timed)


@settings(max_examples=150, deadline=None)
@given(st.random_module(), fragments)
def test_every_word_is_translated_once_in_its_place_and_every_call_is_billed(_schedule, drawn):
    async def main():
        translator = Translator(shorter="x")
        items = [
            transcript(index=index, timed=said_words(said), alone=alone)
            for index, (said, alone, _) in enumerate(drawn)
        ]
        results = await dub(translator, *items, pace=PACE)
        assert [result.transcript for result in results] == items
        for item, result in zip(items, results, strict=True):
            heard = " ".join(word.text for word in item.words).split()
            assert " ".join(each.source for each in result.utterances).split() == heard
            starts = [each.start_s for each in result.utterances]
            assert starts == sorted(starts)
            assert all(each.start_s <= each.end_s for each in result.utterances)
        assert sum(result.billed_characters for result in results) == sum(
            len(request.text) for request in translator.requests
        )
        for request in translator.requests:
            assert len(request.context) <= CONTEXT_CHARACTERS
            assert len(request.sentence_start) <= SENTENCE_CHARACTERS
            assert bool(request.sentence_start) == bool(request.spoken)

    trio.run(main, clock=MockClock(autojump_threshold=0))


@settings(max_examples=100, deadline=None)
@given(st.random_module(), st.floats(0, 1), st.booleans())
def test_a_cut_at_any_moment_leaves_no_task_and_no_call(_schedule, moment, bug):
    async def main():
        tasks = trio.lowlevel.current_statistics().tasks_living
        translator = Translator(
            shorter="x", slow=frozenset({"Two."}), bugs=frozenset({"Three."} if bug else ())
        )
        with trio.move_on_after(moment):
            try:
                await dub(translator, transcript("One. Two. Three. Four"), pace=PACE)
            except ZeroDivisionError:
                assert bug
        assert translator.at_once == 0
        assert trio.lowlevel.current_statistics().tasks_living == tasks

    trio.run(main, clock=MockClock(autojump_threshold=0))
