"""`dub` on a file with a picture, as a user types it, on the engines that only pretend."""

import re
import signal
from importlib.util import find_spec

import av
import numpy as np
import orjson
import pytest
from cli_samples import read_wav, tone, write_encoded, write_wav
from test_cli_commands import dub, one_line, quick, service, start  # noqa: F401 - fixtures
from video_samples import (
    CODECS,
    RATE,
    audio_packets,
    cues,
    onsets,
    picture_packets,
    sound,
    write_video,
)

from sts_actors.cli.main import run
from sts_actors.cli.media import open_audio

SECONDS = 6.0


@pytest.fixture
def match(tmp_path):
    return write_video(tmp_path / "match.mp4", seconds=SECONDS, starts=(0.0,))


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def kinds(path):
    with av.open(str(path)) as container:
        return [(stream.type, stream.language) for stream in container.streams]


@pytest.mark.parametrize("suffix", CODECS)
def test_a_video_gets_a_second_audio_track_and_subtitles_in_it_and_beside_it(tmp_path, suffix):
    source = write_video(tmp_path / f"match{suffix}", seconds=SECONDS, starts=(0.5,))
    assert dub(source, "--to", "es") == 0
    output = tmp_path / f"match.es{suffix}"
    assert names(tmp_path) == sorted([source.name, output.name, "match.en.srt", "match.es.srt"])
    assert picture_packets(output) == picture_packets(source)
    assert audio_packets(output, 0) == audio_packets(source)
    assert [kind for kind, _ in kinds(output)] == ["video", "audio", "audio", "subtitle", "subtitle"]
    assert [language for _, language in kinds(output)[2:]] == ["spa", "spa", "eng"]
    dubbed, begins = sound(output, 1)
    original, first = sound(output, 0)
    assert begins + len(dubbed) / RATE == pytest.approx(first + len(original) / RATE, abs=0.05)
    # The fake voice begins with its fragment, which begins with the sound.
    assert onsets(dubbed * 2, begins)[0] == pytest.approx(0.5, abs=0.03)
    start_s, _, text = cues(output, 0)[0]
    assert start_s == pytest.approx(first, abs=0.002)
    beside = (tmp_path / "match.es.srt").read_text().splitlines()
    assert beside[1].startswith(f"00:00:00,{round(start_s * 1000):03}")
    assert beside[2] == text.splitlines()[0]


def test_several_languages_are_several_tracks_of_one_file(match, tmp_path, capsys):
    assert dub(match, "--to", "pt,es", "--report", "r.json") == 0
    output = tmp_path / "match.pt.es.mp4"
    assert kinds(output)[1:] == [
        *[("audio", language) for language in ("eng", "por", "spa")],
        *[("subtitle", language) for language in ("por", "spa", "eng")],
    ]
    assert names(tmp_path) == [
        "match.en.srt", "match.es.srt", "match.mp4", "match.pt.es.mp4", "match.pt.srt", "r.json",
    ]  # fmt: skip
    said = capsys.readouterr().out
    assert said.count(str(output)) == 1
    assert orjson.loads((tmp_path / "r.json").read_bytes())["output"] == str(output)


def test_a_name_of_ones_own_and_options(match, tmp_path):
    assert dub(match, "mine.mp4", "--replace-audio", "--no-subtitles") == 0
    assert kinds(tmp_path / "mine.mp4") == [("video", "und"), ("audio", "por")]
    assert (tmp_path / "mine.pt.srt").exists()


def test_a_wav_file_that_is_asked_for_is_the_sound_alone(match, tmp_path):
    assert dub(match, "mine.wav") == 0
    assert names(tmp_path) == ["match.mp4", "mine.en.srt", "mine.pt.srt", "mine.wav"]
    with open_audio(match) as audio:
        assert len(read_wav(tmp_path / "mine.wav")[0]) == sum(map(len, audio.blocks))


def test_a_folder_takes_a_video_and_another_container_is_one_that_takes_all(match, tmp_path):
    (tmp_path / "out").mkdir()
    assert dub(match, "out") == 0
    assert "match.pt.mp4" in names(tmp_path / "out")
    source = match.rename(tmp_path / "match.avi")
    assert dub(source) == 0
    assert picture_packets(tmp_path / "match.pt.mkv")


def test_of_several_audio_tracks_another_one_is_dubbed(tmp_path):
    source = write_video(tmp_path / "match.mkv", seconds=SECONDS, starts=(0.0, 1.0), languages=("fra", "eng"))
    assert dub(source, "--audio-track", "2") == 0
    output = tmp_path / "match.pt.mkv"
    assert [language for kind, language in kinds(output) if kind == "audio"] == ["fra", "eng", "por"]
    dubbed, begins = sound(output, 2)
    assert onsets(dubbed * 2, begins)[0] == pytest.approx(1.0, abs=0.03)


def test_a_video_goes_through_a_running_service(service, match, tmp_path):  # noqa: F811
    _, url = service
    assert run(["dub", str(match), "--url", url]) == 0
    assert [language for _, language in kinds(tmp_path / "match.pt.mp4")[1:3]] == ["eng", "por"]


