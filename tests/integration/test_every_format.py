"""Every way to send audio, over the wire's events: understood by its bytes, answered as it was asked."""

import base64

import attrs
import pytest
from desk import open_desk

from sts_actors.audio.codecs import decode, encode, sniff
from sts_actors.engines.marks import mark, read_mark
from sts_actors.messages import AudioFormat, Container

SECONDS = 2.0
SENT_AS = {
    # what the bytes are → what the worker calls them
    Container.PCM_S16LE: Container.PCM_S16LE,
    Container.PCM_F32LE: Container.PCM_F32LE,
    Container.WAV: Container.WAV,
    Container.M4A: Container.M4A,
    Container.ADTS: Container.M4A,
}
SHAPES = ("text", "bytes", "object", "object of bytes")


def sent(audio, label, shape, rate=16_000):
    """The fields of a fragment that carry its audio."""
    text = base64.b64encode(audio).decode("ascii")
    its = {"format": label, "sample_rate_hz": rate, "channels": 1, "duration_ms": round(SECONDS * 1000)}
    return {
        "text": {"audio": text},
        "bytes": {"audio": audio},
        "object": {"audio": {**its, "data_base64": text}},
        "object of bytes": {"audio": {**its, "data_base64": audio}},
    }[shape]


def taken(dubbed, shape):
    """The bytes of an answer, and its labels where it is an object."""
    if shape == "text":
        return base64.b64decode(dubbed, validate=True), {}
    if shape == "bytes":
        assert type(dubbed) is bytes
        return dubbed, {}
    data = dubbed["data_base64"]
    assert isinstance(data, str if shape == "object" else bytes)
    return (base64.b64decode(data, validate=True) if shape == "object" else data), dubbed


async def dubbed(audio, *, opening, **fields):
    async with open_desk() as desk:
        socket = await desk.connect()
        socket.send("stream:init", {"source_language": "en", "target_language": "pt", **opening})
        await socket.next_named("stream:ready")
        socket.send("fragment:data", {"fragment_id": "f", "sequence_number": 0, **fields, **audio})
        answer = await socket.next_named("fragment:processed")
    assert answer["status"] in {"success", "partial"}, answer
    return answer


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("container", SENT_AS, ids=str)
async def test_each_shape_and_format_is_mirrored(container, shape, autojump_clock) -> None:
    # The first packet of raw AAC has lost what it overlaps with: at low rates that is most of a mark.
    rate = 48_000 if container is Container.ADTS else 16_000
    layout = AudioFormat(container=container, sample_rate_hz=rate, channels=1)
    audio = encode(mark(5, 7, sample_rate_hz=rate, duration_s=SECONDS), layout)
    label = SENT_AS[container]
    opening = {"format": label, "sample_rate_hz": rate, "channels": 1}
    answer = await dubbed(sent(audio, label, shape, rate), opening=opening)
    data, labels = taken(answer["dubbed_audio"], shape)
    info = answer["dubbed_audio_info"]
    assert (info["format"], info["sample_rate_hz"], info["channels"]) == (label, rate, 1)
    assert {name: labels[name] for name in labels if name != "data_base64"} == (info if labels else {})
    assert sniff(data) == {Container.WAV: Container.WAV, Container.M4A: Container.M4A}.get(label)
    heard = decode(data, attrs.evolve(layout, container=label))
    assert read_mark(heard.samples[:, 0], heard.sample_rate_hz) == (5, 7)
    frames = decode(audio, layout).samples.shape[0]
    assert heard.samples.shape[0] == frames
    assert info["duration_ms"] == round(frames * 1000 / rate)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("container", [Container.PCM_S16LE, Container.WAV, Container.M4A], ids=str)
async def test_any_rate_and_both_channels_come_back_as_they_went(
    container, rate, channels, autojump_clock
) -> None:
    layout = AudioFormat(container=container, sample_rate_hz=rate, channels=channels)
    samples = mark(5, 7, sample_rate_hz=rate, duration_s=SECONDS)
    opening = {"format": container, "sample_rate_hz": rate, "channels": channels}
    answer = await dubbed(sent(encode(samples, layout), container, "text"), opening=opening)
    heard = decode(base64.b64decode(answer["dubbed_audio"]), layout)
    assert (heard.sample_rate_hz, heard.channels) == (rate, channels)
    assert heard.samples.shape[0] == samples.shape[0]
    assert read_mark(heard.samples[:, -1], rate) == (5, 7)


async def test_a_wav_under_the_label_of_raw_samples_decides_rate_and_channels_itself(autojump_clock) -> None:
    layout = AudioFormat(container=Container.WAV, sample_rate_hz=44_100, channels=2)
    audio = encode(mark(5, 7, sample_rate_hz=44_100, duration_s=SECONDS), layout)
    opening = {"format": "pcm_s16le", "sample_rate_hz": 16_000, "channels": 1}
    answer = await dubbed(sent(audio, "pcm_s16le", "text"), opening=opening)
    info = answer["dubbed_audio_info"]
    assert (info["format"], info["sample_rate_hz"], info["channels"]) == ("pcm_s16le", 44_100, 2)
    assert len(base64.b64decode(answer["dubbed_audio"])) == 44_100 * 2 * 2 * SECONDS


async def test_the_labels_of_a_fragment_win_over_those_of_its_stream(autojump_clock) -> None:
    audio = encode(
        mark(5, 7, sample_rate_hz=22_050, duration_s=SECONDS),
        AudioFormat(container=Container.PCM_F32LE, sample_rate_hz=22_050, channels=1),
    )
    answer = await dubbed(
        sent(audio, "pcm_f32le", "text"),
        opening={"format": "pcm_s16le", "sample_rate_hz": 16_000},
        format="pcm_f32le",
        sample_rate=22_050,
    )
    info = answer["dubbed_audio_info"]
    assert (info["format"], info["sample_rate_hz"]) == ("pcm_f32le", 22_050)
    assert info["duration_ms"] == SECONDS * 1000
