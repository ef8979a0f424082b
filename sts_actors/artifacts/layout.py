"""Names and contents of the files. Pure."""

import re
from hashlib import blake2b
from typing import Any

import attrs

from sts_actors.messages import AudioFormat, FragmentFailed, Result, StreamConfig

VERSION = 1
STREAM_FILE = "stream.json"
FOLDER = re.compile(r"stream-[0-9a-f]{32}")
_AUDIO = r"(pcm_s16le|pcm_f32le|wav|m4a|adts)"
FILE = re.compile(
    rf"(?P<stem>[0-9]{{6,}})(\.in\.{_AUDIO}|(\.[1-9])?(?P<answer>\.json)|(\.[1-9])?\.out\.{_AUDIO})"
)
"""A fragment's `000007.in.wav`, `000007.json`, `000007.out.wav`; `000007.1.json` of another language."""


def folder_name(stream_id: str, session_id: str) -> str:
    """Of a stream's folder: one for each time that it was opened."""
    digest = blake2b(
        f"{len(stream_id)} {stream_id} {session_id}".encode("utf-8", "surrogatepass"), digest_size=16
    )
    return f"stream-{digest.hexdigest()}"


def stem(index: int) -> str:
    """What the names of a fragment's files begin with; they sort as the fragments came."""
    return f"{index:06}"


def answer_stem(index: int, config: StreamConfig, language: str) -> str:
    """What the names of an answer's files begin with: further target languages are numbered from 1."""
    further = config.further_targets
    return f"{stem(index)}.{further.index(language) + 1}" if language in further else stem(index)


def describe_stream(config: StreamConfig, session_id: str, started_unix_s: float) -> dict[str, Any]:
    """`stream.json`."""
    asked = attrs.asdict(config)
    return {"version": VERSION, "session_id": session_id, "started_unix_s": started_unix_s, **asked}


def describe_fragment(
    result: Result,
    *,
    fragment_id: str,
    sequence_number: int,
    at_s: float,
    label: AudioFormat,
    processing_ms: float,
    several: bool = False,
) -> dict[str, Any]:
    """A fragment's JSON, without the names of its audio files; `at_s` counts from the stream's start.

    `several`: whether it is dubbed into more than one language.
    """
    told: dict[str, Any] = {
        "fragment_id": fragment_id,
        "sequence_number": sequence_number,
        "at_s": round(at_s, 3),
        "duration_ms": result.header.duration_ms,
        "label": attrs.asdict(label),
        "processing_ms": round(processing_ms),
    }
    if isinstance(result, FragmentFailed):
        transcript, translation = result.transcript, result.translation
        told |= {
            "status": result.outcome,
            "error": {"stage": result.stage, "code": result.code, "message": result.message},
        }
    else:
        translation = result.translation
        transcript = translation.transcript
        told |= {
            "status": result.outcome,
            "raw_duration_ms": result.raw_duration_ms,
            "tempo": result.tempo,
            "tts_ms": round(result.tts_s * 1000),
            "lag_ms": result.lag_ms,
        }
    if several and result.target_language:
        told["target_language"] = result.target_language
    if transcript is not None:
        told |= {"transcript": transcript.text, "asr_ms": round(transcript.asr_s * 1000)}
    if translation is not None:
        told |= {
            "translation": translation.text,
            "translation_ms": round(translation.translation_s * 1000),
            "billed_characters": translation.billed_characters,
        }
    return told
