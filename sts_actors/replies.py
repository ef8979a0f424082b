"""Whom an answer is for: what is remembered of a fragment until it has been answered."""

from collections.abc import Mapping
from typing import Any, Self

import attrs

from sts_actors.actors.stream import NOWHERE
from sts_actors.errors import ServiceError, Stage
from sts_actors.messages import FragmentFailed, FragmentHeader, StreamConfig
from sts_actors.wire.fragments import Arrival, AudioShape, EncodedAudio, Named, read_audio


@attrs.define(kw_only=True)
class Reply:
    """Whom an answer is for, and how it is wanted; `told`: its `error` has gone out."""

    fragment_id: str
    sequence_number: int
    received: float
    shape: AudioShape
    duration_ms: int = 0
    pts_ns: Any = None
    told: bool = False

    @classmethod
    def to(cls, arrival: Arrival, header: FragmentHeader) -> Self:
        """The reply to a fragment that has a place."""
        metadata = arrival.payload.get("metadata")
        return cls(
            fragment_id=arrival.fragment_id,
            sequence_number=arrival.sequence_number,
            received=header.received,
            shape=arrival.shape,
            duration_ms=header.duration_ms,
            pts_ns=metadata.get("pts_ns") if isinstance(metadata, Mapping) else None,
        )


def unplaced(who: Named | Reply, stream_id: str, now: float) -> FragmentHeader:
    """The header of a fragment that has no place in the order; `now`: of its receipt, and its end."""
    return FragmentHeader(
        stream_id=stream_id,
        fragment_id=who.fragment_id,
        sequence_number=who.sequence_number,
        index=NOWHERE,
        duration_ms=0,
        received=now,
        deadline=now,
    )


def refusal(header: FragmentHeader, error: ServiceError) -> FragmentFailed:
    """The answer to a fragment that never came to a stage."""
    return FragmentFailed(
        header=header, stage=Stage.ASR, code=error.code, message=error.message, retryable=error.retryable
    )


def read_or_error(arrival: Arrival, config: StreamConfig) -> EncodedAudio | ServiceError:
    """A fragment's audio, or what is wrong with it."""
    try:
        return read_audio(arrival, config)
    except ServiceError as error:
        return error


def named(arrival: Arrival) -> Named:
    """Who a fragment is, and no more."""
    return Named(
        fragment_id=arrival.fragment_id, sequence_number=arrival.sequence_number, shape=arrival.shape
    )
