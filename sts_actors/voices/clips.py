"""Recordings of speakers: what is fit to clone, as mono samples and as a file. Blocking."""

import hashlib
from pathlib import Path

import numpy as np

from sts_actors.audio.codecs import decode, sniff
from sts_actors.audio.pcm import downmix
from sts_actors.audio.wav import write_wav
from sts_actors.engines.ports import VoiceReference
from sts_actors.errors import ServiceError
from sts_actors.messages import AudioFormat, Container, Samples
from sts_actors.voices.profile import Clip

MIN_RATE_HZ = 16_000
MIN_S, MAX_S = 3.0, 30.0
MAX_BYTES = 32 * 1024 * 1024
"""More than 30 s of stereo take in 32-bit float at 96 kHz."""
SILENCE = 10 ** (-60 / 20)

_UNLABELLED = AudioFormat(container=Container.WAV, sample_rate_hz=MIN_RATE_HZ, channels=1)
"""Raw samples carry no rate of their own, so they are not taken."""
_FIT = f"give {MIN_S:.0f} to {MAX_S:.0f} s of one voice at {MIN_RATE_HZ // 1000} kHz or more"


class ClipError(Exception):
    """The recording is of no use; the message is a line without the file's name, with the remedy."""


def read_clip(path: Path) -> tuple[Samples, int]:
    """Mono samples `(frames,)` of a WAV, M4A or ADTS file, and their rate.

    Raises:
        ClipError: it is not there, cannot be decoded, or is not fit.
    """
    try:
        # Opening a pipe would wait for somebody to write into it.
        if not path.is_file():
            raise ClipError(
                f"there is no file {path}; correct the path, which starts at the folder of voices"
            )
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        told = getattr(error, "strerror", None) or error
        raise ClipError(f"cannot read {path}: {told}; correct the path or its permissions") from None
    if len(data) > MAX_BYTES:
        raise ClipError(f"{path} is longer than {MAX_BYTES} bytes; {_FIT}")
    if sniff(data) is None:
        raise ClipError(
            f"{path} is neither WAV, M4A nor ADTS; `sts-actors voices add` converts what it can read"
        )
    try:
        decoded = decode(data, _UNLABELLED)
    except ServiceError as error:
        raise ClipError(f"{path} is not fit: {error.message}; {_FIT}") from None
    samples = downmix(decoded.samples)
    check_clip(samples, decoded.sample_rate_hz, path)
    return samples, decoded.sample_rate_hz


def check_clip(samples: Samples, sample_rate_hz: int, path: Path) -> None:
    """Refuse mono samples that no voice can be cloned from.

    Raises:
        ClipError: below 16 kHz, shorter than 3 s or longer than 30 s, or silent.
    """
    seconds = samples.shape[0] / sample_rate_hz
    if sample_rate_hz < MIN_RATE_HZ:
        raise ClipError(f"{path} has a sample rate of {sample_rate_hz} Hz; {_FIT}")
    if not MIN_S <= seconds <= MAX_S:
        raise ClipError(f"{path} lasts {seconds:.2f} s; {_FIT}")
    if float(np.abs(samples).max()) < SILENCE:
        raise ClipError(f"{path} is silent; {_FIT}")


def keep_clip(samples: Samples, sample_rate_hz: int, folder: Path) -> Clip:
    """Write checked samples to a 16-bit WAV in `folder` that is named by its content.

    Raises:
        OSError: there is no room, or no permission.
    """
    data = write_wav(samples, sample_rate_hz)
    sha256 = hashlib.sha256(data).hexdigest()
    kept = folder / f"{sha256}.wav"
    if not kept.exists():
        partial = kept.with_suffix(".partial")
        partial.write_bytes(data)
        partial.replace(kept)
    return Clip(
        reference=VoiceReference(path=kept, sha256=sha256),
        sample_rate_hz=sample_rate_hz,
        duration_s=samples.shape[0] / sample_rate_hz,
    )
