"""What a dubbing server sends to its worker: payload dictionaries → typed values. No I/O.

Unknown keys are ignored. A field that is absent where the contract demands one, or of another type, is a
`BadAnswer` that names the event and the field.
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from sts_actors.client.errors import BadAnswer
from sts_actors.client.fields import Fields, told_languages
from sts_actors.client.resumed import ResultsLost, Resumed, resumed

STATUSES = ("success", "partial", "failed")


@attrs.frozen(kw_only=True)
class Ready:
    """`stream:ready`; `target_languages`: as the server calls them, none where it does not say."""

    stream_id: str
    session_id: str
    max_inflight: int
    capabilities: frozenset[str]
    target_languages: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class Acked:
    """`fragment:ack`: the server has the fragment; `queue_position` None where it does not say."""

    fragment_id: str
    queue_position: int | None


@attrs.frozen(kw_only=True)
class FragmentError:
    """Why a fragment failed; `stage` None where no stage had it yet."""

    stage: str | None
    code: str
    message: str
    retryable: bool


@attrs.frozen(kw_only=True)
class Utterance:
    """A phrase, and when it was said in the source, in ms from its fragment's start; below 0 is before it."""

    start_ms: float
    end_ms: float
    transcript: str = attrs.field(repr=False)
    translated_text: str = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class Processed:
    """`fragment:processed`: the one result of a fragment in a language.

    Attributes:
        target_language: the language; None where the server does not say, and where the result is that of all
            the stream's languages, as a refusal is.
        status: `success`, `partial` or `failed`.
        audio: the dub as bytes in the stream's format; None only where `status` is `failed`.
        stage_timings: milliseconds by `asr_ms`, `translation_ms`, `tts_ms`, as far as the stages ran.
        metadata: as it came.
        utterances: phrase by phrase, where the server tells them apart.
        error: set exactly where `status` is `failed`.
        result_number: 1, 2, 3 … in a stream that can be resumed, in the order of the results; else None.
    """

    fragment_id: str
    sequence_number: int
    status: str
    audio: bytes | None = attrs.field(repr=False)
    transcript: str | None = attrs.field(repr=False)
    translated_text: str | None = attrs.field(repr=False)
    stage_timings: Mapping[str, float]
    metadata: Mapping[str, Any]
    warnings: tuple[str, ...]
    error: FragmentError | None
    processing_time_ms: float
    result_number: int | None = None
    target_language: str | None = None
    utterances: tuple[Utterance, ...] = attrs.field(default=(), repr=False)


@attrs.frozen(kw_only=True)
class Tail:
    """What was left of a stream, in one language, when its last fragment was answered.

    Attributes:
        audio: what sounds on after the last fragment's dub, in the stream's format; None for nothing.
        lag_ms: how long after its source the last of it ends; None where the server does not say.
        utterances: timed from the last fragment's end.
    """

    target_language: str | None
    audio: bytes | None = attrs.field(repr=False)
    transcript: str = attrs.field(repr=False)
    translated_text: str = attrs.field(repr=False)
    lag_ms: float | None
    utterances: tuple[Utterance, ...] = attrs.field(default=(), repr=False)


@attrs.frozen(kw_only=True)
class Backpressure:
    """`backpressure`: `action` is `none`, `slow_down` or `pause`; only `none` ends a `pause`."""

    severity: str
    action: str
    current_inflight: int
    max_inflight: int
    recommended_delay_ms: int


@attrs.frozen(kw_only=True)
class Complete:
    """`stream:complete`: the last event of a stream; its counts are those of results.

    Attributes:
        tail: by language, for each in which anything was left.
    """

    stream_id: str
    total_fragments: int
    total_duration_ms: float
    success_count: int
    partial_count: int
    failed_count: int
    avg_processing_time_ms: float
    p95_processing_time_ms: float
    tail: tuple[Tail, ...] = ()


@attrs.frozen(kw_only=True)
class ServerWarning:
    """`warning`."""

    code: str
    message: str


@attrs.frozen(kw_only=True)
class ServerErrorEvent:
    """`error`: about the stream, or about a fragment that also gets its own failed `Processed`."""

    code: str
    message: str
    retryable: bool
    fragment_id: str | None
    stage: str | None


StreamEvent = (
    Acked | Processed | Backpressure | Complete | ServerWarning | ServerErrorEvent | Resumed | ResultsLost
)


def read_event(name: str, args: tuple[Any, ...]) -> StreamEvent | None:
    """The value of a server's event; None for an event that the contract does not know.

    Raises:
        BadAnswer: the payload breaks the contract.
    """
    reader = _READERS.get(name)
    return reader(Fields(name, args)) if reader else None


def read_ready(args: tuple[Any, ...]) -> Ready:
    """The value of `stream:ready`; `capabilities` may be a list of names or a dictionary of them.

    Raises:
        BadAnswer: the payload breaks the contract.
    """
    fields = Fields("stream:ready", args)
    told = fields.raw("capabilities")
    names = [name for name, has in told.items() if has is True] if isinstance(told, dict) else told or []
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise BadAnswer("stream:ready: capabilities must be a list of names or an object")
    inflight = fields.integer("max_inflight")
    if inflight < 1:
        raise BadAnswer("stream:ready: max_inflight must be 1 at least")
    return Ready(
        stream_id=fields.text("stream_id"),
        session_id=fields.text("session_id"),
        max_inflight=inflight,
        capabilities=frozenset(names),
        target_languages=told_languages(args[0]),
    )


