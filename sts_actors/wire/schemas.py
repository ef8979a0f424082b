"""JSON Schemas (2020-12) of every event of the contract, from the same limits and names as the code.

`docs/protocol/` holds them as files: `just schemas` writes them, a test sees that they are up to date.
"""

import json
from typing import Any, Final

import attrs

from sts_actors.errors import ErrorCode, Stage, WarningCode
from sts_actors.wire.fragments import MAX_SEQUENCE_NUMBER
from sts_actors.wire.opening import (
    MAX_CHANNELS,
    MAX_ID_CHARACTERS,
    MAX_RATE_HZ,
    MIN_RATE_HZ,
    WORKER_CONTAINERS,
)

Schema = dict[str, Any]

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


@attrs.frozen(kw_only=True)
class EventSchema:
    """One event.

    Attributes:
        name: the event's.
        sender: `worker` or `service`.
        payload: what its one argument looks like. Bytes, which JSON has not, count as text here.
        examples: payloads as they are sent.
    """

    name: str
    sender: str
    payload: Schema
    examples: tuple[Any, ...]

    @property
    def file_name(self) -> str:
        """Of its file in `docs/protocol/`."""
        return f"{self.sender}.{self.name.replace(':', '.')}.schema.json"

    def render(self) -> str:
        """The file's text."""
        content = {
            "$schema": _DIALECT,
            "title": f"{self.name}, sent by the {self.sender}",
            **self.payload,
            "examples": list(self.examples),
        }
        return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _object(required: Schema, optional: Schema | None = None) -> Schema:
    # Unknown keys are ignored everywhere, so none are forbidden.
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
    }


def _integer(low: int | None = None, high: int | None = None) -> Schema:
    bounds = {"minimum": low, "maximum": high}
    return {"type": "integer", **{name: bound for name, bound in bounds.items() if bound is not None}}


def _one_of(*values: str) -> Schema:
    return {"enum": list(values)}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


_TEXT: Schema = {"type": "string"}
_NUMBER: Schema = {"type": "number", "minimum": 0}
_FLAG: Schema = {"type": "boolean"}
_ANYTHING: Schema = {}
_ID: Schema = {"type": "string", "maxLength": MAX_ID_CHARACTERS}
_COUNT = _integer(0)
_RATE = _integer(MIN_RATE_HZ, MAX_RATE_HZ)
_CHANNELS = _integer(1, MAX_CHANNELS)
_LANGUAGE: Schema = {"type": "string", "pattern": "^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*$"}
_FORMAT = _one_of(*WORKER_CONTAINERS)
_STAGE = _one_of(*Stage)
_CODE = _one_of(*ErrorCode)
_STREAM = {"stream_id": _TEXT}

_ASKED = _object(
    {"source_language": _LANGUAGE, "target_language": _LANGUAGE},
    {
        "voice_profile": _or_null(_ID),
        "chunk_duration_ms": _integer(100, 31_000),
        "sample_rate_hz": _RATE,
        "sample_rate": _RATE,
        "channels": _CHANNELS,
        "format": _FORMAT,
        "max_inflight": _integer(1, 10),
        "timeout_ms": _integer(1000, 30_000),
        "formality": _or_null(_TEXT),
        "resume": _or_null(_FLAG),
        "domain_hints": _or_null({"anyOf": [_TEXT, {"type": "array", "items": _TEXT, "maxItems": 100}]}),
    },
)
_NAMES = {"stream_id": _or_null(_ID), "worker_id": _or_null(_ID)}
_LABELS = {"format": _FORMAT, "sample_rate_hz": _RATE, "channels": _CHANNELS, "duration_ms": _COUNT}
_AUDIO = {"anyOf": [_TEXT, _object({"data_base64": _TEXT}, _LABELS)]}
_ENDING: Schema = {
    "anyOf": [_object({}, {"stream_id": _or_null(_ID), "reason": _ANYTHING}), {"type": "null"}]
}
_COUNTS = {
    "success_count": _COUNT,
    "partial_count": _COUNT,
    "failed_count": _COUNT,
    "avg_processing_time_ms": _NUMBER,
    "p95_processing_time_ms": _NUMBER,
}
_FAULT = {"code": _CODE, "message": _TEXT, "retryable": _FLAG}
_DUB = _object({"dubbed_audio": _AUDIO, "transcript": _TEXT, "translated_text": _TEXT})
_PROCESSED: Schema = {
    **_object(
        {
            "fragment_id": _TEXT,
            **_STREAM,
            # Below 0 only in the refusal of one that is.
            "sequence_number": _integer(high=MAX_SEQUENCE_NUMBER),
            "status": _one_of("success", "partial", "failed"),
            "processing_time_ms": _NUMBER,
            "metadata": _object({"original_duration_ms": _COUNT}),
        },
        {
            "dubbed_audio": _AUDIO,
            "dubbed_audio_info": _object(_LABELS),
            "transcript": _TEXT,
            "translated_text": _TEXT,
            "stage_timings": _object({"asr_ms": _NUMBER, "translation_ms": _NUMBER, "tts_ms": _NUMBER}),
            "warnings": {"type": "array", "items": _TEXT},
            "error": _object({"stage": _STAGE, **_FAULT}),
            "result_number": _integer(1),
        },
    ),
    "if": {"properties": {"status": {"const": "failed"}}},
    "then": {"required": ["error"]},
    "else": _DUB,
}
_CAPABILITIES: Schema = {
    "anyOf": [
        {"type": "array", "items": _TEXT},
        _object({"asr": _FLAG, "translation": _FLAG, "tts": _FLAG, "duration_matching": _FLAG}),
    ]
}

