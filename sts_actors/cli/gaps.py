"""Sound by the clock of its container: where its times leap, silence is laid, so that it stays in step."""

from collections.abc import Iterable, Iterator
from fractions import Fraction

from av.audio.frame import AudioFrame

TOLERANCE_S = Fraction(1, 10)
"""Containers round their times, and some by many milliseconds: less than this is no gap."""


def without_gaps(frames: Iterable[AudioFrame], *, until_s: float) -> Iterator[AudioFrame]:
    """`frames`, and silence where they leave a gap; samples that overlap are left as they are.

    Args:
        frames: decoded, with their times.
        until_s: when the container ends; a time beyond it is a fault, and believed no more than one before.
    """
    due: Fraction | None = None
    for frame in frames:
        rate = frame.sample_rate
        if frame.pts is not None and frame.time_base is not None:
            time = frame.pts * frame.time_base
            if due is None:
                due = time
            elif time - due > TOLERANCE_S and time <= until_s:
                missing = round((time - due) * rate)
                due += Fraction(missing, rate)
                yield from _silence(frame, missing)
        if due is not None:
            due += Fraction(frame.samples, rate)
        yield frame


def _silence(like: AudioFrame, samples: int) -> Iterator[AudioFrame]:
    level = b"\x80" if like.format.name.startswith("u8") else b"\x00"
    while samples:
        # A second at a time: a gap may be long.
        now = min(samples, like.sample_rate)
        frame = AudioFrame(format=like.format.name, layout=like.layout.name, samples=now)
        frame.sample_rate = like.sample_rate
        for plane in frame.planes:
            plane.update(level * plane.buffer_size)
        yield frame
        samples -= now
