"""Reading: any file that PyAV decodes, as int16 samples at the file's own rate, cut into fragments."""

from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from itertools import chain
from pathlib import Path

import attrs
import av
import av.container
import av.error
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray

from sts_actors.cli.errors import CommandError

Pcm = NDArray[np.int16]
"""Shape `(frames, channels)`."""

MIN_RATE_HZ, MAX_RATE_HZ = 8_000, 96_000
MAX_CHANNELS = 2
"""What the wire takes; anything else is resampled or mixed down."""

MICROSECONDS = 1_000_000


@attrs.define(eq=False)
class AudioFile:
    """An open audio file; blocking, so iterate in a thread.

    Attributes:
        sample_rate_hz: of the samples that `blocks` delivers, as is `channels`.
        estimated_s: what the container says of the length, or None; only decoding tells it exactly.
        blocks: the samples, in pieces of any size.
        damaged_packets: how many did not decode and were left out so far.
    """

    sample_rate_hz: int = 0
    channels: int = 0
    estimated_s: float | None = None
    blocks: Iterator[Pcm] = attrs.field(factory=lambda: iter(()), repr=False)
    damaged_packets: int = 0


@contextmanager
def open_audio(path: Path) -> Iterator[AudioFile]:
    """Open the first audio track of a file.

    Raises:
        CommandError: the file is missing, unreadable, not audio, or has no sound in it.
    """
    with closing(_open_container(path)) as container:
        if not container.streams.audio:
            raise _not_audio(path)
        file = AudioFile()
        frames = _decode(container, file)
        # The first frame, not the header, tells the true rate: an HE-AAC header names half of it.
        first = next(frames, None)
        if first is None:
            raise _not_audio(path) if file.damaged_packets else CommandError(f"{path} has no sound in it")
        file.sample_rate_hz = min(max(first.sample_rate, MIN_RATE_HZ), MAX_RATE_HZ)
        file.channels = min(first.layout.nb_channels, MAX_CHANNELS)
        file.estimated_s = container.duration / MICROSECONDS if container.duration else None
        file.blocks = _convert(chain((first,), frames), file.sample_rate_hz, file.channels)
        yield file


def cut(blocks: Iterable[Pcm], frames: int, shortest: int = 0) -> Iterator[Pcm]:
    """Cut samples into fragments of `frames`; joined again they equal the input.

    A rest of fewer than `shortest` frames stays with the last fragment: a snippet gives the
    recogniser nothing to go by.
    """
    held: list[Pcm] = []
    count = 0
    for block in blocks:
        held.append(block)
        count += len(block)
        if count < frames + shortest:
            continue
        joined = np.concatenate(held)
        while len(joined) >= frames + max(shortest, 1):
            yield joined[:frames]
            joined = joined[frames:]
        held, count = [joined], len(joined)
    if count:
        yield np.concatenate(held)


def _open_container(path: Path) -> av.container.InputContainer:
    if path.is_file() and path.stat().st_size == 0:
        raise CommandError(f"{path} is empty: give a file with sound")
    try:
        return av.open(str(path))
    except OSError as error:
        raise CommandError(f"cannot read {path}: {error.strerror or error}") from None
    except av.error.FFmpegError:
        raise _not_audio(path) from None


def _not_audio(path: Path) -> CommandError:
    return CommandError(
        f"{path} is not an audio file: give a WAV, FLAC, MP3, M4A or any other file with sound"
    )


def _decode(container: av.container.InputContainer, file: AudioFile) -> Iterator[AudioFrame]:
    packets = container.demux(container.streams.audio[0])
    while True:
        try:
            packet = next(packets, None)
        except av.error.FFmpegError:
            # A file cut short: what was read so far stands.
            file.damaged_packets += 1
            return
        if packet is None:
            return
        try:
            decoded = packet.decode()
        except av.error.FFmpegError:
            # As players do: one damaged packet costs its own few milliseconds, not the file.
            file.damaged_packets += 1
            continue
        yield from (frame for frame in decoded if frame.samples)


def _convert(frames: Iterable[AudioFrame], rate_hz: int, channels: int) -> Iterator[Pcm]:
    """Frames of any layout as int16; a track may change its layout half-way, as broadcasts do."""
    resampler, known = None, None
    for frame in frames:
        layout = (frame.format.name, frame.layout.name, frame.sample_rate)
        if resampler is None or layout != known:
            if resampler is not None:
                yield from _arrays(resampler.resample(None), channels)
            resampler = AudioResampler(
                format="s16", layout="stereo" if channels == MAX_CHANNELS else "mono", rate=rate_hz
            )
            known = layout
        # Only the order counts here: a gap in the timestamps is no reason to invent samples.
        frame.pts = None
        yield from _arrays(resampler.resample(frame), channels)
    if resampler is not None:
        yield from _arrays(resampler.resample(None), channels)


def _arrays(frames: Iterable[AudioFrame], channels: int) -> Iterator[Pcm]:
    for frame in frames:
        # Packed samples: one row, channels interleaved.
        yield frame.to_ndarray().astype(np.int16, copy=False).reshape(-1, channels)
