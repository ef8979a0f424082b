"""A dub and the picture that it belongs to, brought together in one file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from fractions import Fraction
from heapq import merge
from pathlib import Path

import attrs
import av
import av.error
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Disposition, Stream

from sts_actors.cli.errors import CommandError
from sts_actors.cli.media import open_container, origin_s, pictures
from sts_actors.cli.output import unwritable
from sts_actors.cli.picture import dub_track, soft_subtitles
from sts_actors.cli.picture.containers import Kind, kind_of
from sts_actors.cli.picture.copying import add_copy, copied

BEFORE_ALL = float("-inf")
STEP_S = 5.0
"""Some hundredths of a second's work."""


@attrs.frozen(kw_only=True)
class Dubbed:
    """A dub in one language: its sound and what is read with it."""

    language: str
    wav: Path
    srt: Path


@attrs.frozen(kw_only=True)
class Muxing:
    """What goes into `output`.

    Args:
        source: the picture, and the original sound.
        output: the file to write; its name tells the kind of container.
        dubs: the first is the one that plays unless another is chosen.
        source_language: that of the dubbed track.
        source_srt: what is said in it.
        audio_track: which one was dubbed, counted from 1.
        start_s: when its sound begins.
        replace_audio: leave it out.
        subtitles: add them as tracks, too.
    """

    source: Path
    output: Path
    dubs: tuple[Dubbed, ...]
    source_language: str
    source_srt: Path
    audio_track: int = 1
    start_s: float = 0.0
    replace_audio: bool = False
    subtitles: bool = True

    def steps(self) -> Iterator[float]:
        """Write the file; yields how far it is, in seconds, every `STEP_S` of it. Blocking.

        Raises:
            CommandError: the picture does not go into such a file, or it cannot be written.
        """
        try:
            with ExitStack() as files:
                source = files.enter_context(closing(open_container(self.source)))
                kind = kind_of(self.output)
                output = files.enter_context(av.open(str(self.output), "w", format=kind.format))
                packets = self._packets(source, output, kind)
                output.start_encoding()
                told = 0.0
                for at_s, packet in packets:
                    output.mux_one(packet)
                    if at_s >= told + STEP_S:
                        told = at_s
                        yield told
        except (ValueError, av.error.ArgumentError, av.error.InvalidDataError) as error:
            raise self._misfit(error) from None
        except OSError as error:
            raise unwritable(error, self.output) from None

    def left_out(self) -> tuple[str, ...]:
        """What of the source does not go into the file, in words."""
        with closing(open_container(self.source)) as source:
            kept = {stream.index for stream in self._kept(source)}
            kept |= {source.streams.audio[self.audio_track - 1].index} if self.replace_audio else set()
            return tuple(
                f"{stream.type} track {stream.index}" for stream in source.streams if stream.index not in kept
            )

    def _kept(self, source: InputContainer) -> list[Stream]:
        audio = list(source.streams.audio)
        if self.replace_audio:
            del audio[self.audio_track - 1]
        # Subtitles are written otherwise in each kind of container.
        alike = kind_of(self.output).format in source.format.name.split(",")
        return [*pictures(source), *audio, *(source.streams.subtitles if alike else ())]

    def _packets(
        self, source: InputContainer, output: OutputContainer, kind: Kind
    ) -> Iterator[tuple[float, Packet[Stream]]]:
        output.metadata.update(source.metadata)
        kept = self._kept(source)
        copies = self._copies(output, kind, source, [s for s in kept if s.type != "subtitle"])
        dubs = [
            dub_track.add_track(output, kind.audio, kind.language(dub.language), dub.wav, default=not nth)
            for nth, dub in enumerate(self.dubs)
        ]
        copies |= self._copies(output, kind, source, [s for s in kept if s.type == "subtitle"])
        read = [(dub.language, dub.srt) for dub in self.dubs]
        read.append((self.source_language, self.source_srt))
        texts = [
            (soft_subtitles.add_track(output, kind.subtitles, kind.language(language)), srt)
            for language, srt in read
            if self.subtitles
        ]
        output.set_chapters(source.chapters())
        return merge(
            _timed(copied(source, copies, origin_s(source))),
            *(
                _timed(dub_track.packets(stream, dub.wav, self.start_s))
                for stream, dub in zip(dubs, self.dubs, strict=True)
            ),
            *(_timed(soft_subtitles.packets(stream, kind.subtitles, srt)) for stream, srt in texts),
            key=lambda timed: timed[0],
        )

    def _copies(
        self, output: OutputContainer, kind: Kind, source: InputContainer, streams: list[Stream]
    ) -> dict[int, Stream]:
        copies = {}
        for stream in streams:
            copies[stream.index] = copy = add_copy(output, stream)
            if stream.type != "audio":
                continue
            # One of them plays by itself: the dub.
            copy.disposition &= ~Disposition.default
            if stream.index == source.streams.audio[self.audio_track - 1].index:
                copy.disposition |= Disposition.original
                if stream.language in {None, "und"}:
                    copy.metadata["language"] = kind.language(self.source_language)
        return copies

    def _misfit(self, error: Exception) -> CommandError:
        why = getattr(error, "strerror", None) or str(error)
        return CommandError(
            f"what is in {self.source} does not go into {self.output.name} as it is ({why}): "
            "name an OUTPUT that ends in .mkv"
        )


def _timed(packets: Iterator[Packet[Stream]]) -> Iterator[tuple[float, Packet[Stream]]]:
    for packet in packets:
        yield (BEFORE_ALL if packet.dts is None else float(packet.dts * Fraction(packet.time_base))), packet
