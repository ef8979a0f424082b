"""WAV (RIFF) read and written by hand, because workers stream it: sizes of 0, of 4 GiB, files cut short.

Source: Multimedia Programming Interface and Data Specifications 1.0 (RIFF, `WAVE_FORMAT_PCM`), and
Microsoft's `WAVEFORMATEXTENSIBLE`.
"""

import struct

import attrs
import numpy as np

from sts_actors.audio.limits import check_layout, check_length, invalid
from sts_actors.audio.pcm import check_finite, encode_s16le
from sts_actors.messages import Samples

_PCM, _FLOAT, _EXTENSIBLE = 0x0001, 0x0003, 0xFFFE
_SUBTYPE_TAIL = bytes.fromhex("000000001000800000aa00389b71")
_FMT = struct.Struct("<HHIIHH")
_EXTENSION_SIZE = 40
HEADER_BYTES = 28 + _FMT.size
_MAX_CHUNKS = 256
"""A file of nothing but tiny chunks must not keep a thread busy."""


@attrs.frozen(kw_only=True)
class WavLayout:
    """How a WAV file's samples are stored; `width` is bytes a sample."""

    is_float: bool
    sample_rate_hz: int
    channels: int
    width: int

    @property
    def frame_size(self) -> int:
        """Bytes a frame."""
        return self.width * self.channels


def read_wav(data: bytes) -> tuple[Samples, int]:
    """Samples `(frames, channels)`, not yet clipped to -1 … 1, and the sample rate.

    PCM of 8, 16, 24 and 32 bits and float of 32 and 64 are read, plain or extensible; chunks that are
    not needed are stepped over. A data chunk that claims 0 bytes, or more than there are, was streamed or
    cut short: it reaches to the end. A frame cut in two at the end is dropped.

    Raises:
        ServiceError: `INVALID_AUDIO_FORMAT`, naming what is wrong.
    """
    if data[8:12] != b"WAVE":
        raise invalid("a RIFF file, but not a WAVE one")
    layout: WavLayout | None = None
    position = 12
    for _ in range(_MAX_CHUNKS):
        name, size = data[position : position + 4], data[position + 4 : position + 8]
        if len(size) < 4:  # noqa: PLR2004 - the size field is 4 bytes
            raise invalid("the WAV file ends before its data chunk")
        length = int.from_bytes(size, "little")
        body = position + 8
        if name == b"fmt ":
            layout = _read_layout(data[body : body + min(length, _EXTENSION_SIZE)])
        elif name == b"data":
            if layout is None:
                raise invalid("the WAV file has no fmt chunk before its data")
            end = body + length if length else len(data)
            return _read_samples(memoryview(data)[body:end], layout), layout.sample_rate_hz
        position = body + length + length % 2
    raise invalid(f"the WAV file has no data chunk among its first {_MAX_CHUNKS}")


def write_wav(samples: Samples, sample_rate_hz: int) -> bytes:
    """A WAV file of 16-bit PCM; samples `(frames,)` or `(frames, channels)`.

    Raises:
        ServiceError: `INVALID_AUDIO_FORMAT` where a sample is NaN or infinite.
    """
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    body = encode_s16le(samples)
    return wav_header(len(body), sample_rate_hz=sample_rate_hz, channels=channels) + body


def wav_header(data_bytes: int, *, sample_rate_hz: int, channels: int) -> bytes:
    """What comes before so many bytes of 16-bit PCM: `HEADER_BYTES` of them."""
    layout = _FMT.pack(_PCM, channels, sample_rate_hz, sample_rate_hz * channels * 2, channels * 2, 16)
    return b"".join(
        (
            b"RIFF" + struct.pack("<I", HEADER_BYTES - 8 + data_bytes) + b"WAVE",
            b"fmt " + struct.pack("<I", len(layout)) + layout,
            b"data" + struct.pack("<I", data_bytes),
        )
    )


def _read_layout(chunk: bytes) -> WavLayout:
    if len(chunk) < _FMT.size:
        raise invalid("the WAV file's fmt chunk is too short")
    kind, channels, rate, _, block, bits = _FMT.unpack_from(chunk)
    if kind == _EXTENSIBLE:
        if len(chunk) < _EXTENSION_SIZE or chunk[26:40] != _SUBTYPE_TAIL:
            raise invalid("the WAV file's extensible format is of no known kind")
        kind = int.from_bytes(chunk[24:26], "little")
    check_layout(rate, channels)
    # Samples narrower than their box are left-justified in it, so the box is all that matters. Careless
    # writers leave its size 0.
    width = block // channels if block else -(-bits // 8)
    widths = {_PCM: (1, 2, 3, 4), _FLOAT: (4, 8)}.get(kind)
    if widths is None:
        raise invalid(f"WAV codec 0x{kind:04x} is not served: only PCM and float are")
    if width not in widths or block not in (0, width * channels) or not 0 < bits <= 8 * width:
        raise invalid(
            f"a WAV file of {bits} bits in {block}-byte frames of {channels} channels makes no sense"
        )
    return WavLayout(is_float=kind == _FLOAT, sample_rate_hz=rate, channels=channels, width=width)


def _read_samples(body: memoryview, layout: WavLayout) -> Samples:
    frames = len(body) // layout.frame_size
    check_length(frames, layout.sample_rate_hz)
    body = body[: frames * layout.frame_size]
    if layout.is_float:
        samples = _read_float(body, layout.width)
    elif layout.width == 1:
        samples = (np.frombuffer(body, dtype=np.uint8).astype(np.float32) - np.float32(128)) / np.float32(128)
    elif layout.width == 3:  # noqa: PLR2004 - the odd one out: numpy has no 24-bit integers
        boxes = np.zeros((frames * layout.channels, 4), dtype=np.uint8)
        boxes[:, 1:] = np.frombuffer(body, dtype=np.uint8).reshape(-1, 3)
        samples = boxes.view("<i4")[:, 0].astype(np.float32) / np.float32(2**31)
    else:
        full_scale = np.float32(2 ** (8 * layout.width - 1))
        samples = np.frombuffer(body, dtype=f"<i{layout.width}").astype(np.float32) / full_scale
    return samples.reshape(frames, layout.channels)


def _read_float(body: memoryview, width: int) -> Samples:
    values = np.frombuffer(body, dtype=f"<f{width}")
    check_finite(values)
    if width == 4:  # noqa: PLR2004 - bytes of a float32
        return values.astype(np.float32)
    # A double may lie outside what a float32 holds.
    bounded: Samples = np.clip(values, -(2.0**64), 2.0**64).astype(np.float32)
    return bounded
