"""What a journal knows of a stream that it was told of."""

import attrs
import numpy as np
import pytest
from told import (
    RATE_HZ,
    Clock,
    config,
    failure,
    fragment,
    header,
    samples,
    speech,
    transcript,
    translation,
    work,
)

from sts_actors.errors import ErrorCode, ServiceError
from sts_actors.journal import Journal
from sts_actors.journal.journal import ENDED
from sts_actors.journal.streams import FRAGMENTS, NOTE_CHARACTERS, NOTES
from sts_actors.messages import TAIL

PLENTY = 64 * 2**20


def opened(*targets, audio_bytes=PLENTY, text_bytes=PLENTY):
    clock = Clock()
    journal = Journal(audio_bytes=audio_bytes, text_bytes=text_bytes, now=clock)
    return journal, journal.opened("id", config(*targets), worker_id="worker-3"), clock


def test_an_open_stream_is_known_with_what_it_was_opened_with():
    journal, stream, clock = opened("pt", "es")
    clock.at += 60
    assert journal.open == (stream,)
    assert journal.find("id") is stream
    assert journal.find("other") is None
    known = (stream.session_id, stream.stream_id, stream.worker_id, stream.source_language, stream.targets)
    assert known == ("id", "match-7", "worker-3", "en", ("pt", "es"))
    assert (stream.seam, stream.max_inflight, stream.state, stream.level) == ("fixed", 3, "opening", "low")
    assert stream.age_s == 60


def test_states_and_levels_are_those_told_last():
    _, stream, _ = opened()
    stream.stands("ready")
    stream.stands("paused")
    stream.pressed("high")
    assert (stream.state, stream.level) == ("paused", "high")


def test_between_the_stage_before_and_its_beginning_a_fragment_waited():
    _, stream, _ = opened("pt", "es")
    stream.admitted(header(0))
    pcm = samples(0.5)
    stream.worked(work(fragment(0, pcm), "session", began=100.1, ended=100.2))
    stream.worked(work(transcript(0), "asr", began=100.5, ended=101.0))
    stream.worked(work(translation(0, language="es"), "translation", "es", began=101.1, ended=101.2))
    stream.worked(work(translation(0, language="pt"), "translation", "pt", began=101.3, ended=101.4))
    stream.worked(work(speech(0, pcm), "tts", "pt", began=101.5, ended=101.6))
    (entry,) = stream.fragments
    assert [(s.stage, s.language, s.queued, s.began, s.ended, s.code) for s in entry.spans] == [
        ("session", "", 100.0, 100.1, 100.2, None),
        ("asr", "", 100.2, 100.5, 101.0, None),
        ("translation", "es", 101.0, 101.1, 101.2, None),
        ("translation", "pt", 101.0, 101.3, 101.4, None),
        ("tts", "pt", 101.4, 101.5, 101.6, None),
    ]


def test_a_stage_that_failed_is_told_by_its_code():
    _, stream, _ = opened()
    stream.worked(work(failure(0, code=ErrorCode.ASR_FAILED)))
    assert stream.fragments[0].spans[0].code == "ASR_FAILED"


def test_a_fragment_s_length_is_that_of_its_sound_once_that_is_known():
    _, stream, _ = opened()
    stream.admitted(header(0))
    exact = attrs.evolve(fragment(0, samples(0)), header=attrs.evolve(header(0), duration_ms=987))
    stream.worked(work(exact, "session"))
    assert stream.fragments[0].header.duration_ms == 987


def test_a_fragment_is_answered_once_in_each_language_and_then_no_longer_in_flight():
    _, stream, clock = opened("pt", "es")
    stream.admitted(header(0))
    stream.admitted(header(1))
    clock.at = 102.0
    stream.answered(speech(0, samples(0.5), lag_ms=300), 2.0)
    assert stream.in_flight == 2
    stream.answered(failure(0, "es"), 2.0)
    assert stream.in_flight == 1
    answers = stream.fragments[0].answers
    assert (answers["pt"].at, answers["pt"].outcome, answers["pt"].lag_ms) == (102.0, "success", 300)
    assert (answers["pt"].speed, answers["pt"].code) == (1.02, None)
    assert (answers["es"].outcome, answers["es"].code, answers["es"].lag_ms) == ("failed", "TIMEOUT", None)
    assert stream.outcomes == {"success": 1, "partial": 0, "failed": 1}
    assert stream.lag_ms == 300


