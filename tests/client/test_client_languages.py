"""A stream with several target languages: as many results for each fragment, each once, cuts or none."""

from collections import Counter

import attrs
import pytest
import trio
from client_dubber import dubber_in_memory
from hypothesis import given, settings
from hypothesis import strategies as st
from test_client_course import RESUMED, event, opened, result
from test_client_resumption import STEADY, breaking, dub
from test_client_resumption_schedules import FATES, TIMES, doomed
from test_client_worker import INIT
from trio.testing import MockClock

from sts_actors.client import (
    BadAnswer,
    Complete,
    Processed,
    Reconnect,
    ResultsLost,
    StreamInit,
    Tail,
    Utterance,
    open_client,
    open_dubbing_stream,
)
from sts_actors.client.answers import read_event, read_ready
from sts_actors.client.incoming import Disconnected, Reconnected
from sts_actors.client.outstanding import Outstanding
from sts_actors.client.resumption import Ledger

LANGUAGES = ("pt", "es", "de")
SEVERAL = attrs.evolve(INIT, target_languages=LANGUAGES)


def check(got, count, languages=LANGUAGES):
    results = [each for each in got if isinstance(each, Processed)]
    for language in languages:
        its = [each for each in results if each.target_language == language]
        assert [each.sequence_number for each in its] == list(range(count))
    assert len(results) == count * len(languages)
    assert [each.result_number for each in results] == list(range(1, len(results) + 1))
    assert isinstance(got[-1], Complete)


# -- which answers are still to come ------------------------------------------------------------------------

ANSWERS = st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from([*LANGUAGES, "fr", None])), max_size=20)


@given(st.lists(st.sampled_from("ab"), max_size=4), ANSWERS)
def test_a_fragment_is_answered_when_it_is_in_every_language(sent, answered):
    outstanding = Outstanding(LANGUAGES)
    waiting = {name: [] for name in "ab"}
    for name in sent:
        outstanding.add(name)
        waiting[name].append(set(LANGUAGES))
    for name, language in answered:
        outstanding.settle(name, language)
        mine = [its for its in waiting[name] if language in its or (language is None and its)]
        if mine:
            mine[0].difference_update(LANGUAGES if language is None else [language])
        assert len(outstanding) == sum(bool(its) for each in waiting.values() for its in each)


@given(st.sampled_from([(), ("pt",)]), st.sampled_from([None, "pt", "pt-BR", "fr"]))
def test_with_a_single_language_any_answer_is_the_answer(languages, language):
    outstanding = Outstanding(languages)
    outstanding.add("a")
    outstanding.add("a")
    outstanding.settle("a", language)
    assert len(outstanding) == 1
    outstanding.settle("b", language)
    assert len(outstanding) == 1
    outstanding.settle("a", language)
    assert len(outstanding) == 0


def test_the_last_of_two_tries_is_the_one_that_was_not_sent():
    outstanding = Outstanding(LANGUAGES)
    outstanding.add("a")
    outstanding.settle("a", "pt")
    outstanding.add("a")
    outstanding.withdraw("a")
    outstanding.withdraw("b")
    assert len(outstanding) == 1
    for language in ("es", "de"):
        outstanding.settle("a", language)
    assert len(outstanding) == 0


# -- what is sent again -------------------------------------------------------------------------------------


def ledger(*names):
    its = Ledger(LANGUAGES)
    return its, [its.keep(name, {}) for name in names]


def test_a_fragment_of_which_one_language_is_missing_has_arrived():
    its, (a,) = ledger("a")
    assert its.take("a", 1, "pt")
    assert its.reconcile([("a", "es"), ("a", None)]) == []
    assert a.delivered
    assert its.unanswered == (a,)


def test_two_tries_are_told_apart_by_what_is_to_come_of_each():
    its, (_, second) = ledger("a", "a")
    assert its.reconcile([("a", language) for language in LANGUAGES]) == [second]
    its, _ = ledger("a", "a")
    its.take("a", 1, "pt")
    assert its.reconcile([("a", "es"), ("a", "de"), ("a", None)]) == []


def test_what_is_sent_again_for_a_lost_result_is_read_once_in_each_language():
    its, (a,) = ledger("a")
    assert its.take("a", 1, "pt")
    assert its.reconcile([("a", "de")]) == [a]  # es was lost
    came = [("de", True), ("pt", False), ("es", True), ("de", False)]
    for number, (language, new) in enumerate(came, start=3):
        assert its.take("a", number, language) is new
    assert its.take("a", 9, "pt")  # of nothing that is known: to be read, as ever
    assert its.unanswered == ()


