"""A file of voices with its recordings."""

import hashlib
import os

import numpy as np
import pytest
from voice_files import flat, recording, write_voices

from sts_actors.audio.codecs import encode
from sts_actors.audio.wav import read_wav, write_wav
from sts_actors.errors import ConfigError
from sts_actors.messages import AudioFormat, Container
from sts_actors.voices import clips, read_voices
from sts_actors.voices.reading import MAX_FAULTS


@pytest.fixture
def keep(tmp_path):
    folder = tmp_path / "kept"
    folder.mkdir()
    return folder


def faults(path, keep):
    with pytest.raises(ConfigError) as caught:
        read_voices(path, keep)
    return caught.value.args


def test_a_recording_is_copied_as_a_mono_file_that_is_named_by_its_content(tmp_path, keep):
    source = recording(tmp_path / "ana.wav", seconds=4.0, rate_hz=48_000, channels=2)
    voices = read_voices(write_voices(tmp_path / "voices.json", flat(ana="es")), keep)
    clip = voices.profiles["ana"].clip
    assert (clip.sample_rate_hz, clip.duration_s) == (48_000, 4.0)
    data = clip.reference.path.read_bytes()
    assert hashlib.sha256(data).hexdigest() == clip.reference.sha256
    samples, rate_hz = read_wav(data)
    assert (samples.shape, rate_hz) == ((4 * 48_000, 1), 48_000)
    assert np.abs(samples[:, 0] - read_wav(source.read_bytes())[0].mean(axis=1)).max() < 1e-4
    source.unlink()
    assert clip.reference.path.read_bytes() == data


def test_m4a_is_taken_too(tmp_path, keep):
    tone = 0.5 * np.sin(np.arange(4 * 44_100) * 0.05).astype(np.float32)
    layout = AudioFormat(container=Container.M4A, sample_rate_hz=44_100, channels=1)
    (tmp_path / "ana.wav").write_bytes(encode(tone, layout))
    voices = read_voices(write_voices(tmp_path / "voices.json", flat(ana="es")), keep)
    assert voices.profiles["ana"].clip.duration_s == pytest.approx(4.0)


def test_equal_content_is_kept_once(tmp_path, keep):
    recording(tmp_path / "ana.wav")
    recording(tmp_path / "bea.wav")
    voices = read_voices(write_voices(tmp_path / "voices.json", flat(ana="es", bea="pt")), keep)
    assert len({profile.clip.reference for profile in voices.profiles.values()}) == 1
    assert len(list(keep.iterdir())) == 1


def write_silence(path):
    path.write_bytes(write_wav(np.zeros(4 * 16_000, np.float32), 16_000))


def write_opposite_channels(path):
    tone = 0.5 * np.sin(np.arange(4 * 16_000) * 0.05).astype(np.float32)
    path.write_bytes(write_wav(np.stack([tone, -tone], axis=1), 16_000))


def write_large(path):
    recording(path)
    os.truncate(path, clips.MAX_BYTES + 1)


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (lambda path: None, "there is no file"),
        (lambda path: path.mkdir(), "there is no file"),
        (os.mkfifo, "there is no file"),
        (lambda path: path.write_bytes(b"ID3 not a recording"), "neither WAV, M4A nor ADTS"),
        (lambda path: path.write_bytes(b"RIFF1234WAVEjunk"), "is not fit: the WAV file ends"),
        (lambda path: recording(path, rate_hz=8_000), "sample rate of 8000 Hz"),
        (lambda path: recording(path, rate_hz=15_999), "sample rate of 15999 Hz"),
        (lambda path: recording(path, seconds=2.99), "lasts 2.99 s"),
        (lambda path: recording(path, seconds=30.5), "lasts 30.50 s"),
        (lambda path: recording(path, seconds=60), "60.0 s of audio"),
        (write_silence, "is silent"),
        (write_opposite_channels, "is silent"),
        (write_large, "is longer than"),
    ],
)
def test_a_recording_that_is_of_no_use_is_a_line_with_file_voice_fault_and_remedy(
    tmp_path, keep, write, said
):
    write(tmp_path / "ana.wav")
    path = write_voices(tmp_path / "voices.json", flat(ana="es"))
    (line,) = faults(path, keep)
    assert line.startswith(f"{path}: voice 'ana': ")
    assert said in line
    assert ";" in line
    assert "\n" not in line


@pytest.mark.parametrize(("seconds", "rate_hz"), [(3.0, 16_000), (30.0, 16_000), (3.0, 96_000)])
def test_what_lies_just_within_the_bounds_is_taken(tmp_path, keep, seconds, rate_hz):
    recording(tmp_path / "ana.wav", seconds=seconds, rate_hz=rate_hz)
    assert read_voices(write_voices(tmp_path / "voices.json", flat(ana="es")), keep).profiles["ana"].clip


def test_a_path_that_no_file_system_takes_is_a_fault(tmp_path, keep):
    path = write_voices(tmp_path / "voices.json", {"a": {"language": "es", "speaker_wav": "a\0b"}})
    (line,) = faults(path, keep)
    assert "voice 'a'" in line


def test_a_fault_is_one_line_whatever_a_name_holds(tmp_path, keep):
    document = {"a": {"language": "es", "speaker_wav": "a\nERROR all is lost\x1b[31m"}}
    (line,) = faults(write_voices(tmp_path / "voices.json", document), keep)
    assert line.isprintable()


def test_faults_of_the_file_and_of_its_recordings_are_told_together(tmp_path, keep):
    document = flat(ana="es", bea="?") | {"default_voice_per_language": {"pt": "nobody"}}
    lines = faults(write_voices(tmp_path / "voices.json", document), keep)
    assert len(lines) == 3
    assert ["bea" in lines[0], "nobody" in lines[1], "ana.wav" in lines[2]] == [True] * 3


def test_many_faults_are_counted(tmp_path, keep):
    document = {f"v{n}": {} for n in range(MAX_FAULTS)}
    lines = faults(write_voices(tmp_path / "voices.json", document), keep)
    assert len(lines) == MAX_FAULTS + 1
    assert f"{MAX_FAULTS} more faults" in lines[-1]


def test_a_missing_file_and_one_that_is_none_say_how_to_get_one(tmp_path, keep):
    (missing,) = faults(tmp_path / "voices.json", keep)
    assert "there is no such file" in missing
    assert "VOICE_PROFILES_PATH" in missing
    os.mkfifo(tmp_path / "pipe")
    assert "there is no such file" in faults(tmp_path / "pipe", keep)[0]
    (tmp_path / "broken.json").write_bytes(b"{")
    assert "broken.json: no valid JSON" in faults(tmp_path / "broken.json", keep)[0]


def test_no_room_for_a_copy_is_a_fault_and_no_crash(tmp_path):
    recording(tmp_path / "ana.wav")
    path = write_voices(tmp_path / "voices.json", flat(ana="es"))
    (line,) = faults(path, tmp_path / "not there")
    assert "set TMPDIR" in line
