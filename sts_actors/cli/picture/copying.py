"""Tracks out of one container into another as they are: packets, and never a picture or a sound anew."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction

from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream

from sts_actors.cli.media import demuxed


def add_copy(container: OutputContainer, source: Stream) -> Stream:
    """A track that takes the packets of `source`.

    Raises:
        ValueError: the container does not take what it is made of.
    """
    copy = container.add_stream_from_template(source)
    if source.time_base is not None:
        copy.time_base = source.time_base
    copy.metadata.update(source.metadata)
    copy.disposition = source.disposition
    return copy


def copied(
    container: InputContainer, copies: Mapping[int, Stream], origin_s: Fraction
) -> Iterator[Packet[Stream]]:
    """The packets of the tracks in `copies`, each for its copy, with their times counted from `origin_s`.

    A file that is cut short ends early.
    """
    for packet in demuxed(container, [container.streams[index] for index in copies]):
        # The last of each track is empty: it is for decoders.
        if not packet.size:
            continue
        late = round(origin_s / packet.time_base)
        # Matroska does not keep it, and of a track's first packets it is not known: the writer finds it.
        packet.dts = packet.dts - late if packet.dts is not None else None
        packet.pts = packet.pts - late if packet.pts is not None else None
        packet.stream = copies[packet.stream.index]
        yield packet
