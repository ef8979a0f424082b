"""Sounds, files and measures that the audio tests share."""

import io
import struct

import av
import numpy as np

from sts_actors.messages import AudioFormat, Container


def layout(container, rate=16_000, channels=1):
    return AudioFormat(container=Container(container), sample_rate_hz=rate, channels=channels)


def tone(frames, rate, hz=440.0, level=0.5):
    return (level * np.sin(2 * np.pi * hz * np.arange(frames) / rate)).astype(np.float32)


def noise(frames, level=0.1, seed=1):
    return (level * np.random.default_rng(seed).standard_normal(frames)).clip(-1, 1).astype(np.float32)


def voice(frames, rate, level=0.3):
    """Something with a moving pitch, harmonics and syllables; smooth everywhere."""
    t = np.arange(frames) / rate
    phase = 2 * np.pi * (120 * t + 4 * np.sin(2 * np.pi * 0.7 * t))
    harmonics = sum(np.sin(k * phase) / k for k in range(1, 9))
    return (level * harmonics / 2 * (0.55 - 0.45 * np.cos(2 * np.pi * 4 * t))).astype(np.float32)


def dominant_hz(samples, rate):
    """The strongest frequency, by parabolic interpolation of a windowed spectrum."""
    spectrum = np.log(np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) + 1e-12)
    peak = int(spectrum.argmax())
    left, middle, right = spectrum[peak - 1 : peak + 2]
    return (peak + (left - right) / (2 * (left - 2 * middle + right))) * rate / len(samples)


def steepest(samples):
    """The largest step from one sample to the next, silence before and after included."""
    return float(np.abs(np.diff(samples, prepend=0, append=0)).max())


def riff(*chunks, size=None):
    """A RIFF file of `(name, body)` or `(name, body, claimed size)`."""
    body = b"WAVE"
    for name, content, *claimed in chunks:
        body += name + struct.pack("<I", *(claimed or [len(content)])) + content + b"\0" * (len(content) % 2)
    return b"RIFF" + struct.pack("<I", len(body) if size is None else size) + body


def fmt(kind=1, channels=1, rate=16_000, bits=16, block=None):
    block = channels * bits // 8 if block is None else block
    return struct.pack("<HHIIHH", kind, channels, rate, rate * block, block, bits)


def extensible(kind=1, channels=1, rate=16_000, bits=16, valid=None):
    tail = bytes.fromhex("000000001000800000aa00389b71")
    extension = struct.pack("<HHI", 22, valid or bits, 0) + struct.pack("<H", kind) + tail
    return fmt(0xFFFE, channels, rate, bits) + extension


def read_with_pyav(data, container_format):
    """What PyAV makes of a file of at most two channels: samples `(frames, channels)` and the rate."""
    with av.open(io.BytesIO(data), "r", format=container_format) as source:
        stream = source.streams.audio[0]
        resampler = av.AudioResampler(format="fltp")
        frames = [out for frame in source.decode(stream) for out in resampler.resample(frame)]
        return np.concatenate([frame.to_ndarray() for frame in frames], axis=1).T, frames[0].sample_rate


def write_with_pyav(samples, rate, container_format, codec="aac", options=None, title=None):
    """A file as other people's software writes it; samples `(frames, channels)`."""
    buffer = io.BytesIO()
    channels = {1: "mono", 2: "stereo", 6: "5.1"}[samples.shape[1]]
    with av.open(buffer, "w", format=container_format, options=options or {}) as output:
        stream = output.add_stream(codec, rate=rate)
        stream.layout = channels
        if title:
            output.metadata["title"] = title
        planes = np.ascontiguousarray(samples.T)
        frame = av.AudioFrame.from_ndarray(planes, format="fltp", layout=channels)
        frame.sample_rate = rate
        frame.pts = 0
        for converted in av.AudioResampler(format=stream.format.name).resample(frame):
            output.mux(stream.encode(converted))
        output.mux(stream.encode(None))
    return buffer.getvalue()


def silent_adts_packet(channels):
    """One ADTS packet whose program configuration element claims any number of silent channels up to 45."""
    bits = []

    def put(value, width):
        bits.extend(value >> i & 1 for i in reversed(range(width)))

    def align():
        put(0, -len(bits) % 8)

    front, side = min(channels, 15), min(max(channels - 15, 0), 15)
    put(5, 3)  # a program configuration element, tag 0, AAC LC, 16 kHz
    put(0, 4), put(1, 2), put(8, 4)
    put(front, 4), put(side, 4), put(channels - front - side, 4)
    put(0, 2), put(0, 3), put(0, 4), put(0, 3)  # no low-frequency, data or coupling elements, no mix-downs
    for i in range(channels):
        put(0, 1), put(i % 16, 4)
    align()
    put(0, 8)  # no comment
    for i in range(channels):
        # A single channel element with gain 100, no bands, no tools.
        put(0, 3), put(i % 16, 4), put(100, 8), put(0, 14)
    put(7, 3)
    align()
    body = bytes(sum(bit << 7 - n for n, bit in enumerate(bits[i : i + 8])) for i in range(0, len(bits), 8))
    length = 7 + len(body)
    tail = (length & 7) << 5 | 0x1F
    return bytes((0xFF, 0xF1, 1 << 6 | 8 << 2, length >> 11, length >> 3 & 0xFF, tail, 0xFC)) + body
