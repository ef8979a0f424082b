"""JSON Schemas (2020-12) of every event of the contract, from the same limits and names as the code.

`docs/protocol/` holds them as files: `just schemas` writes them, a test sees that they are up to date.
"""

import json
from typing import Any, Final

import attrs

from sts_actors.errors import WarningCode
from sts_actors.messages import SeamPolicy
from sts_actors.wire.fragments import MAX_SEQUENCE_NUMBER
from sts_actors.wire.schema_words import (
    ANYTHING,
    ASKED,
    AUDIO,
    CAPABILITIES,
    CHANNELS,
    COUNT,
    COUNTS,
    ENDING,
    FAULT,
    FLAG,
    FORMAT,
    ID,
    LANGUAGE,
    LANGUAGES,
    NAMES,
    NUMBER,
    PROCESSED,
    RATE,
    STAGE,
    STREAM,
    TAIL,
    TEXT,
    Schema,
    integer,
    object_by,
    object_of,
    one_of,
    or_null,
)

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


_FLAT_INIT = {
    "source_language": "en",
    "target_language": "pt",
    "sample_rate_hz": 16_000,
    "channels": 1,
    "format": "pcm_s16le",
}
_NESTED_INIT = {"stream_id": "match-7", "worker_id": "media-1", "config": {**_FLAT_INIT, "format": "m4a"}}
_SEVERAL_INIT = {
    **_FLAT_INIT,
    "target_languages": ["pt", "es"],
    "voice_profile": {"es": "default"},
    "seam": "carry",
    "bed": {"mode": "duck", "level_db": -18, "ramp_ms": 200},
    "verify": 0.1,
}

EVENTS: Final[tuple[EventSchema, ...]] = (
    EventSchema(
        name="stream:init",
        sender="worker",
        payload={
            "anyOf": [
                {**ASKED, "properties": {**ASKED["properties"], **NAMES}},
                object_of({"config": ASKED}, {**NAMES, "resume": or_null(FLAG)}),
            ]
        },
        examples=(_FLAT_INIT, _NESTED_INIT, _SEVERAL_INIT),
    ),
    EventSchema(
        name="fragment:data",
        sender="worker",
        payload=object_of(
            {"sequence_number": integer(0, MAX_SEQUENCE_NUMBER), "audio": AUDIO},
            {
                "fragment_id": or_null(ID),
                **NAMES,
                "timestamp": ANYTHING,
                "format": FORMAT,
                "sample_rate": RATE,
                "sample_rate_hz": RATE,
                "channels": CHANNELS,
                "duration_ms": COUNT,
                "metadata": ANYTHING,
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
        EventSchema(name=name, sender="worker", payload=ENDING, examples=(None, {}, {"stream_id": "match-7"}))
        for name in ("stream:pause", "stream:resume", "stream:end")
    ),
    EventSchema(
        name="fragment:ack",
        sender="worker",
        payload=or_null(object_of({}, {"fragment_id": ANYTHING, "result_number": integer(1)})),
        examples=({"fragment_id": "1", "result_number": 1}, {"fragment_id": "1"}, None),
    ),
    EventSchema(
        name="stream:resume_session",
        sender="worker",
        payload=object_of(
            {"resume_token": ID},
            {
                "last_result_number": or_null(integer(0, MAX_SEQUENCE_NUMBER)),
                "last_sequence_number": or_null(integer(0, MAX_SEQUENCE_NUMBER)),
            },
        ),
        examples=({"resume_token": "8Jq0…", "last_result_number": 7},),
    ),
    EventSchema(
        name="stream:resumed",
        sender="service",
        payload=object_of(
            {
                **STREAM,
                "session_id": TEXT,
                "max_inflight": integer(1, 10),
                "last_result_number": COUNT,
                "unanswered": {
                    "type": "array",
                    "items": object_of(
                        {"fragment_id": TEXT, "sequence_number": integer()}, {"target_language": LANGUAGE}
                    ),
                },
                "lost_results": COUNT,
                "complete": FLAG,
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
        payload=object_of(
            {
                **STREAM,
                "session_id": TEXT,
                "max_inflight": integer(1, 10),
                "target_languages": LANGUAGES,
                "seam": one_of(*SeamPolicy),
                "capabilities": CAPABILITIES,
            },
            {"resume_token": TEXT, "resume_window_s": NUMBER},
        ),
        examples=(
            {
                "stream_id": "match-7",
                "session_id": "Zc2v",
                "max_inflight": 3,
                "target_languages": ["pt"],
                "seam": "carry",
                "capabilities": ["asr", "translation", "tts", "duration_matching"],
            },
        ),
    ),
    EventSchema(
        name="fragment:ack",
        sender="service",
        payload=object_of(
            {"fragment_id": TEXT, "status": one_of("queued"), "timestamp": COUNT, "queue_position": COUNT}
        ),
        examples=(
            {"fragment_id": "1", "status": "queued", "timestamp": 1_790_000_000_000, "queue_position": 0},
        ),
    ),
    EventSchema(
        name="fragment:processed",
        sender="service",
        payload=PROCESSED,
        examples=(
            {
                "fragment_id": "1",
                "stream_id": "match-7",
                "sequence_number": 1,
                "target_language": "pt",
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
                "utterances": [
                    {
                        "start_ms": -640,
                        "end_ms": 1900,
                        "transcript": "It was the best of times.",
                        "translated_text": "Foi o melhor dos tempos.",
                    }
                ],
                "stage_timings": {"asr_ms": 912, "translation_ms": 15, "tts_ms": 1282},
                "metadata": {"original_duration_ms": 6000, "dubbed_duration_ms": 5400, "lag_ms": 320},
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
        payload=object_of(
            {
                **STREAM,
                "severity": one_of("low", "medium", "high"),
                "action": one_of("none", "slow_down", "pause"),
                "current_inflight": COUNT,
                "max_inflight": COUNT,
                "queue_depth": COUNT,
                "threshold_exceeded": or_null(one_of("low", "medium", "high")),
                "recommended_delay_ms": COUNT,
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
        payload=object_of(
            {**FAULT, "severity": TEXT},
            {**STREAM, "fragment_id": TEXT, "stage": STAGE, "result_number": integer(1)},
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
        payload=object_of({"code": one_of(*WarningCode), "message": TEXT, **STREAM}),
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
        payload=object_of(
            {
                **STREAM,
                "total_fragments": COUNT,
                "total_duration_ms": NUMBER,
                **COUNTS,
                "statistics": object_of(COUNTS),
            },
            {
                "languages": object_by(LANGUAGE["pattern"], object_of(COUNTS)),
                "tail": {"type": "array", "items": TAIL, "minItems": 1},
                "result_number": integer(1),
            },
        ),
        examples=(
            {
                "stream_id": "match-7",
                "total_fragments": 1,
                "total_duration_ms": 6000,
                **(_one := dict.fromkeys(COUNTS, 0) | {"success_count": 1}),
                "statistics": _one,
                "tail": [
                    {
                        "target_language": "pt",
                        "transcript": "of wisdom",
                        "translated_text": "da sabedoria",
                        "dubbed_audio": "AAAAAA==",
                        "dubbed_audio_info": {
                            "format": "pcm_s16le",
                            "sample_rate_hz": 16_000,
                            "channels": 1,
                            "duration_ms": 900,
                        },
                        "lag_ms": 900,
                    }
                ],
            },
        ),
    ),
)
"""Every event of the contract."""