def _acked(fields: Fields) -> Acked:
    return Acked(
        fragment_id=fields.text("fragment_id"),
        queue_position=fields.integer("queue_position") if fields.has("queue_position") else None,
    )


def _processed(fields: Fields) -> Processed:
    status = fields.choice("status", STATUSES)
    failed = status == "failed"
    audio = _audio(fields)
    if audio is None and not failed:
        raise BadAnswer(f"fragment:processed: status {status} came without dubbed_audio")
    return Processed(
        fragment_id=fields.text("fragment_id"),
        sequence_number=fields.integer("sequence_number"),
        status=status,
        audio=audio,
        transcript=fields.maybe_text("transcript"),
        translated_text=fields.maybe_text("translated_text"),
        stage_timings=fields.numbers("stage_timings"),
        metadata=fields.mapping("metadata"),
        warnings=fields.texts("warnings"),
        error=_fragment_error(fields.inner("error")) if failed else None,
        processing_time_ms=fields.number("processing_time_ms"),
        result_number=fields.integer("result_number") if fields.has("result_number") else None,
        target_language=fields.maybe_text("target_language"),
        utterances=tuple(map(_utterance, fields.objects("utterances"))),
    )


def _utterance(fields: Fields) -> Utterance:
    start_ms, end_ms = fields.figure("start_ms"), fields.figure("end_ms")
    if start_ms is None or end_ms is None:
        raise BadAnswer(f"{fields.event}: start_ms and end_ms must be numbers")
    return Utterance(
        start_ms=start_ms,
        end_ms=end_ms,
        transcript=fields.text("transcript"),
        translated_text=fields.text("translated_text"),
    )


def _audio(fields: Fields) -> bytes | None:
    """Base64 text, bytes, or an object with either under `data_base64`: the shape mirrors the request's."""
    value = fields.raw("dubbed_audio")
    data = value.get("data_base64") if isinstance(value, dict) else value
    if data is None or isinstance(data, bytes):
        return data
    if not isinstance(data, str):
        raise BadAnswer(f"{fields.event}: dubbed_audio must be base64 text, bytes or an object")
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise BadAnswer(f"{fields.event}: dubbed_audio is not valid base64") from None


def _fragment_error(fields: Fields) -> FragmentError:
    return FragmentError(
        stage=fields.maybe_text("stage"),
        code=fields.text("code"),
        message=fields.text("message"),
        retryable=fields.boolean("retryable"),
    )


def _backpressure(fields: Fields) -> Backpressure:
    return Backpressure(
        severity=fields.choice("severity", ("low", "medium", "high")),
        action=fields.choice("action", ("none", "slow_down", "pause")),
        current_inflight=fields.integer("current_inflight"),
        max_inflight=fields.integer("max_inflight"),
        recommended_delay_ms=fields.integer("recommended_delay_ms"),
    )


def _complete(fields: Fields) -> Complete:
    # The contract has the counts twice; an older server may have them in one place only.
    counts = fields if fields.has("success_count") else fields.inner("statistics")
    return Complete(
        stream_id=fields.text("stream_id"),
        total_fragments=fields.integer("total_fragments"),
        total_duration_ms=fields.number("total_duration_ms"),
        success_count=counts.integer("success_count"),
        partial_count=counts.integer("partial_count"),
        failed_count=counts.integer("failed_count"),
        avg_processing_time_ms=counts.number("avg_processing_time_ms"),
        p95_processing_time_ms=counts.number("p95_processing_time_ms"),
        tail=tuple(map(_tail, fields.objects("tail"))),
    )


def _tail(fields: Fields) -> Tail:
    return Tail(
        target_language=fields.maybe_text("target_language"),
        audio=_audio(fields),
        transcript=fields.maybe_text("transcript") or "",
        translated_text=fields.maybe_text("translated_text") or "",
        lag_ms=fields.figure("lag_ms"),
        utterances=tuple(map(_utterance, fields.objects("utterances"))),
    )


def _warning(fields: Fields) -> ServerWarning:
    return ServerWarning(code=fields.text("code"), message=fields.text("message"))


def read_error(args: tuple[Any, ...]) -> ServerErrorEvent:
    """The value of `error`.

    Raises:
        BadAnswer: the payload breaks the contract.
    """
    return _error(Fields("error", args))


def _error(fields: Fields) -> ServerErrorEvent:
    return ServerErrorEvent(
        code=fields.text("code"),
        message=fields.text("message"),
        retryable=fields.boolean("retryable"),
        fragment_id=fields.maybe_text("fragment_id"),
        stage=fields.maybe_text("stage"),
    )


_READERS: dict[str, Callable[[Fields], StreamEvent]] = {
    "fragment:ack": _acked,
    "fragment:processed": _processed,
    "backpressure": _backpressure,
    "stream:complete": _complete,
    "stream:resumed": resumed,
    "warning": _warning,
    "error": _error,
}
