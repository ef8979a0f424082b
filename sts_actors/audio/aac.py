"""AAC in memory, through PyAV: ADTS and M4A, both ways, with lengths that can be relied on.

AAC has packets of 1,024 samples, and an encoder begins with one packet of *priming*: what a decoder makes
of it is not yet the sound. How long something lasts is therefore a matter of the container:

* **M4A** says what to leave out (edit list, duration of the last packet). Written here and read back, it
  has exactly the samples that went in, and the first is the first.
* **ADTS** cannot say anything: all that its packets hold is sound. Read, n packets are 1,024 n samples.
  Written, the priming packet is left out, so the sound starts at once and lasts `ceil(n / 1024)` packets:
  what came in as n packets is answered by n, and fragments laid end to end never drift. The price: the
  first packet has no predecessor to overlap with, so the first 1,024 samples fade in.
"""

import io

import av
import numpy as np
from av.audio.stream import AudioStream

from sts_actors.audio import mp4
from sts_actors.audio.adts import SAMPLE_RATES_HZ, whole_packets
from sts_actors.audio.limits import MAX_DURATION_S, MAX_RATE_HZ, check_layout, check_length, invalid
from sts_actors.audio.pcm import check_finite, pad_or_trim, spread
from sts_actors.errors import ServiceError
from sts_actors.messages import Container, Samples

_DEMUXERS = {Container.ADTS: "aac", Container.M4A: "mp4"}
_MUXERS = {Container.ADTS: "adts", Container.M4A: "ipod"}
_LAYOUTS = {1: "mono", 2: "stereo"}
_MAX_BITS_PER_S = 96_000
"""For one channel."""


def decode_aac(data: bytes, container: Container) -> tuple[Samples, int]:
    """Samples `(frames, channels)`, not yet clipped to -1 … 1, and the sample rate.

    Raises:
        ServiceError: `INVALID_AUDIO_FORMAT` for whatever is wrong with the bytes, or with the layout.
    """
    if container is Container.ADTS:
        data = data[: whole_packets(data)]
    else:
        mp4.refuse_bombs(data)
    try:
        samples, rate = _decode(data, _DEMUXERS[container])
    except ServiceError:
        raise
    except Exception as error:
        # A stranger's bytes in a C library: no list of its errors exists.
        raise invalid(f"the {container} audio cannot be decoded") from error
    check_finite(samples)
    return samples, rate


def encode_aac(samples: Samples, container: Container, sample_rate_hz: int, channels: int) -> bytes:
    """Mono `samples` `(frames,)` as AAC-LC on each of `channels` channels; lengths as the module says.

    Raises:
        ServiceError: `INVALID_AUDIO_FORMAT` where AAC has no such sample rate, or nothing is to be encoded.
    """
    if sample_rate_hz not in SAMPLE_RATES_HZ:
        raise invalid(f"AAC has no sample rate of {sample_rate_hz} Hz")
    check_length(samples.shape[0], sample_rate_hz)
    check_finite(samples)
    # Without it, an M4A file counts its length in milliseconds; ADTS knows no such option.
    options = {"movie_timescale": str(sample_rate_hz)} if container is Container.M4A else {}
    buffer = io.BytesIO()
    # bitexact leaves out the library's version: the same samples give the same bytes.
    with av.open(
        buffer, "w", format=_MUXERS[container], options={"fflags": "+bitexact", **options}
    ) as output:
        stream = output.add_stream("aac", rate=sample_rate_hz, options={"flags": "+bitexact"})
        stream.layout = _LAYOUTS[channels]
        stream.bit_rate = channels * min(_MAX_BITS_PER_S, 4 * sample_rate_hz)
        planes = np.ascontiguousarray(spread(np.clip(samples, -1, 1), channels).T)
        frame = av.AudioFrame.from_ndarray(planes, format="fltp", layout=_LAYOUTS[channels])
        frame.sample_rate = sample_rate_hz
        frame.pts = 0
        packets = [*stream.encode(frame), *stream.encode(None)]
        for packet in packets[1:] if container is Container.ADTS else packets:
            output.mux(packet)
    data = buffer.getvalue()
    return mp4.index_first(data) if container is Container.M4A else data


def _decode(data: bytes, demuxer: str) -> tuple[Samples, int]:
    # Only the AAC decoder may run: probing would otherwise try those of every track in the file.
    options = {"codec_whitelist": "aac"}
    with av.open(io.BytesIO(data), "r", format=demuxer, options=options, metadata_errors="ignore") as source:
        if not source.streams.audio:
            raise invalid("there is no audio track in the file")
        stream = source.streams.audio[0]
        if stream.codec_context.name != "aac":
            raise invalid(f"the {stream.codec_context.name} codec is not served: only AAC is")
        pieces, rate, end = _decode_stream(source, stream)
    samples = np.concatenate(pieces) if pieces else np.zeros((0, 1), dtype=np.float32)
    if demuxer == "mp4" and end is not None:
        samples = pad_or_trim(samples, min(end, samples.shape[0]))
    check_length(samples.shape[0], rate)
    return samples, rate


def _decode_stream(
    source: av.container.InputContainer, stream: AudioStream
) -> tuple[list[Samples], int, int | None]:
    """The decoded pieces, their rate, and where the container says that the sound ends, in samples."""
    pieces: list[Samples] = []
    frames = 0
    layout: tuple[int, int] | None = None
    end_s = None
    for packet in source.demux(stream):
        if packet.pts is not None and packet.duration and packet.time_base is not None:
            end_s = (packet.pts + packet.duration) * packet.time_base
        for frame in packet.decode():
            if layout is None:
                layout = frame.sample_rate, frame.layout.nb_channels
            # Before its samples are touched: PyAV 18 reads beyond the planes of a frame of many channels.
            check_layout(frame.sample_rate, frame.layout.nb_channels)
            if layout != (frame.sample_rate, frame.layout.nb_channels):
                raise invalid("the sample rate or the number of channels changes within the audio")
            frames += frame.samples
            if frames > MAX_DURATION_S * frame.sample_rate:
                raise invalid(f"more than {MAX_DURATION_S} s of audio")
            pieces.append(frame.to_ndarray().T.astype(np.float32, copy=False))
    rate = layout[0] if layout else MAX_RATE_HZ
    return pieces, rate, None if end_s is None else round(end_s * rate)
