"""Audio files for the tests of the command line, made on the spot."""

import wave
from pathlib import Path

import av
import numpy as np


def tone(frames: int, channels: int = 1, *, rate: int = 16_000) -> np.ndarray:
    """A 440-Hz tone as int16, shape (frames, channels); the channels differ in level."""
    wave_ = np.sin(2 * np.pi * 440 * np.arange(frames) / rate)
    levels = np.linspace(0.5, 0.25, channels)
    return (wave_[:, None] * levels[None, :] * 32767).astype(np.int16)


def write_wav(path: Path, pcm: np.ndarray, rate: int = 16_000) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(pcm.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(pcm.tobytes())
    return path


def read_wav(path: Path) -> tuple[np.ndarray, int]:
    with wave.open(str(path), "rb") as file:
        data = np.frombuffer(file.readframes(file.getnframes()), dtype=np.int16)
        return data.reshape(-1, file.getnchannels()), file.getframerate()


def write_encoded(path: Path, codec: str, pcm: np.ndarray, rate: int) -> Path:
    """`pcm` through any encoder that PyAV has."""
    layout = {1: "mono", 2: "stereo", 6: "5.1"}[pcm.shape[1]]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        frame = av.AudioFrame.from_ndarray(pcm.reshape(1, -1), format="s16", layout=layout)
        frame.sample_rate = rate
        resampler = av.AudioResampler(format=stream.format.name, layout=layout, rate=rate)
        for ready in (*resampler.resample(frame), *resampler.resample(None)):
            container.mux(stream.encode(ready))
        container.mux(stream.encode(None))
    return path
