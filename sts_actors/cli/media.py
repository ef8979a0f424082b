"""Reading: any file that PyAV decodes, as int16 samples at the file's own rate, a fragment at a time."""

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import attrs
import av
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


@attrs.frozen(kw_only=True)
class AudioInfo:
    """The layout that `AudioFile.blocks` delivers.

    `estimated_s` is what the container says of the length, or None; only decoding tells it exactly.
    """

    sample_rate_hz: int
    channels: int
    estimated_s: float | None


class AudioFile:
    """An open audio file. A context manager; blocking, so read it in a thread.

    Args:
        path: any file with at least one audio track; the first one is read.

    Raises:
        CommandError: the file is missing, unreadable, not audio, or empty.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.damaged_packets = 0
        """Packets that did not decode and were left out so far."""
        try:
            self._container = av.open(str(path))
        except OSError as error:
            raise CommandError(f"cannot read {path}: {error.strerror or error}") from None
        except av.error.FFmpegError:
            raise self._not_audio() from None
        try:
            if not self._container.streams.audio:
                raise CommandError(f"{path} has no audio track: give a file with sound")
            self._stream = self._container.streams.audio[0]
            self._frames = self._decode()
            # The first frame, not the header, tells the true rate: HE-AAC headers name half of it.
            self._first = next(self._frames, None)
            if self._first is None:
                raise self._not_audio() if self.damaged_packets else CommandError(f"{path} has no sound in it")
        except BaseException:  # pragma: no cover - see below
            # Not caught: only closed on the way out, whatever goes by.
            self._container.close()
            raise
        self.info = AudioInfo(
            sample_rate_hz=min(max(self._first.sample_rate, MIN_RATE_HZ), MAX_RATE_HZ),
            channels=min(self._first.layout.nb_channels, MAX_CHANNELS),
            estimated_s=self._container.duration / av.time_base if self._container.duration else None,
        )
