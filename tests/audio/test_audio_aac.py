import io
import struct
from fractions import Fraction

import av
import numpy as np
import pytest
from audio_signals import (
    dominant_hz,
    layout,
    noise,
    read_with_pyav,
    silent_adts_packet,
    tone,
    write_with_pyav,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from sts_actors.audio.adts import SAMPLE_RATES_HZ, looks_like_adts, read_header
from sts_actors.audio.codecs import decode, encode, sniff
from sts_actors.audio.mp4 import boxes
from sts_actors.errors import ErrorCode, ServiceError
from sts_actors.messages import Container


def refused(data, container=Container.M4A):
    with pytest.raises(ServiceError) as caught:
        decode(data, layout(container))
    assert caught.value.code is ErrorCode.INVALID_AUDIO_FORMAT
    assert "\n" not in caught.value.message
    return caught.value.message


def packets(data):
    found = []
    while data:
        found.append(data[: read_header(data).length])
        data = data[len(found[-1]) :]
    return found


def lag(heard, said, most=3_000):
    """By how many samples `heard` comes after `said`."""
    size = min(len(heard), len(said)) - most
    scores = [float(np.dot(heard[most + d :][: size - most], said[most:size])) for d in range(-most, most)]
    return int(np.argmax(scores)) - most


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 12_000), st.sampled_from(SAMPLE_RATES_HZ), st.sampled_from([1, 2]))
def test_m4a_holds_exactly_the_samples_that_went_in(frames, rate, channels):
    data = encode(noise(frames), layout("m4a", rate, channels))
    assert sniff(data) is Container.M4A
    decoded = decode(data, layout("pcm_s16le", 8_000, 1))
    assert decoded.samples.shape == (frames, channels)
    assert (decoded.sample_rate_hz, decoded.channels, decoded.container) == (rate, channels, Container.M4A)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 12_000), st.sampled_from(SAMPLE_RATES_HZ), st.sampled_from([1, 2]))
