"""Raw AAC in ADTS frames: recognising it for certain, and counting it.

Source: ISO/IEC 13818-7, 6.2 (fixed and variable header).
"""

from collections.abc import Iterator

import attrs

from sts_actors.audio.limits import MAX_DURATION_S, invalid

PACKET_FRAMES = 1024
"""Samples a channel in one AAC packet."""

SAMPLE_RATES_HZ = (
    96_000,
    88_200,
    64_000,
    48_000,
    44_100,
    32_000,
    24_000,
    22_050,
    16_000,
    12_000,
    11_025,
    8_000,
)
"""The rates that AAC has a number for, among those that the service takes; in the order of that number."""

_HEADER_SIZE = 7
_CRC_SIZE = 2
_CERTAIN = 3
"""So many headers that agree, each where the one before says, are no accident."""


@attrs.frozen(kw_only=True)
class AdtsHeader:
    """What one ADTS header says; `identity` is what may not change within a stream."""

    identity: bytes
    sample_rate_hz: int
    length: int
    blocks: int

    @property
    def frames(self) -> int:
        """Samples a channel that the packet holds (twice as many at twice the rate with SBR)."""
        return self.blocks * PACKET_FRAMES


def read_header(data: bytes, position: int = 0) -> AdtsHeader | None:
    """The ADTS header at `position`, or None where there is none."""
    header = data[position : position + _HEADER_SIZE]
    # 12 bits of sync and two of layer, which is always 0: sample values of -1 (0xFFFF) end here.
    if len(header) < _HEADER_SIZE or header[0] != 0xFF or header[1] & 0xF6 != 0xF0:  # noqa: PLR2004 - idem
        return None
    rate_index = header[2] >> 2 & 0xF
    length = (header[3] & 0x3) << 11 | header[4] << 3 | header[5] >> 5
    has_crc = not header[1] & 1
    if rate_index >= len(SAMPLE_RATES_HZ) or length <= _HEADER_SIZE + _CRC_SIZE * has_crc:
        return None
    return AdtsHeader(
        # All 28 bits of the fixed header but the private, copy and home bits.
        identity=bytes((header[1], header[2] & 0xFD, header[3] & 0xC0)),
        sample_rate_hz=SAMPLE_RATES_HZ[rate_index],
        length=length,
        blocks=(header[6] & 0x3) + 1,
    )


def looks_like_adts(data: bytes) -> bool:
    """Whether these bytes are ADTS rather than samples that happen to begin like it.

    One sync word is not enough: one in 4,096 random 16-bit samples has it. So three headers in a row must
    agree, or as many as there are up to the end of the data, the last packet being whole or, after a
    first whole one, cut short.
    """
    first: AdtsHeader | None = None
    position = 0
    for _ in range(_CERTAIN):
        header = read_header(data, position)
        if header is None or (first is not None and header.identity != first.identity):
            return False
        position += header.length
        if position >= len(data):
            return first is not None or position == len(data)
        first = first or header
    return True


def whole_packets(data: bytes) -> int:
    """The length in bytes of the unbroken chain of packets that `data` is; a cut last packet is left out.

    Raises:
        ServiceError: `INVALID_AUDIO_FORMAT` where the chain breaks, for a gap would shift all that follows,
            or lasts longer than 31 s: before any of it is decoded.
    """
    frames = 0
    end = 0
    for position, header in _packets(data):
        frames += header.frames
        if frames > MAX_DURATION_S * header.sample_rate_hz:
            raise invalid(f"ADTS audio of more than {MAX_DURATION_S} s")
        end = position + header.length
    return end


def _packets(data: bytes) -> Iterator[tuple[int, AdtsHeader]]:
    position = 0
    identity: bytes | None = None
    while len(data) - position >= _HEADER_SIZE:
        header = read_header(data, position)
        if header is None or (identity is not None and header.identity != identity):
            raise invalid(f"the ADTS stream breaks off at byte {position} of {len(data)}")
        if position + header.length > len(data):
            return
        yield position, header
        identity = header.identity
        position += header.length
