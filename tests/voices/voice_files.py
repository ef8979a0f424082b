"""Files of voices and recordings for the tests, made on the spot."""

import json

import numpy as np

from sts_actors.audio.wav import write_wav


def recording(path, *, hz=220.0, seconds=3.5, rate_hz=16_000, channels=1):
    """A tone with overtones as a WAV file."""
    times = np.arange(round(seconds * rate_hz)) / rate_hz
    tone = sum(0.2 / n * np.sin(2 * np.pi * hz * n * times) for n in (1, 2, 3)).astype(np.float32)
    path.write_bytes(write_wav(np.repeat(tone[:, None], channels, axis=1), rate_hz))
    return path


def write_voices(path, document):
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def flat(**voices):
    """The flat shape: `ana="es"` is a voice of that language with the recording `ana.wav`."""
    return {name: {"language": code, "reference_audio": f"{name}.wav"} for name, code in voices.items()}