def test_what_was_lost_a_second_time_is_not_waited_for():
    its, (a,) = ledger("a")
    its.take("a", 1, "pt")
    its.reconcile([("a", "de")])
    assert its.reconcile([("a", "es"), ("a", "de")]) == []
    assert its.take("a", 5, "es")
    assert its.take("a", 6, "de")
    assert its.unanswered == ()
    assert not a.again


@given(st.data(), st.lists(st.sampled_from("ab"), min_size=1, max_size=4, unique=True))
def test_every_result_is_news_once_whatever_was_lost_in_between(data, names):
    """The server forgets some results for good at each of several outages; all come in the end."""
    its, sent = ledger(*names)
    owed = [(name, language) for name in names for language in LANGUAGES]
    number, read = 0, []

    def tell():
        nonlocal number
        name, language = owed.pop(0)
        number += 1
        if its.take(name, number, language):
            read.append((name, language))

    for _ in range(data.draw(st.integers(0, 3))):
        for _ in range(data.draw(st.integers(0, len(owed)))):
            tell()
        owed = data.draw(st.lists(st.sampled_from(owed), unique=True)) if owed else []
        owed += [(one.fragment_id, tag) for one in its.reconcile(owed) for tag in LANGUAGES]
    while owed:
        tell()
    assert Counter(read) == Counter((one.fragment_id, tag) for one in sent for tag in LANGUAGES)
    assert its.unanswered == ()


def test_a_refusal_stands_for_all_languages():
    its, _ = ledger("a", "b")
    assert its.take("a", 1, None)
    assert [one.fragment_id for one in its.unanswered] == ["b"]


def test_a_refusal_of_what_was_sent_again_is_the_last_that_is_heard_of_it():
    its, (a,) = ledger("a")
    its.take("a", 1, "pt")
    assert its.reconcile([]) == [a]
    assert its.take("a", 4, None)
    assert its.unanswered == ()
    assert its.take("a", 5, "pt")  # nothing of it was to come any more


def test_a_course_reads_languages_out_of_what_comes():
    course = opened(target_languages=list(LANGUAGES))
    course.ledger.keep("a", {})
    course.hear(result("a", 1, language="pt"), 0.0)
    course.hear(Disconnected(reason="r", connection=1), 0.0)
    course.hear(Reconnected(sid="x", connection=2), 0.0)
    unanswered = [{"fragment_id": "a", "target_language": "es"}]
    course.hear(event("stream:resumed", {**RESUMED, "unanswered": unanswered}, 2), 0.0)
    assert course.next_message().name == "fragment:data"


@pytest.mark.parametrize("told", [None, "pt", ["pt", 5], [""], {"pt": 1}, []])
def test_a_server_that_names_no_languages_has_one(told):
    ready = {"stream_id": "s", "session_id": "x", "max_inflight": 3, "target_languages": told}
    assert read_ready((ready,)).target_languages == ()


# -- over the wire ------------------------------------------------------------------------------------------


async def test_fragments_in_flight_are_those_that_are_not_answered_in_all_languages(
    autojump_clock, monkeypatch
):
    async with dubber_in_memory(monkeypatch) as dubber, open_client(dubber.wires.url) as client:
        stream = await open_dubbing_stream(client, SEVERAL)
        assert stream.ready.target_languages == LANGUAGES
        await stream.send_fragment(0, b"a", 100)
        left = []
        async for each in stream.events:
            assert isinstance(each, Processed)
            left.append((each.target_language, stream.in_flight))
            if len(left) == len(LANGUAGES):
                break
        assert left == [("pt", 1), ("es", 1), ("de", 0)]


MOMENTS = [("fragment", 1), ("fragment", 4), ("result", 2), ("told", 1), ("told", 5), ("ack", 1), ("end", 1)]


@pytest.mark.parametrize("how", ["cut", "mute", "haunt"])
@pytest.mark.parametrize("moment", MOMENTS)
async def test_a_cut_between_the_languages_of_a_fragment_loses_none_and_doubles_none(
    autojump_clock, monkeypatch, moment, how
):
    async with dubber_in_memory(monkeypatch) as dubber:
        dubber.moments[moment] = breaking(dubber, how)
        async with open_client(dubber.wires.url, reconnect=STEADY) as client:
            got = await dub(client, 4, init=SEVERAL)
    check(got, 4)
    assert dubber.line.got == [0, 1, 2, 3]


async def test_results_of_some_languages_that_were_given_up_are_made_up_for(autojump_clock, monkeypatch):
    async with dubber_in_memory(monkeypatch) as dubber:
        dubber.forgets = 2
        dubber.moments["fragment", 3] = breaking(dubber, "cut")
        dubber.took_s = lambda _: 0.0
        async with open_client(dubber.wires.url, reconnect=STEADY) as client:
            got = await dub(client, 3, init=SEVERAL)
    assert [each.count for each in got if isinstance(each, ResultsLost)] == [2]
    results = Counter((each.sequence_number, each.target_language) for each in got if type(each) is Processed)
    assert results == Counter((number, language) for number in range(3) for language in LANGUAGES)