def test_adts_holds_as_many_whole_packets_as_the_sound_needs(frames, rate, channels):
    data = encode(noise(frames), layout("adts", rate, channels))
    assert sniff(data) is Container.ADTS
    assert len(packets(data)) == -(-frames // 1024)
    # Deployed workers label it m4a.
    decoded = decode(data, layout("m4a", 48_000, 2))
    assert decoded.samples.shape == (-(-frames // 1024) * 1024, channels)
    assert (decoded.sample_rate_hz, decoded.channels, decoded.container) == (rate, channels, Container.ADTS)


@pytest.mark.parametrize("container", ["m4a", "adts"])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [16_000, 48_000])
def test_aac_comes_back_in_time_and_in_tune(container, channels, rate):
    said = tone(rate, rate, 500) * np.linspace(0, 1, rate, dtype=np.float32)
    heard = decode(encode(said, layout(container, rate, channels)), layout("m4a")).samples
    assert dominant_hz(heard[:, 0], rate) == pytest.approx(500, rel=1e-3)
    np.testing.assert_array_equal(heard[:, 0], heard[:, -1])
    # The lossy middle stays close, which it would not a few samples off.
    assert np.sqrt(np.mean((heard[2048 : rate - 1024, 0] - said[2048:-1024]) ** 2)) < 0.02
    hiss = noise(rate)
    assert lag(decode(encode(hiss, layout(container, rate)), layout("m4a")).samples[:, 0], hiss) == 0


def test_adts_fragments_laid_end_to_end_do_not_drift():
    fragment = encode(tone(10_240, 16_000), layout("adts"))
    joined = decode(fragment * 5, layout("m4a"))
    assert joined.samples.shape == (51_200, 1)


def test_ffmpeg_reads_what_is_written_without_help():
    for container, demuxer in (("m4a", "mp4"), ("adts", "aac")):
        samples, rate = read_with_pyav(encode(tone(16_384, 16_000), layout(container, channels=2)), demuxer)
        assert rate == 16_000
        assert samples.shape == (16_384, 2)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(
    ("muxer", "options"),
    [
        ("mp4", {}),
        ("ipod", {}),
        ("mov", {}),
        ("mp4", {"movflags": "frag_keyframe+empty_moov+default_base_moof"}),
    ],
)
def test_files_of_other_writers_are_read(muxer, options, channels):
    written = np.stack([tone(24_000, 24_000, 440)] * channels, axis=1)
    decoded = decode(write_with_pyav(written, 24_000, muxer, options=options), layout("m4a"))
    assert (decoded.sample_rate_hz, decoded.channels) == (24_000, channels)
    # Fragmented files have no edit list, so the priming packet stays.
    assert decoded.samples.shape[0] in ((25_024,) if options else (24_000,))
    assert dominant_hz(decoded.samples[:, 0], 24_000) == pytest.approx(440, rel=1e-3)


def test_the_index_of_an_m4a_comes_first_so_that_a_pipe_can_read_it():
    assert [box.kind for box in boxes(encode(noise(5_000), layout("m4a")))] == [b"ftyp", b"moov", b"mdat"]


def test_the_same_samples_give_the_same_bytes_without_a_library_version():
    for container in ("m4a", "adts"):
        data = encode(noise(5_000), layout(container))
        assert data == encode(noise(5_000), layout(container))
        assert b"Lav" not in data


def test_an_m4a_declares_its_length_to_the_sample():
    with av.open(io.BytesIO(encode(noise(5_003), layout("m4a", 44_100)))) as source:
        stream = source.streams.audio[0]
        assert stream.duration * stream.time_base == Fraction(5_003, 44_100)


def test_a_title_in_no_known_alphabet_is_no_obstacle():
    data = write_with_pyav(
        noise(5_000)[:, np.newaxis], 16_000, "ipod", options={"fflags": "+bitexact"}, title="abcd"
    )
    assert data.count(b"abcd") == 1
    assert decode(data.replace(b"abcd", b"\xff\xfe\xff\xfe"), layout("m4a")).samples.shape == (5_000, 1)


def test_probing_runs_no_decoder_but_that_of_aac():
    data = write_with_pyav(noise(5_000)[:, np.newaxis], 16_000, "mp4", "alac")
    av.logging.set_level(av.logging.ERROR)
    try:
        with av.logging.Capture() as logged:
            refused(data)
    finally:
        av.logging.set_level(None)
    assert any("alac" in message and "not on whitelist" in message for _, _, message in logged)


def test_a_layout_that_changes_in_mid_sound_is_refused():
    assert "changes within" in refused(silent_adts_packet(1) * 2 + silent_adts_packet(2))


def test_a_file_of_nothing_but_tiny_boxes_is_refused():
    assert "far more boxes" in refused(b"\0\0\0\x08ftyp" + b"\0\0\0\x08free" * 20_000)


def test_boxes_of_no_size_do_not_hold_the_walk_up():
    assert [box.start for box in boxes(b"\0\0\0\x01wide" + bytes(8))] == [0, 8]
    assert [box.start for box in boxes(b"\0\0\0\x04tiny\0\0\0\x08next")] == [0, 8]


def test_an_m4a_without_an_audio_track_says_so():
    assert "no audio track" in refused(encode(noise(5_000), layout("m4a")).replace(b"trak", b"free"))


def test_a_sound_beyond_full_scale_is_clipped_before_it_is_encoded():
    loud = tone(5_000, 16_000, level=3)
    for container in ("m4a", "adts"):
        assert encode(loud, layout(container)) == encode(loud.clip(-1, 1), layout(container))


def test_boxes_of_every_kind_of_size_are_walked():
    data = b"\0\0\0\x01wide" + (20).to_bytes(8, "big") + b"body" + b"\0\0\0\x0cnextbody" + b"\0\0\0\0lastbody"
    assert [(box.kind, box.start, box.end) for box in boxes(data)] == [
        (b"wide", 0, 20),
        (b"next", 20, 32),
        (b"last", 32, 44),
    ]


def test_rates_that_aac_does_not_know_and_empty_sounds_are_refused():
    with pytest.raises(ServiceError, match="10000 Hz") as caught:
        encode(noise(100), layout("m4a", 10_000))
    assert caught.value.code is ErrorCode.INVALID_AUDIO_FORMAT
    with pytest.raises(ServiceError, match="empty"):
        encode(noise(0), layout("adts"))


@pytest.mark.parametrize("channels", [3, 8, 12, 15])
def test_many_channels_are_refused_before_their_samples_are_touched(channels):
    # Eight and more kill the process otherwise: PyAV walks beyond the planes.
    assert f"{channels} channels" in refused(silent_adts_packet(channels) * 3)


def test_the_packets_of_the_test_above_are_sound_where_the_channels_are_few():
    assert decode(silent_adts_packet(2) * 3, layout("m4a")).samples.shape == (3 * 1024, 2)


def test_six_channels_in_an_m4a_are_refused():
    assert "6 channels" in refused(write_with_pyav(np.zeros((5_000, 6), dtype=np.float32), 16_000, "mp4"))


def test_a_last_packet_cut_short_is_left_out():
    data = encode(noise(10_240), layout("adts"))
    last = len(packets(data)[-1])
    for missing in (1, last // 2, last - 1):
        assert decode(data[:-missing], layout("m4a")).samples.shape == (9 * 1024, 1)


def test_a_hole_in_the_packets_is_refused_because_all_after_it_would_shift():
    data = encode(noise(10_240), layout("adts"))
    middle = len(data) // 2
    assert "breaks off at byte" in refused(data[:middle] + data[middle + 5 :])
    assert "breaks off at byte" in refused(data + encode(noise(3_000), layout("adts", 48_000)))


def test_more_than_31_seconds_are_refused_before_they_are_decoded():
    packet = silent_adts_packet(1)
    assert decode(packet * 484, layout("m4a")).samples.shape == (484 * 1024, 1)
    assert "ADTS audio of more than 31 s" in refused(packet * 485)


def test_an_m4a_of_more_than_31_seconds_is_refused():
    data = write_with_pyav(np.zeros((8_000 * 32, 1), dtype=np.float32), 8_000, "mp4")
    assert "more than 31 s" in refused(data)


@pytest.mark.parametrize("table", [b"stsz", b"stsc", b"stts"])
def test_an_index_that_claims_millions_of_packets_is_refused_unread(table):
    data = bytearray(encode(noise(5_000), layout("m4a")))
    at = data.index(table) + (12 if table == b"stsz" else 8)
    struct.pack_into(">I", data, at, 80_000_000)
    assert "claims far more" in refused(bytes(data))


@pytest.mark.parametrize(
    "table", ["stts", "ctts", "stsc", "stco", "co64", "stss", "elst", "trun", "stsz", "stz2", "sbgp"]
)
def test_every_table_that_can_claim_packets_is_watched_wherever_it_stands(table):
    content = table.encode() + bytes(8 if table in {"stsz", "stz2", "sbgp"} else 4)
    for count, harmless in ((10_000, True), (10_001, False)):
        box = struct.pack(">I4s", 8 + len(content) + 4, b"moof") + content + struct.pack(">I", count)
        message = refused(b"\0\0\0\x08ftyp" + box)
        assert ("claims far more" not in message) == harmless


def test_a_compressed_index_is_refused():
    data = encode(noise(5_000), layout("m4a"))
    moov = struct.pack(">I4sI4s", 24, b"moov", 16, b"cmov") + bytes(8)
    assert "compressed index" in refused(data[:28] + moov)


def test_a_codec_other_than_aac_is_refused():
    data = write_with_pyav(np.zeros((5_000, 1), dtype=np.float32), 16_000, "mp4", "alac")
    assert "alac codec is not served" in refused(data)


@pytest.mark.parametrize("data", [b"\0\0\0\x1cftyp", b"\0\0\0\x08ftypM4A " + bytes(100)])
def test_an_m4a_without_anything_in_it_is_refused(data):
    assert refused(data)


def test_samples_that_begin_like_adts_stay_samples():
    for start in (b"\xff\xf1", b"\xff\xf9", b"\xff\xff", b"\xff\xf1\x60\x40\x33\x5f\xfc"):
        data = start + bytes(2_000 - len(start))
        assert sniff(data) is None
        assert decode(data, layout("pcm_s16le")).container is Container.PCM_S16LE
    for value in range(-4096, 0):
        assert not looks_like_adts(struct.pack("<h", value) * 200)


def test_one_whole_packet_is_enough_but_one_and_junk_is_not():
    packet = silent_adts_packet(1)
    assert looks_like_adts(packet)
    assert not looks_like_adts(packet[:-1])
    assert not looks_like_adts(packet + b"junk")
    assert not looks_like_adts(packet * 2 + b"whatever")
    assert looks_like_adts(packet * 3 + b"whatever")
    assert looks_like_adts(packet + packet[:-1])


def test_headers_that_do_not_agree_are_no_chain():
    one, two = silent_adts_packet(1), encode(noise(2_000), layout("adts", 48_000))
    assert looks_like_adts(one * 2)
    assert looks_like_adts(two)
    assert not looks_like_adts(one + two)


def test_the_layer_bits_tell_aac_from_mp3():
    packet = silent_adts_packet(1)
    for second in (0xF3, 0xF5, 0xF7, 0xFB):
        assert read_header(packet[:1] + bytes((second,)) + packet[2:]) is None


def test_a_private_bit_may_change_between_packets():
    packet = silent_adts_packet(1)
    marked = packet[:2] + bytes((packet[2] | 2,)) + packet[3:]
    assert decode(packet + marked + packet, layout("m4a")).samples.shape == (3 * 1024, 1)


@given(st.binary(max_size=300))
def test_random_samples_after_a_perfect_adts_header_stay_samples(tail):
    header = silent_adts_packet(1)[:7]
    length = read_header(header).length
    data = header + tail
    assert looks_like_adts(data) == (len(data) == length)
