"""Videos for the tests of the command line, made on the spot: a picture, and sound that begins when told."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

CODECS = {
    ".mp4": ("libx264", "aac"),
    ".mov": ("libx264", "aac"),
    ".mkv": ("libx264", "aac"),
    ".webm": ("libvpx", "libopus"),
}
FPS = 25
RATE = 48_000


def clicks(seconds: float, rate: int = RATE) -> np.ndarray:
    """A quiet tone, and every half second 10 ms of a loud one; mono, -1 … 1."""
    times = np.arange(round(seconds * rate)) / rate
    loud = (times + 0.25) % 0.5 < 0.01
    return ((0.02 + 0.7 * loud) * np.sin(2 * np.pi * 1000 * times)).astype(np.float32)


def write_video(
    path: Path,
    *,
    seconds: float = 3.0,
    starts: tuple[float, ...] = (0.0,),
    gap: tuple[float, float] | None = None,
    begin: float = 0.0,
    languages: tuple[str, ...] = (),
    picture: bool = True,
) -> Path:
    """A picture of `seconds`, and for each of `starts` an audio track that begins then and ends with it.

    `gap`: from when to when, in seconds of the video, packets are missing. `begin`: when it all begins.
    """
    video_codec, audio_codec = CODECS[path.suffix]
    rate = RATE
    with av.open(str(path), "w") as container:
        packets = []
        if picture:
            video = container.add_stream(video_codec, rate=FPS)
            video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
            video.time_base = video.codec_context.time_base = Fraction(1, FPS)
        tracks = [container.add_stream(audio_codec, rate=rate, layout="mono") for _ in starts]
        for track, language in zip(tracks, languages, strict=False):
            track.metadata["language"] = language
        for number in range(round(seconds * FPS) if picture else 0):
            levels = np.add.outer(np.arange(48) * 3, np.arange(64) * 2 + number * 5) % 256
            frame = av.VideoFrame.from_ndarray(np.repeat(levels[:, :, None], 3, 2).astype(np.uint8), "rgb24")
            frame.pts, frame.time_base = number + round(begin * FPS), Fraction(1, FPS)
            packets += video.encode(frame)
        packets += video.encode(None) if picture else []
        for track, start in zip(tracks, starts, strict=True):
            frame = av.AudioFrame.from_ndarray(clicks(seconds)[None, round(start * rate) :], "fltp", "mono")
            frame.sample_rate = rate
            frame.pts, frame.time_base = round((start + begin) * rate), Fraction(1, rate)
            for ready in track.encode(frame) + track.encode(None):
                at = ready.pts * ready.time_base
                if gap is None or not gap[0] <= at < gap[1]:
                    packets.append(ready)
        packets.sort(key=lambda packet: (packet.pts if packet.dts is None else packet.dts) * packet.time_base)
        for packet in packets:
            container.mux(packet)
    return path


def picture_packets(path: Path) -> list[tuple[bytes, Fraction, bool]]:
    """The packets of the video track: what is in them, when they are shown, whether one may begin there."""
    with av.open(str(path)) as container:
        return [
            (bytes(packet), packet.pts * packet.time_base, packet.is_keyframe)
            for packet in container.demux(container.streams.video[0])
            if packet.size
        ]


def audio_packets(path: Path, track: int = 0) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(container.streams.audio[track]) if packet.size]


def sound(path: Path, track: int = 0) -> tuple[np.ndarray, float]:
    """An audio track, mono at `RATE`, and when its first sample is heard."""
    with av.open(str(path)) as container:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
        start, heard = None, []
        for frame in container.decode(container.streams.audio[track]):
            if start is None:
                start = frame.time
            heard += [ready.to_ndarray().reshape(-1) for ready in resampler.resample(frame)]
        heard += [ready.to_ndarray().reshape(-1) for ready in resampler.resample(None)]
    return np.concatenate(heard), float(start)


def onsets(samples: np.ndarray, start: float) -> list[float]:
    """When each loud moment begins, in seconds of the video."""
    loud = np.flatnonzero(np.abs(samples) > 0.3)
    first = loud[np.diff(loud, prepend=-RATE) > RATE // 10]
    return [start + at / RATE for at in first]


def cues(path: Path, track: int) -> list[tuple[float, float, str]]:
    """What stands in a subtitle track: from when, until when, what."""
    with av.open(str(path)) as container:
        stream = container.streams.subtitles[track]
        mov_text = stream.codec_context.name == "mov_text"
        return [
            (
                float(packet.pts * packet.time_base),
                float((packet.pts + packet.duration) * packet.time_base),
                (bytes(packet)[2:] if mov_text else bytes(packet)).decode(),
            )
            for packet in container.demux(stream)
            if packet.size > 2 * mov_text
        ]
