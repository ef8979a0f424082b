"""A dub as a track of a container: a WAV file, encoded as it is read."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import cast

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.codec import Codec
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Disposition, Stream

LAYOUTS = {1: "mono", 2: "stereo"}
BITS_PER_S = {1: 96_000, 2: 160_000}
USUAL_RATE_HZ = 48_000
TITLE = "Dub"


def add_track(
    container: OutputContainer, codec: str, language: str, wav: Path, *, default: bool
) -> AudioStream:
    """A track for the dub in `wav`, in an ISO 639-2 language."""
    with wave.open(str(wav), "rb") as file:
        rate, channels = file.getframerate(), file.getnchannels()
    rates = Codec(codec, "w").audio_rates
    encoded = rate if rates is None or rate in rates else USUAL_RATE_HZ
    stream = cast("AudioStream", container.add_stream(codec, rate=encoded, layout=LAYOUTS[channels]))
    stream.bit_rate = BITS_PER_S[channels]
    stream.metadata.update(language=language, title=TITLE)
    stream.disposition = Disposition.dub | (Disposition.default if default else Disposition(0))
    return stream


def packets(stream: AudioStream, wav: Path, start_s: float) -> Iterator[Packet[Stream]]:
    """The dub, a second at a time, with silence before it: not every player heeds a track that begins late.

    What would come before 0 is left out.
    """
    with wave.open(str(wav), "rb") as file:
        rate, channels = file.getframerate(), file.getnchannels()
        late = round(start_s * rate)
        file.setpos(min(max(-late, 0), file.getnframes()))
        position = 0
        while True:
            if position < late:
                pcm = np.zeros((min(late - position, rate), channels), dtype=np.int16)
            else:
                pcm = np.frombuffer(file.readframes(rate), dtype="<i2").reshape(-1, channels)
            if not len(pcm):
                break
            frame = AudioFrame.from_ndarray(pcm.reshape(1, -1), format="s16", layout=LAYOUTS[channels])
            frame.sample_rate = rate
            frame.pts, frame.time_base = position, Fraction(1, rate)
            position += len(pcm)
            yield from cast("list[Packet[Stream]]", stream.encode(frame))
        yield from cast("list[Packet[Stream]]", stream.encode(None))