def test_what_is_not_all_a_dub_should_be_is_partial_and_says_why():
    _, stream, _ = opened()
    stream.answered(speech(0, samples(0), partial=True), 1.0)
    stream.answered(speech(1, samples(0), fallback=failure(1)), 1.0)
    first, second = (entry.answers["pt"] for entry in stream.fragments)
    assert (first.outcome, first.code) == ("partial", None)
    assert (second.outcome, second.code) == ("partial", "TIMEOUT")
    assert stream.outcomes["partial"] == 2


def test_the_answer_to_a_repeat_counts_and_changes_nothing_else():
    _, stream, clock = opened()
    stream.admitted(header(0))
    first = samples(0.5)
    stream.answered(speech(0, first), 1.0)
    clock.at += 30
    stream.answered(speech(0, samples(0.7)), 0.1)
    assert stream.outcomes["success"] == 2
    assert stream.fragments[0].answers["pt"].at == 100.0
    assert stream.dub(0, "pt").pcm is first
    assert stream.in_flight == 0


def test_a_refused_fragment_is_shown_with_its_answer_and_one_without_a_place_is_only_counted():
    _, stream, _ = opened()
    stream.refused(ServiceError(ErrorCode.STREAM_PAUSED, "paused"), "f0")
    stream.answered(failure(0, code=ErrorCode.STREAM_PAUSED), 0.0)
    stream.answered(failure(-1, code=ErrorCode.INVALID_SEQUENCE), 0.0)
    (entry,) = stream.fragments
    assert (entry.header.fragment_id, entry.spans, entry.answers["pt"].outcome) == ("f0", (), "failed")
    assert stream.outcomes["failed"] == 2
    (note,) = stream.refusal_notes
    assert (note.code, note.message, note.fragment_id) == ("STREAM_PAUSED", "paused", "f0")


def test_the_tail_of_a_stream_is_no_fragment():
    _, stream, _ = opened()
    stream.worked(work(transcript(TAIL, "left over")))
    assert stream.fragments == ()


def test_texts_and_sound_are_each_fragment_s_own():
    _, stream, _ = opened("pt", "es")
    source, dub = samples(0.5), samples(0.7)
    stream.worked(work(fragment(0, source), "session"))
    stream.worked(work(transcript(0, "hello"), "asr"))
    stream.worked(work(translation(0, "ola"), "translation", "pt"))
    stream.worked(work(translation(0, "hola", "es"), "translation", "es"))
    stream.answered(speech(0, dub), 1.0)
    assert stream.transcript(0) == "hello"
    assert (stream.translation(0, "pt"), stream.translation(0, "es")) == ("ola", "hola")
    # Not a copy of either.
    assert stream.source(0).pcm is source
    assert stream.dub(0, "pt").pcm is dub
    assert stream.source(0).sample_rate_hz == RATE_HZ
    assert stream.dub(0, "es") is None
    assert stream.dub(0, "") is None
    assert stream.translation(0, "") is None
    assert stream.transcript(1) is stream.source(1) is None


def test_silence_has_a_transcript_that_is_empty():
    _, stream, _ = opened()
    stream.worked(work(transcript(0, "")))
    assert stream.transcript(0) == ""


def test_without_room_for_sound_all_else_is_known():
    journal, stream, _ = opened(audio_bytes=0)
    stream.worked(work(fragment(0, samples(0.5)), "session"))
    stream.answered(speech(0, samples(0.5)), 1.0)
    assert stream.source(0) is stream.dub(0, "pt") is None
    assert stream.fragments[0].answers["pt"].outcome == "success"
    assert journal.audio_bytes == 0


def test_the_oldest_sound_of_any_stream_makes_room_for_the_newest():
    journal, first, _ = opened(audio_bytes=2 * samples(0).nbytes)
    second = journal.opened("other", config(), worker_id="")
    for stream, index in ((first, 0), (second, 0), (first, 1)):
        stream.worked(work(fragment(index, samples(0.5)), "session"))
    assert first.source(0) is None
    assert first.source(1) is not None
    assert second.source(0) is not None
    assert journal.audio_bytes == journal._shelves.audio.size_max


def test_a_view_costs_what_it_keeps_alive():
    journal, stream, _ = opened()
    whole = samples(0.5, 10 * RATE_HZ)
    stream.worked(work(fragment(0, whole[:100][::2]), "session"))
    assert journal.audio_bytes == whole.nbytes


