"""`GET /console/streams/SESSION_ID`: one stream and its latest fragments. Seconds count from its opening."""

from typing import Any

from sts_actors.console.overview import describe_stream
from sts_actors.journal import FragmentEntry, Span, StreamEntry


def describe(stream: StreamEntry) -> dict[str, Any]:
    """All that is kept of a stream but its sound."""
    return {
        "stream": describe_stream(stream),
        "restarts": [
            {"at_s": _since(stream, note.at), "actor": note.actor, "cause": note.cause}
            for note in stream.restart_notes
        ],
        "refusals": [
            {
                "at_s": _since(stream, note.at),
                "code": note.code,
                "message": note.message,
                "fragment_id": note.fragment_id,
            }
            for note in stream.refusal_notes
        ],
        "fragments": [_fragment(stream, fragment) for fragment in stream.fragments],
    }


def _fragment(stream: StreamEntry, fragment: FragmentEntry) -> dict[str, Any]:
    header, answers = fragment.header, fragment.answers
    index = header.index
    translations = {target: stream.translation(index, target) for target in stream.targets}
    return {
        "index": index,
        "fragment_id": header.fragment_id,
        "sequence_number": header.sequence_number,
        "duration_ms": header.duration_ms,
        "received_s": _since(stream, header.received),
        "deadline_s": _since(stream, header.deadline),
        "answered_s": {language: _since(stream, answer.at) for language, answer in answers.items()},
        "outcome": {language: answer.outcome for language, answer in answers.items()},
        "code": {language: answer.code for language, answer in answers.items() if answer.code is not None},
        "spans": [_span(stream, span) for span in fragment.spans],
        "transcript": stream.transcript(index),
        "translations": {target: text for target, text in translations.items() if text is not None},
        "lag_ms": {
            language: answer.lag_ms for language, answer in answers.items() if answer.lag_ms is not None
        },
        "speed": {
            language: round(answer.speed, 4)
            for language, answer in answers.items()
            if answer.speed is not None
        },
        "source_audio": stream.source(index) is not None,
        "dub_audio": [target for target in stream.targets if stream.dub(index, target) is not None],
    }


def _span(stream: StreamEntry, span: Span) -> dict[str, Any]:
    return {
        "stage": span.stage,
        "language": span.language,
        "queued_s": _since(stream, span.queued),
        "began_s": _since(stream, span.began),
        "ended_s": _since(stream, span.ended),
        "code": span.code,
    }


def _since(stream: StreamEntry, moment: float) -> float:
    return round(moment - stream.opened, 6)
