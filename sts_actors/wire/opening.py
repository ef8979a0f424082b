"""`stream:init`: what a worker asks for, in either dialect."""

from collections.abc import Callable
from enum import StrEnum

import attrs

from sts_actors.errors import ErrorCode, ServiceError
from sts_actors.messages import AudioFormat, Bed, Container, SeamPolicy, StreamConfig
from sts_actors.wire import languages, manner
from sts_actors.wire.fields import Payload, as_payload, integer, text

MIN_RATE_HZ, MAX_RATE_HZ = 8_000, 96_000
MAX_CHANNELS = 2
MAX_ID_CHARACTERS = 128
WORKER_CONTAINERS = (Container.PCM_S16LE, Container.PCM_F32LE, Container.WAV, Container.M4A)

_BAD = ErrorCode.INVALID_CONFIG


class Dialect(StrEnum):
    """The two kinds of worker in the field, told apart by the shape of their `stream:init`."""

    FLAT = "flat"
    NESTED = "nested"


@attrs.frozen(kw_only=True)
class Opening:
    """A parsed `stream:init`."""

    dialect: Dialect
    worker_id: str
    config: StreamConfig
    resume: bool = False
    """Whether the worker means to come back after a cut, and so asks for a token."""


@attrs.frozen(kw_only=True)
class Defaults:
    """What a stream gets where its worker says nothing."""

    max_inflight: int = 3
    timeout_ms: int = 8000
    seam: SeamPolicy = SeamPolicy.CARRY
    bed: Bed | None = None
    verify: float = 0.0


def parse_opening(
    data: object, *, headers: Payload, defaults: Defaults, new_id: Callable[[], str]
) -> Opening:
    """Read a `stream:init`.

    Args:
        data: the event's payload.
        headers: `X-Stream-ID` and `X-Worker-ID` of the handshake, for what the payload leaves out.
        defaults: the service's own settings.
        new_id: makes an id where neither names one.

    Raises:
        ServiceError: `INVALID_CONFIG` or `UNSUPPORTED_LANGUAGE`, naming the field.
    """
    payload = as_payload(data, "stream:init", _BAD)
    nested = isinstance(payload.get("config"), dict)
    fields: Payload = payload["config"] if nested else payload
    ids = {**fields, **payload} if nested else payload
    source, (target, *further) = languages.language(fields, "source_language"), languages.targets(fields)
    voices = languages.voices(fields, (target, *further))
    return Opening(
        dialect=Dialect.NESTED if nested else Dialect.FLAT,
        worker_id=_identity(ids, headers, "worker_id", "X-Worker-ID") or "",
        resume=ids.get("resume") is True,
        config=StreamConfig(
            stream_id=_identity(ids, headers, "stream_id", "X-Stream-ID") or new_id(),
            source_language=source,
            target_language=target,
            further_targets=tuple(further),
            voice=voices.voice,
            voice_by_language=voices.by_language,
            seam=manner.seam(fields, defaults.seam),
            bed=manner.bed(fields, defaults.bed),
            verify=manner.verify(fields, defaults.verify),
            formality=text(fields, "formality", limit=32, code=_BAD) or None,
            domain_hints=_hints(fields),
            chunk_duration_ms=integer(fields, "chunk_duration_ms", 100, 31_000, default=6000, code=_BAD),
            label=read_label(fields, None, code=_BAD),
            max_inflight=integer(fields, "max_inflight", 1, 10, default=defaults.max_inflight, code=_BAD),
            timeout_ms=integer(fields, "timeout_ms", 1000, 30_000, default=defaults.timeout_ms, code=_BAD),
        ),
    )


def read_label(fields: Payload, fallback: AudioFormat | None, *, code: ErrorCode) -> AudioFormat:
    """The audio labels of a stream, or of a fragment over those of its stream.

    Raises:
        ServiceError: `code`, naming the field.
    """
    container = fields.get("format")
    if container is None:
        container = fallback.container if fallback else Container.PCM_S16LE
    elif container not in WORKER_CONTAINERS:
        raise ServiceError(code, f"format must be one of {', '.join(WORKER_CONTAINERS)}")
    rate = "sample_rate_hz" if fields.get("sample_rate_hz") is not None else "sample_rate"
    return AudioFormat(
        container=Container(container),
        sample_rate_hz=integer(
            fields,
            rate,
            MIN_RATE_HZ,
            MAX_RATE_HZ,
            default=fallback.sample_rate_hz if fallback else 16_000,
            code=code,
        ),
        channels=integer(
            fields, "channels", 1, MAX_CHANNELS, default=fallback.channels if fallback else 1, code=code
        ),
    )


def _identity(fields: Payload, headers: Payload, name: str, header: str) -> str | None:
    return text(fields, name, limit=MAX_ID_CHARACTERS, code=_BAD) or text(
        headers, header, limit=MAX_ID_CHARACTERS, code=_BAD
    )


def _hints(fields: Payload) -> tuple[str, ...]:
    value = fields.get("domain_hints")
    if value is None:
        return ()
    hints = [value] if isinstance(value, str) else value
    if not isinstance(hints, list) or len(hints) > 100 or not all(isinstance(h, str) for h in hints):  # noqa: PLR2004 - the contract's
        raise ServiceError(_BAD, "domain_hints must be a text or a list of at most 100 texts")
    return tuple(hints)
