"""Subtitles as a track of a container: cues out of a `.srt` file, one packet each."""

from __future__ import annotations

import html
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import cast

from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.subtitles.stream import SubtitleStream

from sts_actors.cli.srt import Cue, read_cues

MILLISECOND = Fraction(1, 1000)

# What the encoders of text ask for before they say how a track of it begins.
_HEADER = b"""[Script Info]
ScriptType: v4.00+
PlayResX: 384
PlayResY: 288

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, \
Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, \
MarginR, MarginV, Encoding
Style: Default,Arial,16,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,1

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""


def add_track(container: OutputContainer, codec: str, language: str) -> SubtitleStream:
    """A track for subtitles in an ISO 639-2 language."""
    stream = cast("SubtitleStream", container.add_stream(codec))
    stream.codec_context.subtitle_header = _HEADER
    stream.metadata["language"] = language
    return stream


def packets(stream: SubtitleStream, codec: str, srt: Path) -> Iterator[Packet[Stream]]:
    """The cues of a file, in their order."""
    with srt.open(encoding="utf-8") as lines:
        for cue in read_cues(lines):
            packet = Packet(encode(cue, codec))
            packet.stream = stream
            packet.time_base = MILLISECOND
            packet.pts = packet.dts = cue.start_ms
            packet.duration = cue.end_ms - cue.start_ms
            packet.is_keyframe = True
            yield packet


def encode(cue: Cue, codec: str) -> bytes:
    """A cue as the payload of a packet.

    By hand, because encoders read their input as ASS, in which braces and backslashes are orders.
    """
    if codec == "mov_text":
        text = cue.text.encode()
        return len(text).to_bytes(2, "big") + text
    return (html.escape(cue.text, quote=False) if codec == "webvtt" else cue.text).encode()
