"""Reading: any file that PyAV decodes, as int16 samples at the file's own rate, cut into fragments."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import cast

import attrs
import av
import av.container
import av.error
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.stream import VideoStream
from numpy.typing import NDArray

from sts_actors.cli.errors import CommandError
from sts_actors.cli.gaps import without_gaps
from sts_actors.cli.plain import one_line

Pcm = NDArray[np.int16]
"""Shape `(frames, channels)`."""

MIN_RATE_HZ, MAX_RATE_HZ = 8_000, 96_000
MAX_CHANNELS = 2
"""What the wire takes; anything else is resampled or mixed down."""

MICROSECONDS = 1_000_000
PLAIN_TEXT = "tty"
"""FFmpeg shows it as a picture of its letters."""


@attrs.define(eq=False)
class AudioFile:
    """An open audio file; blocking, so iterate in a thread.

    Attributes:
        sample_rate_hz: of the samples that `blocks` delivers, as is `channels`.
        estimated_s: what the container says of the length, or None; only decoding tells it exactly.
        blocks: the samples, in pieces of any size.
        damaged_packets: how many did not decode and were left out so far.
        has_picture: whether there is a video track; the cover of a record is none.
        start_s: when the sound begins, from the moment at which the first of all tracks does. With a picture,
            gaps in the sound are silence, so that it stays in step.
    """

    sample_rate_hz: int = 0
    channels: int = 0
    estimated_s: float | None = None
    blocks: Iterator[Pcm] = attrs.field(factory=lambda: iter(()), repr=False)
    damaged_packets: int = 0
    has_picture: bool = False
    start_s: float = 0.0


@contextmanager
def open_audio(path: Path, track: int = 1) -> Iterator[AudioFile]:
    """Open an audio track of a file, counted from 1.

    Raises:
        CommandError: the file is missing, unreadable, not audio, has no such track, or no sound in it.
    """
    with closing(open_container(path)) as container:
        stream = _choose(container, track, path)
        file = AudioFile(has_picture=bool(pictures(container)))
        frames = _decode(container, stream, file)
        if file.has_picture:
            frames = without_gaps(frames, until_s=_end_s(container))
        # The first frame, not the header, tells the true rate: an HE-AAC header names half of it.
        first = next(frames, None)
        if first is None:
            raise (
                _undecodable(path, file)
                if file.damaged_packets
                else CommandError(f"{path} has no sound in it")
            )
        if file.has_picture and first.pts is not None and first.time_base is not None:
            file.start_s = float(first.pts * first.time_base - origin_s(container))
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


def open_container(path: Path) -> av.container.InputContainer:
    """Open any file that PyAV knows.

    Raises:
        CommandError: it is missing, empty, unreadable, or of no kind that is known.
    """
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


def pictures(container: av.container.InputContainer) -> list[VideoStream]:
    """The video tracks, without the covers of records."""
    if container.format.name == PLAIN_TEXT:
        return []
    return [
        stream for stream in container.streams.video if Disposition.attached_pic not in stream.disposition
    ]


def origin_s(container: av.container.InputContainer) -> Fraction:
    """When the first track begins, on the container's clock: 0 but in broadcasts and cuttings from them.

    What lies before 0 is a codec's running-up, and not played.
    """
    return Fraction(max(container.start_time or 0, 0), MICROSECONDS)


def _end_s(container: av.container.InputContainer) -> float:
    if container.duration is None:
        return 0.0
    return float(origin_s(container) + Fraction(container.duration, MICROSECONDS))


def _choose(container: av.container.InputContainer, track: int, path: Path) -> AudioStream:
    tracks = container.streams.audio
    if not tracks:
        raise (
            CommandError(f"{path} has no audio track: there is nothing to dub")
            if pictures(container)
            else _not_audio(path)
        )
    if not 1 <= track <= len(tracks):
        named = ", ".join(
            f"{number} ({one_line(stream.language or 'no language')})"
            for number, stream in enumerate(tracks, 1)
        )
        raise CommandError(f"{path} has no audio track {track}: it has {named}")
    chosen = tracks[track - 1]
    if chosen.codec_context is None:
        raise CommandError(f"{path}: its sound is encrypted or of a kind that cannot be decoded")
    return chosen


def _undecodable(path: Path, file: AudioFile) -> CommandError:
    if file.has_picture:
        return CommandError(f"{path}: its sound cannot be decoded: it is encrypted or damaged")
    return _not_audio(path)


def demuxed(
    container: av.container.InputContainer,
    streams: list[Stream],
    cut_short: Callable[[], None] = lambda: None,
) -> Iterator[Packet[Stream]]:
    """The packets of some tracks; of a file that breaks off, which is told, those before."""
    packets = container.demux(streams)
    while True:
        try:
            packet = next(packets, None)
        except av.error.FFmpegError:
            cut_short()
            return
        if packet is None:
            return
        yield packet


def _decode(
    container: av.container.InputContainer, stream: AudioStream, file: AudioFile
) -> Iterator[AudioFrame]:
    def cut_short() -> None:
        file.damaged_packets += 1

    for packet in demuxed(container, [stream], cut_short):
        try:
            decoded = cast("list[AudioFrame]", packet.decode())
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
