"""Every error the service can answer with: one code, one stage, one verdict on retrying.

The table is the contract's (docs/protocol.md). Codes travel as values inside `FragmentFailed`
and as `ServiceError` where a call has to stop.
"""

from enum import StrEnum

import attrs


class Stage(StrEnum):
    """Where in the line a fragment failed."""

    ASR = "asr"
    TRANSLATION = "translation"
    TTS = "tts"


class ErrorCode(StrEnum):
    """The codes a worker may see."""

    STREAM_NOT_FOUND = "STREAM_NOT_FOUND"
    INVALID_CONFIG = "INVALID_CONFIG"
    INVALID_VOICE_PROFILE = "INVALID_VOICE_PROFILE"
    UNSUPPORTED_LANGUAGE = "UNSUPPORTED_LANGUAGE"
    AUTH_FAILED = "AUTH_FAILED"
    INVALID_SEQUENCE = "INVALID_SEQUENCE"
    FRAGMENT_TOO_LARGE = "FRAGMENT_TOO_LARGE"
    STREAM_PAUSED = "STREAM_PAUSED"
    BACKPRESSURE_EXCEEDED = "BACKPRESSURE_EXCEEDED"
    SERVER_DRAINING = "SERVER_DRAINING"
    INVALID_AUDIO_FORMAT = "INVALID_AUDIO_FORMAT"
    TIMEOUT = "TIMEOUT"
    ASR_FAILED = "ASR_FAILED"
    MODEL_UNAVAILABLE = "MODEL_UNAVAILABLE"
    GPU_OOM = "GPU_OOM"
    RATE_LIMIT_EXCEEDED = "RATE_LIMIT_EXCEEDED"
    TRANSLATION_API_UNAVAILABLE = "TRANSLATION_API_UNAVAILABLE"
    QUOTA_EXCEEDED = "QUOTA_EXCEEDED"
    TRANSLATION_FAILED = "TRANSLATION_FAILED"
    SYNTHESIS_FAILED = "SYNTHESIS_FAILED"
    DURATION_MISMATCH_EXCEEDED = "DURATION_MISMATCH_EXCEEDED"
    UNKNOWN_ERROR = "UNKNOWN_ERROR"

    @property
    def retryable(self) -> bool:
        """Whether sending the same fragment again can help."""
        return self in _RETRYABLE


_RETRYABLE = frozenset(
    {
        ErrorCode.STREAM_PAUSED,
        ErrorCode.BACKPRESSURE_EXCEEDED,
        ErrorCode.SERVER_DRAINING,
        ErrorCode.TIMEOUT,
        ErrorCode.ASR_FAILED,
        ErrorCode.MODEL_UNAVAILABLE,
        ErrorCode.GPU_OOM,
        ErrorCode.RATE_LIMIT_EXCEEDED,
        ErrorCode.TRANSLATION_API_UNAVAILABLE,
        ErrorCode.QUOTA_EXCEEDED,
    }
)


class WarningCode(StrEnum):
    """The codes of the `warning` event."""

    QUOTA_NEAR_LIMIT = "QUOTA_NEAR_LIMIT"
    QUOTA_EXCEEDED = "QUOTA_EXCEEDED"
    SERVER_DRAINING = "SERVER_DRAINING"


@attrs.frozen
class ServiceWarning:
    """Something that still works and will not for long; `message` is fit for a worker to read."""

    code: WarningCode
    message: str


class ServiceError(Exception):
    """An error with a code of the contract; `message` is fit for a worker to read.

    Pickles (worker processes return it): the arguments are exactly `(code, message)`.
    """

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"

    @property
    def retryable(self) -> bool:
        """Whether sending the same thing again can help."""
        return self.code.retryable


class EngineError(ServiceError):
    """An engine could not serve this request; the next one may well succeed."""


class ConfigError(Exception):
    """What stops the start: settings, files, models. Each argument is a fault, one line with its remedy."""

    def __str__(self) -> str:
        return "\n".join(map(str, self.args))
