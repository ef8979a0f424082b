"""The vocabulary of the schemas: types, ranges and parts that several events share."""

from typing import Any

from sts_actors.errors import ErrorCode, Stage
from sts_actors.messages import SeamPolicy
from sts_actors.wire.fragments import MAX_SEQUENCE_NUMBER
from sts_actors.wire.languages import MAX_TARGETS
from sts_actors.wire.manner import LONGEST_RAMP_MS, LOWEST_BED_DB, SHORTEST_RAMP_MS
from sts_actors.wire.opening import (
    MAX_CHANNELS,
    MAX_ID_CHARACTERS,
    MAX_RATE_HZ,
    MIN_RATE_HZ,
    WORKER_CONTAINERS,
)

Schema = dict[str, Any]


def object_of(required: Schema, optional: Schema | None = None) -> Schema:
    """An object with these fields; unknown ones are allowed, for they are ignored everywhere."""
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
    }


def integer(low: int | None = None, high: int | None = None) -> Schema:
    """An integer, from `low` to `high` where they are given."""
    bounds = {"minimum": low, "maximum": high}
    return {"type": "integer", **{name: bound for name, bound in bounds.items() if bound is not None}}


def number(low: float, high: float) -> Schema:
    """A number from `low` to `high`."""
    return {"type": "number", "minimum": low, "maximum": high}


def object_by(names: str, of: Schema) -> Schema:
    """An object whose keys match the pattern `names`."""
    return {"type": "object", "patternProperties": {names: of}, "additionalProperties": False}


def one_of(*values: str) -> Schema:
    """One of these texts."""
    return {"enum": list(values)}


def or_null(schema: Schema) -> Schema:
    """The same, or nothing."""
    return {"anyOf": [schema, {"type": "null"}]}


TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number", "minimum": 0}
FLAG: Schema = {"type": "boolean"}
ANYTHING: Schema = {}
ID: Schema = {"type": "string", "maxLength": MAX_ID_CHARACTERS}
COUNT = integer(0)
RATE = integer(MIN_RATE_HZ, MAX_RATE_HZ)
CHANNELS = integer(1, MAX_CHANNELS)
LANGUAGE: Schema = {"type": "string", "pattern": "^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*$"}
LANGUAGES: Schema = {
    "type": "array",
    "items": LANGUAGE,
    "minItems": 1,
    "maxItems": MAX_TARGETS,
    "uniqueItems": True,
}
FORMAT = one_of(*WORKER_CONTAINERS)
STAGE = one_of(*Stage)
CODE = one_of(*ErrorCode)
STREAM = {"stream_id": TEXT}

DUCKED = object_of(
    {},
    {
        "mode": one_of("duck", "none"),
        "level_db": or_null(number(LOWEST_BED_DB, 0)),
        "ramp_ms": or_null(integer(SHORTEST_RAMP_MS, LONGEST_RAMP_MS)),
    },
)
ASKED: Schema = {
    **object_of(
        {"source_language": LANGUAGE},
        {
            "target_language": LANGUAGE,
            "target_languages": or_null(LANGUAGES),
            "voice_profile": {"anyOf": [ID, object_by(LANGUAGE["pattern"], or_null(ID)), {"type": "null"}]},
            "seam": or_null(one_of(*SeamPolicy)),
            "bed": or_null({"anyOf": [one_of("duck", "none"), DUCKED]}),
            "verify": or_null(number(0, 1)),
            "chunk_duration_ms": integer(100, 31_000),
            "sample_rate_hz": RATE,
            "sample_rate": RATE,
            "channels": CHANNELS,
            "format": FORMAT,
            "max_inflight": integer(1, 10),
            "timeout_ms": integer(1000, 30_000),
            "formality": or_null(TEXT),
            "resume": or_null(FLAG),
            "domain_hints": or_null({"anyOf": [TEXT, {"type": "array", "items": TEXT, "maxItems": 100}]}),
        },
    ),
    "anyOf": [
        {"required": ["target_language"]},
        {"required": ["target_languages"], "properties": {"target_languages": LANGUAGES}},
    ],
}
NAMES = {"stream_id": or_null(ID), "worker_id": or_null(ID)}
LABELS = {"format": FORMAT, "sample_rate_hz": RATE, "channels": CHANNELS, "duration_ms": COUNT}
AUDIO = {"anyOf": [TEXT, object_of({"data_base64": TEXT}, LABELS)]}
ENDING: Schema = {"anyOf": [object_of({}, {"stream_id": or_null(ID), "reason": ANYTHING}), {"type": "null"}]}
COUNTS = {
    "success_count": COUNT,
    "partial_count": COUNT,
    "failed_count": COUNT,
    "avg_processing_time_ms": NUMBER,
    "p95_processing_time_ms": NUMBER,
}
FAULT = {"code": CODE, "message": TEXT, "retryable": FLAG}
DUB = object_of({"dubbed_audio": AUDIO, "transcript": TEXT, "translated_text": TEXT})
UTTERANCES: Schema = {
    "type": "array",
    "items": object_of(
        {"start_ms": integer(), "end_ms": integer(), "transcript": TEXT, "translated_text": TEXT}
    ),
}
PROCESSED: Schema = {
    **object_of(
        {
            "fragment_id": TEXT,
            **STREAM,
            # Below 0 only in the refusal of one that is.
            "sequence_number": integer(high=MAX_SEQUENCE_NUMBER),
            "status": one_of("success", "partial", "failed"),
            "processing_time_ms": NUMBER,
            "metadata": object_of(
                {"original_duration_ms": COUNT},
                {"lag_ms": integer(), "fallback_error": object_of({"stage": STAGE, **FAULT})},
            ),
        },
        {
            "target_language": LANGUAGE,
            "dubbed_audio": AUDIO,
            "dubbed_audio_info": object_of(LABELS),
            "transcript": TEXT,
            "translated_text": TEXT,
            "utterances": UTTERANCES,
            "stage_timings": object_of({"asr_ms": NUMBER, "translation_ms": NUMBER, "tts_ms": NUMBER}),
            "warnings": {"type": "array", "items": TEXT},
            "error": object_of({"stage": STAGE, **FAULT}),
            "result_number": integer(1),
        },
    ),
    "if": {"properties": {"status": {"const": "failed"}}},
    "then": {"required": ["error"]},
    "else": DUB,
}
TAIL = object_of(
    {"target_language": TEXT, "transcript": TEXT, "translated_text": TEXT, "lag_ms": integer()},
    {
        "dubbed_audio": AUDIO,
        "dubbed_audio_info": object_of(LABELS),
        "utterances": UTTERANCES,
        "warnings": {"type": "array", "items": TEXT},
    },
)
CAPABILITIES: Schema = {
    "anyOf": [
        {"type": "array", "items": TEXT},
        object_of({"asr": FLAG, "translation": FLAG, "tts": FLAG, "duration_matching": FLAG}),
    ]
}
