import numpy as np
import pytest
from cli_samples import tone, write_encoded, write_wav
from hypothesis import given
from hypothesis import strategies as st

from sts_actors.cli.errors import CommandError
from sts_actors.cli.media import cut, open_audio


def read(path):
    with open_audio(path) as file:
        return np.concatenate(list(file.blocks)), file


@given(st.lists(st.integers(0, 40), max_size=20), st.integers(1, 30), st.integers(0, 20), st.integers(1, 2))
def test_the_fragments_joined_again_equal_the_input(sizes, frames, shortest, channels):
    total = sum(sizes)
    samples = np.arange(total * channels, dtype=np.int16).reshape(-1, channels)
    blocks = np.split(samples, np.cumsum(sizes)[:-1]) if sizes else []
    fragments = list(cut(iter(blocks), frames, shortest))
    assert np.array_equal(np.concatenate([samples[:0], *fragments]), samples)
    assert all(len(fragment) == frames for fragment in fragments[:-1])
    if len(fragments) > 1:
        assert max(shortest, 1) <= len(fragments[-1]) < frames + max(shortest, 1)
    assert all(len(fragment) for fragment in fragments)


@pytest.mark.parametrize("channels", [1, 2])
def test_a_wav_file_is_read_bit_for_bit(tmp_path, channels):
    pcm = tone(44_101, channels)
    samples, file = read(write_wav(tmp_path / "a.wav", pcm, 44_100))
    assert np.array_equal(samples, pcm)
    assert (file.sample_rate_hz, file.channels) == (44_100, channels)
    assert file.estimated_s == pytest.approx(44_101 / 44_100, abs=1e-3)


@pytest.mark.parametrize(
    ("suffix", "codec"), [("flac", "flac"), ("mp3", "libmp3lame"), ("m4a", "aac"), ("mp4", "aac")]
)
def test_compressed_files_keep_their_rate_channels_and_length(tmp_path, suffix, codec):
    pcm = tone(48_000 * 2, 2, rate=48_000)
    samples, file = read(write_encoded(tmp_path / f"a.{suffix}", codec, pcm, 48_000))
    assert (file.sample_rate_hz, file.channels) == (48_000, 2)
    assert abs(len(samples) - len(pcm)) <= 2048  # AAC comes in frames of 1,024
    assert np.abs(samples[24_000:72_000, 0]).max() == pytest.approx(16_383, rel=0.1)


def test_rates_and_channels_beyond_the_wire_are_brought_inside(tmp_path):
    samples, file = read(write_encoded(tmp_path / "a.flac", "flac", tone(192_000, 6, rate=192_000), 192_000))
    assert (file.sample_rate_hz, file.channels) == (96_000, 2)
    assert abs(len(samples) - 96_000) <= 32
    _, slow = read(write_wav(tmp_path / "slow.wav", tone(4_000), 4_000))
    assert slow.sample_rate_hz == 8_000


def test_a_file_cut_short_gives_what_is_there(tmp_path):
    whole = write_encoded(tmp_path / "a.flac", "flac", tone(160_000), 16_000)
    whole.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    samples, _ = read(whole)
    assert 16_000 < len(samples) < 160_000


def test_a_damaged_packet_costs_itself_and_is_counted(tmp_path):
    path = write_encoded(tmp_path / "a.m4a", "aac", tone(160_000), 16_000)
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 200] = b"\xff" * 200
    path.write_bytes(data)
    samples, file = read(path)
    assert file.damaged_packets >= 1
    assert len(samples) > 100_000


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("notes.txt", b"These are words, not sounds.\n" * 50, "is not an audio file"),
        ("noise.bin", bytes(range(256)) * 8, "is not an audio file"),
        ("empty.wav", b"", "is empty"),
        ("silent.wav", None, "has no sound in it"),
        ("missing.wav", ..., "No such file"),
    ],
)
def test_what_is_no_audio_is_named_in_one_line(tmp_path, name, content, words):
    path = tmp_path / name
    if content is None:
        write_wav(path, tone(0))
    elif content is not ...:
        path.write_bytes(content)
    with pytest.raises(CommandError, match=words) as caught, open_audio(path):
        pass
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.code == 2


def test_a_picture_without_sound_and_a_folder_are_refused(tmp_path):
    with pytest.raises(CommandError, match="Is a directory"), open_audio(tmp_path):
        pass
