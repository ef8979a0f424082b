"""Audio bytes in and out, whatever the label says."""

import attrs
import numpy as np

from sts_actors.audio.aac import decode_aac, encode_aac
from sts_actors.audio.adts import looks_like_adts
from sts_actors.audio.limits import check_layout, check_length, invalid
from sts_actors.audio.pcm import decode_f32le, decode_s16le, encode_f32le, encode_s16le, spread
from sts_actors.audio.wav import read_wav, write_wav
from sts_actors.messages import AudioFormat, Container, Samples

MAX_AAC_BYTES_PER_S = 6144 // 8 * 48_000 // 1024
"""For one channel: the format itself allows no more (6,144 bits for 1,024 samples, at 48 kHz)."""
CONTAINER_BYTES = 4096
"""More than any head that we write."""


@attrs.frozen(kw_only=True)
class Decoded:
    """Samples in -1 … 1, shape `(frames, channels)`; `container` is what the bytes really were."""

    samples: Samples = attrs.field(repr=False, eq=False)
    sample_rate_hz: int
    channels: int
    container: Container


def sniff(data: bytes) -> Container | None:
    """What the bytes themselves say they are; None for raw samples, which say nothing.

    `RIFF` is WAV, `ftyp` at byte 4 is M4A, an unbroken chain of ADTS headers is ADTS.
    """
    if data[:4] == b"RIFF":
        return Container.WAV
    if data[4:8] == b"ftyp":
        return Container.M4A
    if looks_like_adts(data):
        return Container.ADTS
    return None


def decode(data: bytes, label: AudioFormat) -> Decoded:
    """Decode one fragment; `label` matters only for raw samples, all else carries its own layout.

    Values outside -1 … 1, which float formats and AAC can hold, are clipped.

    Raises:
        ServiceError: `INVALID_AUDIO_FORMAT`, with one line that says what is wrong: undecodable, empty,
            longer than 31 s, outside 8 to 96 kHz, more than two channels, NaN or infinite samples.
    """
    found = sniff(data)
    match found:
        case Container.WAV:
            samples, rate = read_wav(data)
        case Container.ADTS | Container.M4A:
            samples, rate = decode_aac(data, found)
        case _:
            samples, rate = _decode_raw(data, label), label.sample_rate_hz
    return Decoded(
        samples=np.clip(samples, -1, 1),
        sample_rate_hz=rate,
        channels=samples.shape[1],
        container=found or label.container,
    )


def encode(samples: Samples, layout: AudioFormat) -> bytes:
    """Mono `samples` `(frames,)` at the layout's rate, as bytes; each channel gets the same.

    WAV is 16-bit PCM. Raw and WAV hold exactly the frames given, M4A too; ADTS whole packets
    (see `sts_actors.audio.aac`).

    Raises:
        ServiceError: `INVALID_AUDIO_FORMAT` where a sample is NaN or infinite, or the layout cannot be
            had (AAC knows twelve sample rates).
    """
    check_layout(layout.sample_rate_hz, layout.channels)
    match layout.container:
        case Container.PCM_S16LE:
            return encode_s16le(spread(samples, layout.channels))
        case Container.PCM_F32LE:
            return encode_f32le(spread(samples, layout.channels))
        case Container.WAV:
            return write_wav(spread(samples, layout.channels), layout.sample_rate_hz)
        case Container.M4A | Container.ADTS:
            return encode_aac(samples, layout.container, layout.sample_rate_hz, layout.channels)


def encoded_bytes(frames: int, layout: AudioFormat) -> int:
    """How many bytes `encode` makes of so many frames, at the most; for AAC by its highest bit rate."""
    width = 4 if layout.container is Container.PCM_F32LE else 2
    if layout.container in {Container.M4A, Container.ADTS}:
        return round(frames / layout.sample_rate_hz * MAX_AAC_BYTES_PER_S * layout.channels) + CONTAINER_BYTES
    return frames * layout.channels * width + CONTAINER_BYTES


def _decode_raw(data: bytes, label: AudioFormat) -> Samples:
    check_layout(label.sample_rate_hz, label.channels)
    match label.container:
        case Container.PCM_S16LE:
            frame_size, read = 2 * label.channels, decode_s16le
        case Container.PCM_F32LE:
            frame_size, read = 4 * label.channels, decode_f32le
        case _:
            raise invalid(f"labelled {label.container}, but the bytes are neither WAV, M4A nor ADTS")
    check_length(-(-len(data) // frame_size), label.sample_rate_hz)
    return read(data, label.channels)
