"""What the service says of languages, seams, lags, the original's sound and the tail."""

import base64
import json

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from test_fragments import HEADER, LABEL, SPEECH, TRANSCRIPT, TRANSLATION

from sts_actors.errors import ErrorCode, Stage
from sts_actors.messages import TAIL, FragmentFailed, Speech, StreamSummary, Utterance
from sts_actors.wire.answers import complete, processed, ready, resumed
from sts_actors.wire.fragments import AudioShape
from sts_actors.wire.opening import Defaults, parse_opening
from sts_actors.wire.schemas import EVENTS
from sts_actors.wire.tail import MAX_TAIL_BYTES

SCHEMAS = {event.name: Draft202012Validator(event.payload) for event in EVENTS if event.sender == "service"}
SUMMARY = StreamSummary(
    stream_id="s",
    success_count=3,
    partial_count=2,
    failed_count=1,
    total_duration_ms=36_000,
    avg_processing_time_ms=10.0,
    p95_processing_time_ms=20.0,
)
FAILED = FragmentFailed(
    header=HEADER, stage=Stage.TTS, code=ErrorCode.SYNTHESIS_FAILED, message="no", retryable=False
)


def speech(language: str = "pt", **changes: object) -> Speech:
    its = attrs.evolve(SPEECH, **changes)
    return attrs.evolve(its, translation=attrs.evolve(its.translation, target_language=language))


def told(result):
    answer = processed(result, audio=b"\1\2", shape=AudioShape.TEXT, processing_ms=1)
    SCHEMAS["fragment:processed"].validate(answer)
    return answer


def left(language: str = "pt", frames: int = 800, **changes: object) -> Speech:
    """A language's tail."""
    transcript = attrs.evolve(TRANSCRIPT, header=attrs.evolve(HEADER, index=TAIL), frames=0, text="of wisdom")
    translation = attrs.evolve(
        TRANSLATION, transcript=transcript, text="da sabedoria", target_language=language
    )
    pcm = np.zeros(frames, np.float32)
    return attrs.evolve(SPEECH, translation=translation, pcm=pcm, lag_ms=50, **changes)


def summed_up(*tails, **more):
    answer = complete(SUMMARY, tails=tails, **more)
    SCHEMAS["stream:complete"].validate(json.loads(json.dumps(answer, default=lambda _: "")))
    return answer


def test_an_answer_says_in_which_language_it_is():
    assert told(speech("pt-br"))["target_language"] == "pt-br"
    assert told(attrs.evolve(FAILED, target_language="es"))["target_language"] == "es"


def test_an_answer_that_stands_for_all_languages_names_none():
    assert "target_language" not in told(FAILED)
    assert "target_language" not in told(SPEECH)


@pytest.mark.parametrize("lag_ms", [0, 740, -20])
def test_an_answer_says_how_far_the_dub_is_behind(lag_ms):
    assert told(speech(lag_ms=lag_ms))["metadata"]["lag_ms"] == lag_ms


def test_the_original_in_place_of_a_dub_is_partial_and_says_why():
    cause = attrs.evolve(FAILED, message="no voice")
    answer = told(speech(fallback=cause, partial=False))
    assert (answer["status"], answer["warnings"]) == ("partial", ["original_audio"])
    assert answer["metadata"]["fallback_error"] == {
        "stage": "tts",
        "code": "SYNTHESIS_FAILED",
        "message": "no voice",
        "retryable": False,
    }
    assert "error" not in answer


def test_a_warning_that_the_dub_has_already_is_not_given_twice():
    warnings = ("original_audio", "duration_variance_high")
    assert told(speech(fallback=FAILED, warnings=warnings))["warnings"] == list(warnings)
    assert "fallback_error" not in told(speech())["metadata"]


def phrased(its, *spans):
    utterances = tuple(Utterance(source="so", text="assim", start_s=a, end_s=b) for a, b in spans)
    return attrs.evolve(its, translation=attrs.evolve(its.translation, utterances=utterances))


def test_each_phrase_has_its_time_in_milliseconds_from_the_fragments_start():
    assert told(phrased(speech(), (-0.64, 0.2004), (0.5, 1.0)))["utterances"] == [
        {"start_ms": -640, "end_ms": 200, "transcript": "so", "translated_text": "assim"},
        {"start_ms": 500, "end_ms": 1000, "transcript": "so", "translated_text": "assim"},
    ]
    assert "utterances" not in told(speech())
    (entry,) = summed_up((phrased(left(), (-0.3, 0.0)), b"\1\2", AudioShape.TEXT))["tail"]
    assert [its["start_ms"] for its in entry["utterances"]] == [-300]