@given(
    st.random_module(),
    st.lists(FATES, min_size=1, max_size=6),
    st.integers(0, 5),
    TIMES,
    st.integers(2, 3),
)
@settings(max_examples=100, deadline=None)
def test_each_fragment_has_one_result_in_each_language_in_order(_seed, fates, count, took_s, languages):
    init = attrs.evolve(INIT, target_languages=LANGUAGES[:languages])

    async def main(monkeypatch):
        async with dubber_in_memory(monkeypatch) as dubber:
            dubber.took_s = lambda number: took_s[number]
            doomed(dubber, fates)
            async with open_client(dubber.wires.url, reconnect=Reconnect()) as client:
                got = await dub(client, count, init=init)
        check(got, count, LANGUAGES[:languages])
        assert sorted(dubber.line.got) == list(range(count))

    with pytest.MonkeyPatch.context() as monkeypatch:
        trio.run(main, monkeypatch, clock=MockClock(autojump_threshold=0))


# -- what is asked and what is left -------------------------------------------------------------------------


def test_what_a_stream_may_ask_for_goes_over_the_wire_as_it_is():
    init = StreamInit(
        source_language="en",
        target_language="pt",
        target_languages=("pt", "es"),
        voice_profile={"es": "alex"},
        seam="fixed",
        bed={"mode": "duck", "level_db": -12},
        verify=0.1,
        sample_rate_hz=16_000,
    )
    asked = init.payload()
    assert asked["target_languages"] == ("pt", "es")
    assert (asked["voice_profile"], asked["seam"]) == ({"es": "alex"}, "fixed")
    assert (asked["bed"], asked["verify"]) == ({"mode": "duck", "level_db": -12}, 0.1)


COUNTS = {"success_count": 1, "partial_count": 0, "failed_count": 0}
TIMINGS = {"avg_processing_time_ms": 1, "p95_processing_time_ms": 1}
COMPLETE = {"stream_id": "s", "total_fragments": 1, "total_duration_ms": 1, **COUNTS, **TIMINGS}


def test_the_tail_is_read_language_by_language():
    tail = [
        {
            "target_language": "pt",
            "transcript": "so",
            "translated_text": "é",
            "dubbed_audio": "AAE=",
            "lag_ms": -3,
        },
        {"target_language": "es", "dubbed_audio": {"data_base64": b"\2\3"}, "lag_ms": "late"},
        {},
    ]
    complete = read_event("stream:complete", ({**COMPLETE, "tail": tail},))
    assert complete.tail == (
        Tail(target_language="pt", audio=b"\0\1", transcript="so", translated_text="é", lag_ms=-3.0),
        Tail(target_language="es", audio=b"\2\3", transcript="", translated_text="", lag_ms=None),
        Tail(target_language=None, audio=None, transcript="", translated_text="", lag_ms=None),
    )
    assert read_event("stream:complete", (COMPLETE,)).tail == ()
    assert "é" not in repr(complete)


PROCESSED = {
    "fragment_id": "f",
    "sequence_number": 0,
    "status": "success",
    "dubbed_audio": "",
    "processing_time_ms": 1,
}
PHRASE = {"start_ms": -300, "end_ms": 40.5, "transcript": "so", "translated_text": "é"}


def test_phrases_are_read_with_their_times():
    (its,) = read_event("fragment:processed", ({**PROCESSED, "utterances": [PHRASE]},)).utterances
    assert its == Utterance(start_ms=-300.0, end_ms=40.5, transcript="so", translated_text="é")
    assert read_event("fragment:processed", (PROCESSED,)).utterances == ()
    complete = read_event("stream:complete", ({**COMPLETE, "tail": [{"utterances": [PHRASE]}]},))
    assert complete.tail[0].utterances == (its,)


@pytest.mark.parametrize(
    "bad", [{"start_ms": None}, {"end_ms": "x"}, {"end_ms": float("inf")}, {"transcript": 1}]
)
def test_a_phrase_that_breaks_the_contract_is_a_bad_answer(bad):
    with pytest.raises(BadAnswer, match="utterances"):
        read_event("fragment:processed", ({**PROCESSED, "utterances": [PHRASE | bad]},))


@pytest.mark.parametrize("tail", ["x", {}, [5], [{"dubbed_audio": "!"}], [{"transcript": 1}]])
def test_a_tail_that_breaks_the_contract_is_a_bad_answer_that_names_it(tail):
    with pytest.raises(BadAnswer, match="stream:complete: tail"):
        read_event("stream:complete", ({**COMPLETE, "tail": tail},))
