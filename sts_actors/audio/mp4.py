"""The little that has to be known of MP4 boxes: to refuse bombs, and to put the index first.

Source: ISO/IEC 14496-12, 4.2 (boxes) and 8.7 (sample tables).
"""

import re
from collections.abc import Iterator

import attrs

from sts_actors.audio.limits import invalid

_TABLES = re.compile(rb"stts|ctts|stsc|stco|co64|stss|stsz|stz2|elst|trun|sbgp")
_COUNT_LATER = (b"stsz", b"stz2", b"sbgp")
"""These have one more field before the number of entries."""
_MAX_ENTRIES = 10_000
"""31 s of the shortest AAC packets (480 samples at 96 kHz) are 6,200."""


@attrs.frozen(kw_only=True)
class Box:
    """A top-level box: `data[start:end]`, its header included."""

    kind: bytes
    start: int
    end: int


def boxes(data: bytes) -> Iterator[Box]:
    """The top-level boxes in order, the last one cut where the data ends."""
    position = 0
    while position + 8 <= len(data):
        size = int.from_bytes(data[position : position + 4], "big")
        kind = data[position + 4 : position + 8]
        if size == 1:
            size = int.from_bytes(data[position + 8 : position + 16], "big")
        elif size == 0:
            size = len(data) - position
        size = max(size, 8)
        yield Box(kind=kind, start=position, end=min(position + size, len(data)))
        position += size


def refuse_bombs(data: bytes) -> None:
    """Refuse files whose tables claim more packets than 31 s can have, or are compressed.

    A demuxer allocates an index entry for each packet that a table claims: a file of 1 KB may ask for
    2 GB. The names are looked for in every box but the media itself, not by walking down, because what a
    demuxer takes for nested differs from one to the next.

    Raises:
        ServiceError: `INVALID_AUDIO_FORMAT`.
    """
    for count, box in enumerate(boxes(data)):
        if count > _MAX_ENTRIES:
            raise invalid("the M4A file has far more boxes than 31 s of audio need")
        if box.kind == b"mdat":
            continue
        content = data[box.start : box.end]
        if b"cmov" in content:
            raise invalid("M4A with a compressed index is not served")
        for table in _TABLES.finditer(content):
            at = table.end() + (8 if table.group() in _COUNT_LATER else 4)
            if int.from_bytes(content[at : at + 4], "big") > _MAX_ENTRIES:
                raise invalid("the M4A file's index claims far more than 31 s of audio")


def index_first(data: bytes) -> bytes:
    """The same file with `moov` before `mdat`, as a reader of a pipe needs it.

    For files of one track with 32-bit chunk offsets, as `aac.encode_aac` makes them.
    """
    parts = {box.kind: data[box.start : box.end] for box in boxes(data)}
    moov = bytearray(parts[b"moov"])
    table = moov.index(b"stco") + 4
    count = int.from_bytes(moov[table + 4 : table + 8], "big")
    media_start = next(box.start for box in boxes(data) if box.kind == b"mdat")
    shift = len(parts[b"ftyp"]) + len(moov) - media_start
    for at in range(table + 8, table + 8 + 4 * count, 4):
        offset = int.from_bytes(moov[at : at + 4], "big") + shift
        moov[at : at + 4] = offset.to_bytes(4, "big")
    return parts[b"ftyp"] + bytes(moov) + parts[b"mdat"]