def test_a_ready_stream_knows_its_languages_and_its_seams():
    asked = {"source_language": "en", "target_languages": ["pt-BR", "es"], "target_language": "es"}
    for payload in (asked, {"config": asked}):
        opening = parse_opening(payload, headers={}, defaults=Defaults(), new_id=lambda: "s")
        answer = ready(opening, session_id="x", engines={})
        SCHEMAS["stream:ready"].validate(answer)
        assert (answer["target_languages"], answer["seam"]) == (["es", "pt-br"], "carry")


def test_an_unanswered_fragment_has_a_language_where_it_is_a_single_result():
    opening = parse_opening(
        {"source_language": "en", "target_language": "pt"},
        headers={},
        defaults=Defaults(),
        new_id=lambda: "s",
    )
    answer = resumed(
        opening,
        session_id="x",
        last_result_number=1,
        unanswered=[("a", 1), ("b", 2, "es"), ("c", 3, "")],
        lost_results=0,
        complete=False,
    )
    SCHEMAS["stream:resumed"].validate(answer)
    assert answer["unanswered"] == [
        {"fragment_id": "a", "sequence_number": 1},
        {"fragment_id": "b", "sequence_number": 2, "target_language": "es"},
        {"fragment_id": "c", "sequence_number": 3},
    ]


def test_without_a_tail_a_stream_is_completed_as_ever():
    answer = summed_up()
    assert set(answer) == {"stream_id", "total_fragments", "total_duration_ms", "statistics"} | set(
        answer["statistics"]
    )
    nothing = attrs.evolve(left(frames=0), translation=attrs.evolve(TRANSLATION, text="", transcript=SILENT))
    assert "tail" not in summed_up((nothing, b"", AudioShape.TEXT))


SILENT = attrs.evolve(TRANSCRIPT, text="", frames=0)


@given(st.lists(st.tuples(st.sampled_from(AudioShape), st.binary(max_size=40)), min_size=1, max_size=10))
def test_the_tail_has_each_language_in_the_shape_of_its_fragments(kinds):
    tails = [(left(f"l{number}"), audio, shape) for number, (shape, audio) in enumerate(kinds)]
    answer = summed_up(*tails)
    assert [entry["target_language"] for entry in answer["tail"]] == [f"l{n}" for n in range(len(kinds))]
    for entry, (shape, audio) in zip(answer["tail"], kinds, strict=True):
        told = entry["dubbed_audio"]
        if shape in {AudioShape.OBJECT_TEXT, AudioShape.OBJECT_BYTES}:
            assert told["sample_rate_hz"] == LABEL.sample_rate_hz
            told = told["data_base64"]
        if shape in {AudioShape.TEXT, AudioShape.OBJECT_TEXT}:
            told = base64.b64decode(told)
        assert told == audio
        assert (entry["transcript"], entry["translated_text"]) == ("of wisdom", "da sabedoria")
        assert (entry["dubbed_audio_info"]["duration_ms"], entry["lag_ms"]) == (50, 50)


def test_words_alone_are_a_tail_without_sound():
    (entry,) = summed_up((left(frames=0), b"header of nothing", AudioShape.TEXT))["tail"]
    assert entry["translated_text"] == "da sabedoria"
    assert not {"dubbed_audio", "dubbed_audio_info", "warnings"} & set(entry)


def test_sound_that_would_make_the_message_too_large_is_left_out_and_said_to_be():
    large, small = bytes(MAX_TAIL_BYTES - 10), bytes(8)
    tails = [(left("pt"), large, AudioShape.TEXT), (left("es"), large, AudioShape.TEXT)]
    first, second, third = summed_up(*tails, (left("de"), small, AudioShape.TEXT))["tail"]
    assert len(first["dubbed_audio"]) > len(large)
    assert (second["warnings"], "dubbed_audio" in second) == (["audio_left_out"], False)
    assert second["transcript"] == "of wisdom"
    assert "dubbed_audio" in third
    assert len(json.dumps(summed_up(*tails))) < 4 * 1024 * 1024 - 128 * 1024


def test_the_counts_of_several_languages_stand_by_language_too():
    one = attrs.evolve(SUMMARY, success_count=1)
    answer = summed_up(languages={"pt": one, "es": SUMMARY})
    assert answer["success_count"] == 3
    assert {tag: its["success_count"] for tag, its in answer["languages"].items()} == {"pt": 1, "es": 3}
    assert "languages" not in summed_up()


def test_the_tail_is_kept_out_of_what_is_printed():
    assert "wisdom" not in repr(left())
