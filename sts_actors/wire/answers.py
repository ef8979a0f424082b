"""What the service sends: values → payload dictionaries."""

import time
from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from sts_actors.errors import ServiceError, ServiceWarning
from sts_actors.messages import (
    ORIGINAL_AUDIO,
    FragmentFailed,
    Speech,
    StreamSummary,
    Transcript,
    Translation,
)
from sts_actors.wire.dubbed_audio import dubbed_audio
from sts_actors.wire.fragments import AudioShape
from sts_actors.wire.opening import Dialect, Opening
from sts_actors.wire.tail import Tail, tail
from sts_actors.wire.utterances import utterances


@attrs.frozen(kw_only=True)
class Resumable:
    """What a worker needs to come back; the token is a secret."""

    token: str = attrs.field(repr=False)
    window_s: float


CAPABILITIES = ("asr", "translation", "tts", "duration_matching")


def ready(
    opening: Opening, *, session_id: str, engines: dict[str, str], resume: Resumable | None = None
) -> dict[str, Any]:
    """`stream:ready`; `engines` maps a stage to its engine's name."""
    flat = opening.dialect is Dialect.FLAT
    capabilities: Any = (
        list(CAPABILITIES) if flat else {**dict.fromkeys(CAPABILITIES, True), "engines": engines}
    )
    return {
        "stream_id": opening.config.stream_id,
        "session_id": session_id,
        "max_inflight": opening.config.max_inflight,
        "target_languages": list(opening.config.targets),
        "seam": opening.config.seam.value,
        "capabilities": capabilities,
        **({} if resume is None else {"resume_token": resume.token, "resume_window_s": resume.window_s}),
    }


def resumed(
    opening: Opening,
    *,
    session_id: str,
    last_result_number: int,
    unanswered: Iterable[tuple[str, int] | tuple[str, int, str]],
    lost_results: int,
    complete: bool,
) -> dict[str, Any]:
    """`stream:resumed`; `unanswered`: id and sequence number of each fragment whose result is to come.

    Of a stream with several target languages, a result that is there and was not told yet has its language
    as well; a fragment of which anything else is to come stands there without.
    """
    return {
        "stream_id": opening.config.stream_id,
        "session_id": session_id,
        "max_inflight": opening.config.max_inflight,
        "last_result_number": last_result_number,
        "unanswered": [
            {
                "fragment_id": fragment_id,
                "sequence_number": number,
                **({"target_language": language[0]} if language and language[0] else {}),
            }
            for fragment_id, number, *language in unanswered
        ],
        "lost_results": lost_results,
        "complete": complete,
    }


def acknowledged(fragment_id: str, queue_position: int) -> dict[str, Any]:
    """`fragment:ack`, sent before any model has seen the fragment."""
    return {
        "fragment_id": fragment_id,
        "status": "queued",
        "timestamp": time.time_ns() // 1_000_000,
        "queue_position": queue_position,
    }


def error(
    fault: ServiceError, *, stream_id: str | None = None, fragment_id: str | None = None
) -> dict[str, Any]:
    """`error`."""
    named = {"stream_id": stream_id, "fragment_id": fragment_id}
    return {
        "code": fault.code.value,
        "message": fault.message,
        "retryable": fault.retryable,
        "severity": "warning" if fault.retryable else "error",
        **{key: value for key, value in named.items() if value is not None},
    }


def warning(notice: ServiceWarning, *, stream_id: str) -> dict[str, Any]:
    """`warning`: what still works, and will not for long."""
    return {"code": notice.code.value, "message": notice.message, "stream_id": stream_id}


def processed(
    result: Speech | FragmentFailed,
    *,
    audio: bytes,
    shape: AudioShape,
    processing_ms: float,
    fragment_id: str | None = None,
    pts_ns: Any = None,
) -> dict[str, Any]:
    """`fragment:processed`; `audio` is the encoded dub, unused for a failure.

    `fragment_id` is that of the fragment answered, where it repeats the one that the result is of.
    """
    header = result.header
    language = result.target_language
    common: dict[str, Any] = {
        "fragment_id": header.fragment_id if fragment_id is None else fragment_id,
        "stream_id": header.stream_id,
        "sequence_number": header.sequence_number,
        **({"target_language": language} if language else {}),
        "processing_time_ms": round(processing_ms),
    }
    metadata: dict[str, Any] = {"original_duration_ms": header.duration_ms}
    if pts_ns is not None:
        metadata["pts_ns"] = pts_ns
    if isinstance(result, FragmentFailed):
        words = _words(result.transcript, result.translation)
        return {**common, "status": result.outcome, "error": _failure(result), **words, "metadata": metadata}
    translation = result.translation
    answer = translation.transcript.answer
    metadata |= {
        "dubbed_duration_ms": result.raw_duration_ms,
        "duration_variance_percent": round(result.variance * 100, 2),
        "speed_ratio": round(result.speed_ratio, 4),
        "tempo": round(result.tempo, 4),
        "billed_characters": translation.billed_characters,
        "lag_ms": result.lag_ms,
    }
    warnings = list(result.warnings)
    if result.fallback is not None:
        metadata["fallback_error"] = _failure(result.fallback)
        warnings += [] if ORIGINAL_AUDIO in warnings else [ORIGINAL_AUDIO]
    answered: dict[str, Any] = {
        **common,
        "status": result.outcome,
        **dubbed_audio(audio, shape, answer, header.duration_ms),
        **_words(translation.transcript, translation),
        **utterances(translation),
        "stage_timings": {
            "asr_ms": round(translation.transcript.asr_s * 1000),
            "translation_ms": round(translation.translation_s * 1000),
            "tts_ms": round(result.tts_s * 1000),
        },
        "metadata": metadata,
    }
    if warnings:
        answered["warnings"] = warnings
    return answered


def complete(
    summary: StreamSummary,
    *,
    tails: Iterable[Tail] = (),
    languages: Mapping[str, StreamSummary] | None = None,
) -> dict[str, Any]:
    """`stream:complete`: the counts, of answers, stand both flat and under `statistics`.

    `languages`: the same by target language, where there are several.
    """
    counts = _counts(summary)
    by_language = {tag: _counts(its) for tag, its in (languages or {}).items()}
    left = tail(tails)
    return {
        "stream_id": summary.stream_id,
        "total_fragments": summary.total_fragments,
        "total_duration_ms": summary.total_duration_ms,
        **counts,
        "statistics": counts,
        **({"languages": by_language} if by_language else {}),
        **({"tail": left} if left else {}),
    }


def _counts(summary: StreamSummary) -> dict[str, Any]:
    return {
        "success_count": summary.success_count,
        "partial_count": summary.partial_count,
        "failed_count": summary.failed_count,
        "avg_processing_time_ms": round(summary.avg_processing_time_ms, 1),
        "p95_processing_time_ms": round(summary.p95_processing_time_ms, 1),
    }


def _failure(result: FragmentFailed) -> dict[str, Any]:
    return {
        "stage": result.stage.value,
        "code": result.code.value,
        "message": result.message,
        "retryable": result.retryable,
    }


def _words(transcript: Transcript | None, translation: Translation | None) -> dict[str, Any]:
    known = {} if transcript is None else {"transcript": transcript.text}
    return known if translation is None else {**known, "translated_text": translation.text}