def test_ctrl_c_and_the_same_command_again_give_the_whole_video(tmp_path):
    source = write_video(tmp_path / "match.mp4", seconds=8)
    process = start("dub", source, "--profile", "fake", "--live", "--fragment-seconds", "1")
    for line in process.stdout:
        if "spoken" in line:
            break
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "match.pt.mp4.part: the same command goes on" in err
    assert names(tmp_path / "match.pt.mp4.part") == [
        "journal.jsonl", "match.en.srt", "match.pt.srt", "match.pt.wav"
    ]  # fmt: skip
    assert dub(source, "--fragment-seconds", "1") == 0
    assert names(tmp_path) == ["match.en.srt", "match.mp4", "match.pt.mp4", "match.pt.srt"]
    assert picture_packets(tmp_path / "match.pt.mp4") == picture_packets(source)


def test_the_cover_of_a_record_is_no_picture(tmp_path):
    plain = write_encoded(tmp_path / "plain.m4a", "aac", tone(48_000 * 6, 1, rate=48_000), 48_000)
    cover = write_video(tmp_path / "cover.mp4", seconds=0.1)
    source = tmp_path / "song.mp4"
    with av.open(str(plain)) as sound_, av.open(str(source), "w") as container:
        picture = container.add_stream("mjpeg", rate=1)
        picture.width, picture.height, picture.pix_fmt = 64, 48, "yuvj420p"
        picture.disposition = av.stream.Disposition.attached_pic
        track = container.add_stream_from_template(sound_.streams.audio[0])
        frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), "rgb24")
        container.mux(picture.encode(frame) + picture.encode(None))
        for packet in sound_.demux():
            if packet.size:
                packet.stream = track
                container.mux(packet)
    cover.unlink()
    plain.unlink()
    assert dub(source) == 0
    assert names(tmp_path) == ["song.en.srt", "song.mp4", "song.pt.srt", "song.pt.wav"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["mute.mp4"], "mute.mp4 has no audio track: there is nothing to dub"),
        (["match.mp4", "--audio-track", "3"], "no audio track 3: it has 1 (eng), 2 (fra)"),
        (["match.mp4", "--audio-track", "0"], "--audio-track"),
        (["talk.wav", "talk.mp4"], "talk.wav has no picture: name the dub talk.wav"),
        (["match.mp4", "match.mp4"], "written over"),
        (["match.mp4", "out.avi"], "with a picture, as one of .mp4"),
        (["match.mp4", "out.webm"], "does not go into out.webm"),
        (["broken.mp4"], "is not an audio file"),
        (["locked.mp4"], "its sound cannot be decoded: it is encrypted or damaged"),
    ],
)
def test_bad_input_is_one_line_that_says_what(arguments, words, tmp_path, capsys):
    whole = write_video(tmp_path / "match.mp4", starts=(0.0, 0.0), languages=("eng", "fra"))
    write_video(tmp_path / "mute.mp4", starts=())
    write_wav(tmp_path / "talk.wav", tone(1600))
    (tmp_path / "broken.mp4").write_bytes(whole.read_bytes()[:3000])
    locked = bytearray(whole.read_bytes())
    with av.open(str(whole)) as container:
        for packet in container.demux(container.streams.audio[0]):
            if packet.size:
                locked[packet.pos : packet.pos + packet.size] = b"\xff" * packet.size
    (tmp_path / "locked.mp4").write_bytes(locked)
    before = names(tmp_path)
    code = dub(*arguments)
    assert code == 2
    assert words in one_line(capsys)
    kept = {"out.webm.part"} if "out.webm" in arguments else set()
    assert set(names(tmp_path)) - kept == set(before)


@pytest.mark.models
@pytest.mark.skipif(find_spec("faster_whisper") is None, reason="needs the extra `embedded`")
def test_real_speech_is_dubbed_in_step_with_its_picture(tmp_path):
    from sts_actors.cli.demo import find_speech

    source = tmp_path / "speech.mkv"
    with open_audio(find_speech()) as audio:
        rate, pcm = (
            audio.sample_rate_hz,
            np.concatenate(list(audio.blocks))[: round(audio.sample_rate_hz * 6.4)],
        )
    silent = write_video(tmp_path / "silent.mp4", seconds=8, starts=())
    with av.open(str(silent)) as picture, av.open(str(source), "w") as container:
        video = container.add_stream_from_template(picture.streams.video[0])
        track = container.add_stream("aac", rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(pcm.reshape(1, -1), "s16", "mono")
        frame.sample_rate, frame.pts = rate, rate
        packets = track.encode(frame) + track.encode(None)
        for packet in picture.demux():
            if packet.size:
                packet.stream = video
                packets.append(packet)
        packets.sort(key=lambda each: each.dts * each.time_base)
        for packet in packets:
            container.mux(packet)
    assert run(["dub", str(source)]) == 0
    output = tmp_path / "speech.pt.mkv"
    assert picture_packets(output) == picture_packets(source)
    heard, begins = sound(output, 1)
    assert not heard[: round((0.95 - begins) * RATE)].any()
    assert np.abs(heard[RATE:]).max() > 0.05
    text = " ".join(said for _, _, said in cues(output, 1)).lower()
    assert re.search("best of times.*worst of times", text.replace("\n", " "))
