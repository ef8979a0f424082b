"""Recordings in files: a voice to be cloned, in whatever format it lies there."""

from pathlib import Path

import av
import numpy as np

from sts_actors.audio.pcm import check_finite, downmix
from sts_actors.errors import ErrorCode, ServiceError
from sts_actors.messages import Samples

LONGEST_S = 120.0
"""More is not read: no voice needs it."""


def read_recording(path: Path) -> tuple[Samples, int]:
    """Mono samples in -1 … 1, shape `(frames,)`, and their rate in Hz; channels are downmixed.

    Raises:
        OSError: the file cannot be read.
        ServiceError: `INVALID_AUDIO_FORMAT`: it holds no sound that can be decoded.
    """
    pieces: list[Samples] = []
    frames = 0
    try:
        with av.open(str(path), metadata_errors="ignore") as container:
            if not container.streams.audio:
                raise ServiceError(ErrorCode.INVALID_AUDIO_FORMAT, f"{path.name} holds no sound")
            rate = container.streams.audio[0].rate
            resampler = av.AudioResampler(format="fltp", rate=rate)
            for frame in container.decode(audio=0):
                for plain in resampler.resample(frame):
                    pieces.append(plain.to_ndarray().T.astype(np.float32, copy=False))
                    frames += plain.samples
                if frames > LONGEST_S * rate:
                    break
    except av.FFmpegError as error:
        if isinstance(error, OSError) and not path.is_file():
            raise
        raise ServiceError(
            ErrorCode.INVALID_AUDIO_FORMAT, f"{path.name} cannot be decoded: {error.strerror}"
        ) from None
    if not frames:
        raise ServiceError(ErrorCode.INVALID_AUDIO_FORMAT, f"{path.name} holds no sound")
    samples = np.concatenate(pieces)
    check_finite(samples)
    return np.clip(downmix(samples), -1, 1), rate
