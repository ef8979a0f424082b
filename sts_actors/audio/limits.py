"""What audio the service takes and how far it is stretched, and the one error for all it does not take."""

from sts_actors.errors import ErrorCode, ServiceError

MIN_RATE_HZ = 8_000
MAX_RATE_HZ = 96_000
MAX_CHANNELS = 2
MAX_DURATION_S = 31
"""Thirty seconds, and what a codec's packets add to them."""
MIN_TEMPO = 0.8
MAX_TEMPO = 1.2


def invalid(message: str) -> ServiceError:
    """An `INVALID_AUDIO_FORMAT` with this message."""
    return ServiceError(ErrorCode.INVALID_AUDIO_FORMAT, message)


def check_layout(sample_rate_hz: int, channels: int) -> None:
    """Refuse rates outside 8 to 96 kHz and more than two channels.

    Raises:
        ServiceError: `INVALID_AUDIO_FORMAT`.
    """
    if not MIN_RATE_HZ <= sample_rate_hz <= MAX_RATE_HZ:
        raise invalid(f"sample rate {sample_rate_hz} Hz is not within {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz")
    if not 1 <= channels <= MAX_CHANNELS:
        raise invalid(f"{channels} channels: only 1 or 2 are served")


def check_length(frames: int, sample_rate_hz: int) -> None:
    """Refuse what is empty or longer than 31 s.

    Raises:
        ServiceError: `INVALID_AUDIO_FORMAT`.
    """
    if frames <= 0:
        raise invalid("the audio is empty")
    if frames > MAX_DURATION_S * sample_rate_hz:
        raise invalid(f"{frames / sample_rate_hz:.1f} s of audio: at most {MAX_DURATION_S} s are taken")
