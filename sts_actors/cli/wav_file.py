"""A WAV file that grows: its header is right after each addition, and it may be opened again to go on."""

from pathlib import Path

from sts_actors.audio.wav import HEADER_BYTES, wav_header
from sts_actors.cli.media import Pcm

BYTES_PER_SAMPLE = 2
MAX_DATA_BYTES = 2**32 - 1024
"""A WAV file counts its bytes in 32 bits."""


class WavFile:
    """16-bit PCM in `path`, which is cut to its first `frames`, or begun where that is 0.

    Raises:
        OSError: it cannot be written, or has fewer frames.
    """

    def __init__(self, path: Path, *, sample_rate_hz: int, channels: int, frames: int = 0) -> None:
        self.frames = frames
        self._rate_hz = sample_rate_hz
        self._frame_bytes = channels * BYTES_PER_SAMPLE
        self._file = path.open("r+b" if frames else "wb", buffering=0)
        if frames and self._file.seek(0, 2) < self._end():
            self._file.close()
            raise OSError(f"{path} has lost its end")
        self._file.truncate(self._end() if frames else 0)
        self._write(0, self._header())

    def append(self, pcm: Pcm) -> None:
        """Add samples, shape `(frames, channels)`.

        Raises:
            OSError: they cannot be written.
        """
        self._write(self._end(), pcm.astype("<i2", copy=False).tobytes())
        self.frames += len(pcm)
        self._write(0, self._header())

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def _end(self) -> int:
        return HEADER_BYTES + self.frames * self._frame_bytes

    def _header(self) -> bytes:
        return wav_header(
            self.frames * self._frame_bytes,
            sample_rate_hz=self._rate_hz,
            channels=self._frame_bytes // BYTES_PER_SAMPLE,
        )

    def _write(self, at: int, data: bytes) -> None:
        self._file.seek(at)
        left = memoryview(data)
        while left:
            # An unbuffered file may take less than it is given.
            left = left[self._file.write(left) :]