def test_sound_whose_owner_does_not_say_how_much_it_holds_costs_its_own_length():
    class Library:
        def __init__(self):
            self.pcm = samples(0.5)
            self.__array_interface__ = self.pcm.__array_interface__

    journal, stream, _ = opened()
    stream.worked(work(fragment(0, np.asarray(Library())), "session"))
    assert journal.audio_bytes == samples(0).nbytes


def test_the_latest_fragments_are_kept_oldest_first_and_what_was_kept_of_others_is_given_back():
    journal, stream, _ = opened()
    for index in [*range(1, FRAGMENTS + 6), 0]:
        stream.worked(work(fragment(index, samples(0.5)), "session"))
        stream.worked(work(transcript(index, "hello"), "asr"))
    kept = [entry.header.index for entry in stream.fragments]
    assert kept == list(range(6, FRAGMENTS + 6))
    assert stream.source(0) is stream.source(5) is stream.transcript(5) is None
    assert journal.audio_bytes == FRAGMENTS * samples(0).nbytes
    assert len(journal._shelves.texts) == FRAGMENTS


def test_an_answer_to_a_fragment_that_is_kept_no_longer_still_ends_its_flight():
    _, stream, _ = opened()
    stream.admitted(header(0))
    for index in range(1, FRAGMENTS + 2):
        stream.worked(work(transcript(index)))
    stream.answered(speech(0, samples(0)), 1.0)
    assert stream.in_flight == 0
    assert stream.outcomes["success"] == 1


@pytest.mark.parametrize(
    ("state", "shown"), [("ready", "closed"), ("complete", "complete"), ("failed", "failed")]
)
def test_an_ended_stream_is_told_from_an_open_one_and_ages_no_more(state, shown):
    journal, stream, clock = opened()
    stream.stands(state)
    clock.at += 5
    stream.closed()
    clock.at += 60
    assert journal.open == ()
    assert journal.ended == (stream,)
    assert journal.find("id") is stream
    assert (stream.state, stream.age_s, stream.ended) == (shown, 5, 105.0)


def test_what_is_told_of_an_ended_stream_all_the_same_changes_nothing():
    journal, stream, _ = opened()
    stream.closed()
    stream.closed()
    stream.admitted(header(0))
    stream.worked(work(fragment(0, samples(0)), "session"))
    stream.answered(speech(0, samples(0)), 1.0)
    assert journal.ended == (stream,)
    assert (stream.fragments, stream.in_flight, stream.outcomes["success"]) == ((), 0, 0)
    assert journal.audio_bytes == 0


def test_the_last_streams_that_ended_are_kept_and_what_was_kept_of_others_is_given_back():
    journal, first, _ = opened()
    streams = [first, *(journal.opened(f"s{n}", config(), worker_id="") for n in range(ENDED))]
    for stream in streams:
        stream.worked(work(fragment(0, samples(0.5)), "session"))
        stream.worked(work(transcript(0, "hello"), "asr"))
        stream.closed()
    assert journal.ended == tuple(reversed(streams[1:]))
    assert journal.find("id") is None
    assert journal.audio_bytes == ENDED * samples(0).nbytes
    assert len(journal._shelves.texts) == ENDED


def test_a_session_that_was_refused_one_stream_and_opened_another_is_found_by_the_later():
    journal, refused, _ = opened()
    refused.closed()
    taken = journal.opened("id", config(), worker_id="")
    assert journal.find("id") is taken
    taken.closed()
    assert journal.find("id") is taken


def test_restarts_and_refusals_are_counted_and_the_last_are_kept():
    _, stream, clock = opened()
    for number in range(NOTES + 5):
        clock.at = 100.0 + number
        stream.restarted("asr", ZeroDivisionError("a secret"))
        stream.refused(ServiceError(ErrorCode.INVALID_SEQUENCE, "x" * 1000), None)
    stream.restarted("tts", None)
    assert stream.restarts == NOTES + 6
    assert len(stream.restart_notes) == len(stream.refusal_notes) == NOTES
    assert [(note.at, note.actor, note.cause) for note in list(stream.restart_notes)[-2:]] == [
        (124.0, "asr", "ZeroDivisionError"),
        (124.0, "tts", ""),
    ]
    assert {len(note.message) for note in stream.refusal_notes} == {NOTE_CHARACTERS}
