"""`fragment:data`: a fragment as a worker sends it."""

import base64
import binascii
from collections.abc import Mapping
from enum import StrEnum
from hashlib import blake2b
from typing import Any

import attrs

from sts_actors.errors import ErrorCode, ServiceError
from sts_actors.messages import AudioFormat, StreamConfig
from sts_actors.wire.fields import Payload, as_payload, integer, text
from sts_actors.wire.opening import MAX_ID_CHARACTERS, read_label

MAX_AUDIO_BYTES = 10 * 1024 * 1024
MAX_SEQUENCE_NUMBER = 2**53 - 1
"""The largest integer that every JSON reader keeps exact."""

UNNUMBERED = -1
"""In an answer to a fragment whose number is none."""

_BAD_AUDIO = ErrorCode.INVALID_AUDIO_FORMAT


class AudioShape(StrEnum):
    """How a fragment carries its audio; the answer carries its own the same way."""

    TEXT = "text"
    BYTES = "bytes"
    OBJECT_TEXT = "object_text"
    OBJECT_BYTES = "object_bytes"


@attrs.frozen(kw_only=True)
class Arrival:
    """Who a fragment is: enough to refuse it in its place, whatever its audio is worth."""

    fragment_id: str
    sequence_number: int
    duration_ms: int
    shape: AudioShape
    payload: Payload = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class EncodedAudio:
    """A fragment's audio as bytes, and what the worker calls them."""

    data: bytes = attrs.field(repr=False)
    label: AudioFormat

    def digest(self) -> bytes:
        """Of all that decides the dub: two fragments of a stream with the same one have the same."""
        its = self.label
        person = f"{its.container} {its.sample_rate_hz} {its.channels}".encode()
        return blake2b(self.data, digest_size=16, key=person).digest()


@attrs.frozen(kw_only=True)
class Named:
    """What a fragment that cannot be taken says of itself."""

    fragment_id: str
    sequence_number: int
    shape: AudioShape


def parse_named(data: object) -> Named | None:
    """Who a fragment is that will be refused whatever it holds; None where it does not say. Never fails.

    A number that is none becomes -1.
    """
    if not isinstance(data, Mapping):
        return None
    name, number = data.get("fragment_id"), data.get("sequence_number")
    name = name if isinstance(name, str) and len(name) <= MAX_ID_CHARACTERS else None
    number = number if type(number) is int and abs(number) <= MAX_SEQUENCE_NUMBER else UNNUMBERED
    if name is None and number == UNNUMBERED:
        return None
    return Named(
        fragment_id=name or f"fragment-{number}",
        sequence_number=number,
        shape=_shape(data.get("audio")),
    )


def parse_arrival(data: object, config: StreamConfig) -> Arrival:
    """Read who a fragment is.

    Raises:
        ServiceError: `INVALID_SEQUENCE`, or `INVALID_AUDIO_FORMAT` for a payload that is no object.
    """
    payload = as_payload(data, "fragment:data", _BAD_AUDIO)
    number = integer(payload, "sequence_number", 0, MAX_SEQUENCE_NUMBER, code=ErrorCode.INVALID_SEQUENCE)
    audio = payload.get("audio")
    name = text(payload, "fragment_id", limit=MAX_ID_CHARACTERS, code=ErrorCode.INVALID_SEQUENCE)
    declared = audio if isinstance(audio, dict) and "duration_ms" in audio else payload
    duration = declared.get("duration_ms")
    return Arrival(
        fragment_id=name or f"fragment-{number}",
        sequence_number=number,
        duration_ms=duration if type(duration) is int and duration > 0 else config.chunk_duration_ms,
        shape=_shape(audio),
        payload=payload,
    )


def _shape(audio: object) -> AudioShape:
    if isinstance(audio, dict):
        inner = audio.get("data_base64")
        return AudioShape.OBJECT_BYTES if isinstance(inner, bytes) else AudioShape.OBJECT_TEXT
    return AudioShape.BYTES if isinstance(audio, bytes) else AudioShape.TEXT


def read_audio(arrival: Arrival, config: StreamConfig) -> EncodedAudio:
    """The audio of a fragment.

    Raises:
        ServiceError: `INVALID_AUDIO_FORMAT` or `FRAGMENT_TOO_LARGE`.
    """
    payload = arrival.payload
    audio = payload.get("audio")
    fields: Payload = {**payload, **audio} if isinstance(audio, dict) else payload
    raw: Any = audio.get("data_base64") if isinstance(audio, dict) else audio
    data = raw if isinstance(raw, bytes) else _from_base64(raw)
    if len(data) > MAX_AUDIO_BYTES:
        raise ServiceError(
            ErrorCode.FRAGMENT_TOO_LARGE,
            f"a fragment's audio may have {MAX_AUDIO_BYTES} bytes, this one has {len(data)}",
        )
    return EncodedAudio(data=data, label=read_label(fields, config.label, code=_BAD_AUDIO))


def _from_base64(raw: object) -> bytes:
    if not isinstance(raw, str):
        raise ServiceError(_BAD_AUDIO, "audio must be base64 text, bytes, or an object with data_base64")
    try:
        # Without validate, characters that do not belong would be dropped silently.
        return base64.b64decode(raw, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ServiceError(_BAD_AUDIO, f"audio is not valid base64: {error}") from None