_FLAT_INIT = {
    "source_language": "en",
    "target_language": "pt",
    "sample_rate_hz": 16_000,
    "channels": 1,
    "format": "pcm_s16le",
}
_NESTED_INIT = {"stream_id": "match-7", "worker_id": "media-1", "config": {**_FLAT_INIT, "format": "m4a"}}

EVENTS: Final[tuple[EventSchema, ...]] = (
    EventSchema(
        name="stream:init",
        sender="worker",
        payload={
            "anyOf": [
                {**_ASKED, "properties": {**_ASKED["properties"], **_NAMES}},
                _object({"config": _ASKED}, {**_NAMES, "resume": _or_null(_FLAG)}),
            ]
        },
        examples=(_FLAT_INIT, _NESTED_INIT),
    ),
    EventSchema(
        name="fragment:data",
        sender="worker",
        payload=_object(
            {"sequence_number": _integer(0, MAX_SEQUENCE_NUMBER), "audio": _AUDIO},
            {
                "fragment_id": _or_null(_ID),
                **_NAMES,
                "timestamp": _ANYTHING,
                "format": _FORMAT,
                "sample_rate": _RATE,
                "sample_rate_hz": _RATE,
                "channels": _CHANNELS,
                "duration_ms": _COUNT,
                "metadata": _ANYTHING,
            },
        ),
        examples=(
            {"fragment_id": "1", "sequence_number": 1, "audio": "AAAAAA==", "duration_ms": 6000},
            {
                "sequence_number": 0,
                "audio": {"format": "pcm_s16le", "sample_rate_hz": 16_000, "data_base64": "AAAAAA=="},
                "metadata": {"pts_ns": 0},
            },
        ),
    ),
    *(
        EventSchema(
            name=name, sender="worker", payload=_ENDING, examples=(None, {}, {"stream_id": "match-7"})
        )
        for name in ("stream:pause", "stream:resume", "stream:end")
    ),
    EventSchema(
        name="fragment:ack",
        sender="worker",
        payload=_or_null(_object({}, {"fragment_id": _ANYTHING, "result_number": _integer(1)})),
        examples=({"fragment_id": "1", "result_number": 1}, {"fragment_id": "1"}, None),
    ),
    EventSchema(
        name="stream:resume_session",
        sender="worker",
        payload=_object(
            {"resume_token": _ID},
            {
                "last_result_number": _or_null(_integer(0, MAX_SEQUENCE_NUMBER)),
                "last_sequence_number": _or_null(_integer(0, MAX_SEQUENCE_NUMBER)),
            },
        ),
        examples=({"resume_token": "8Jq0…", "last_result_number": 7},),
    ),
    EventSchema(
        name="stream:resumed",
        sender="service",
        payload=_object(
            {
                **_STREAM,
                "session_id": _TEXT,
                "max_inflight": _integer(1, 10),
                "last_result_number": _COUNT,
                "unanswered": {
                    "type": "array",
                    "items": _object({"fragment_id": _TEXT, "sequence_number": _integer()}),
                },
                "lost_results": _COUNT,
                "complete": _FLAG,
            }
        ),
        examples=(
            {
                "stream_id": "match-7",
                "session_id": "0b6c",
                "max_inflight": 3,
                "last_result_number": 8,
                "unanswered": [{"fragment_id": "8", "sequence_number": 8}],
                "lost_results": 0,
                "complete": False,
            },
        ),
    ),
    EventSchema(
        name="stream:ready",
        sender="service",
        payload=_object(
            {
                **_STREAM,
                "session_id": _TEXT,
                "max_inflight": _integer(1, 10),
                "capabilities": _CAPABILITIES,
            },
            {"resume_token": _TEXT, "resume_window_s": _NUMBER},
        ),
        examples=(
            {
                "stream_id": "match-7",
                "session_id": "Zc2v",
                "max_inflight": 3,
                "capabilities": ["asr", "translation", "tts", "duration_matching"],
            },
        ),
    ),
    EventSchema(
        name="fragment:ack",
        sender="service",
        payload=_object(
            {"fragment_id": _TEXT, "status": _one_of("queued"), "timestamp": _COUNT, "queue_position": _COUNT}
        ),
        examples=(
            {"fragment_id": "1", "status": "queued", "timestamp": 1_790_000_000_000, "queue_position": 0},
        ),
    ),
    EventSchema(
        name="fragment:processed",
        sender="service",
        payload=_PROCESSED,
        examples=(
            {
                "fragment_id": "1",
                "stream_id": "match-7",
                "sequence_number": 1,
                "status": "success",
                "processing_time_ms": 2210,
                "dubbed_audio": "AAAAAA==",
                "dubbed_audio_info": {
                    "format": "pcm_s16le",
                    "sample_rate_hz": 16_000,
                    "channels": 1,
                    "duration_ms": 6000,
                },
                "transcript": "It was the best of times.",
                "translated_text": "Foi o melhor dos tempos.",
                "stage_timings": {"asr_ms": 912, "translation_ms": 15, "tts_ms": 1282},
                "metadata": {"original_duration_ms": 6000, "dubbed_duration_ms": 5400},
            },
            {
                "fragment_id": "2",
                "stream_id": "match-7",
                "sequence_number": 2,
                "status": "failed",
                "processing_time_ms": 7500,
                "metadata": {"original_duration_ms": 6000},
                "error": {
                    "stage": "tts",
                    "code": "TIMEOUT",
                    "message": "tts was not done",
                    "retryable": True,
                },
            },
        ),
    ),
    EventSchema(
        name="backpressure",
        sender="service",
        payload=_object(
            {
                **_STREAM,
                "severity": _one_of("low", "medium", "high"),
                "action": _one_of("none", "slow_down", "pause"),
                "current_inflight": _COUNT,
                "max_inflight": _COUNT,
                "queue_depth": _COUNT,
                "threshold_exceeded": _or_null(_one_of("low", "medium", "high")),
                "recommended_delay_ms": _COUNT,
            }
        ),
        examples=(
            {
                "stream_id": "match-7",
                "severity": "high",
                "action": "pause",
                "current_inflight": 8,
                "max_inflight": 3,
                "queue_depth": 5,
                "threshold_exceeded": "high",
                "recommended_delay_ms": 2000,
            },
        ),
    ),
    EventSchema(
        name="error",
        sender="service",
        payload=_object(
            {**_FAULT, "severity": _TEXT},
            {**_STREAM, "fragment_id": _TEXT, "stage": _STAGE, "result_number": _integer(1)},
        ),
        examples=(
            {
                "code": "STREAM_NOT_FOUND",
                "message": "send stream:init first and wait for stream:ready",
                "retryable": False,
                "severity": "error",
            },
        ),
    ),
    EventSchema(
        name="warning",
        sender="service",
        payload=_object({"code": _one_of(*WarningCode), "message": _TEXT, **_STREAM}),
        examples=(
            {
                "code": "QUOTA_NEAR_LIMIT",
                "message": "91% of the translation quota is used",
                "stream_id": "match-7",
            },
        ),
    ),
    EventSchema(
        name="stream:complete",
        sender="service",
        payload=_object(
            {
                **_STREAM,
                "total_fragments": _COUNT,
                "total_duration_ms": _NUMBER,
                **_COUNTS,
                "statistics": _object(_COUNTS),
            },
            {"result_number": _integer(1)},
        ),
        examples=(
            {
                "stream_id": "match-7",
                "total_fragments": 1,
                "total_duration_ms": 6000,
                **(_one := dict.fromkeys(_COUNTS, 0) | {"success_count": 1}),
                "statistics": _one,
            },
        ),
    ),
)
"""Every event of the contract."""
