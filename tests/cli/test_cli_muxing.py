"""A picture and its dub in one file: what was there stays as it was, what is new is in step with it."""

import tempfile
from fractions import Fraction
from pathlib import Path

import attrs
import av
import numpy as np
import pytest
from cli_samples import read_wav, tone, write_wav
from hypothesis import given, settings
from hypothesis import strategies as st
from video_samples import (
    CODECS,
    FPS,
    RATE,
    audio_packets,
    cues,
    onsets,
    picture_packets,
    sound,
    write_video,
)

from sts_actors.cli.errors import CommandError
from sts_actors.cli.media import open_audio
from sts_actors.cli.picture.muxing import Dubbed, Muxing
from sts_actors.cli.srt import cues as lay
from sts_actors.cli.srt import render

TEXTS = {"en": "one <two> & {three}", "pt": "um\\Ndois três", "es": "uno"}


def write_srt(folder, language, starts_ms=(100, 1500)):
    laid = [cue for start in starts_ms for cue in lay(TEXTS[language], start, start + 900)]
    path = folder / f"match.{language}.srt"
    path.write_text(render(1, laid), encoding="utf-8")
    return path


def muxing(source, suffix=None, *, languages=("pt",), track=1, **more):
    """The sound of `source` itself as the dub of it: what is heard twice must be heard at once."""
    with open_audio(source, track) as audio:
        wav = write_wav(source.with_suffix(".wav"), np.concatenate(list(audio.blocks)), audio.sample_rate_hz)
    return Muxing(
        source=source,
        output=source.with_name(f"out{suffix or source.suffix}"),
        dubs=tuple(Dubbed(language=tag, wav=wav, srt=write_srt(source.parent, tag)) for tag in languages),
        source_language="en",
        source_srt=write_srt(source.parent, "en"),
        audio_track=track,
        start_s=audio.start_s,
        **more,
    )


def write(muxing):
    for _ in muxing.steps():
        pass
    return muxing.output


def tracks(path):
    with av.open(str(path)) as container:
        return [(stream.type, stream.language, stream.disposition) for stream in container.streams]


@pytest.mark.parametrize("suffix", CODECS)
def test_the_picture_and_the_original_sound_are_copied_bit_for_bit(tmp_path, suffix):
    source = write_video(tmp_path / f"match{suffix}")
    output = write(muxing(source))
    assert picture_packets(output) == picture_packets(source)
    assert audio_packets(output, 0) == audio_packets(source)
    assert [kind for kind, _, _ in tracks(output)] == ["video", "audio", "audio", "subtitle", "subtitle"]


@pytest.mark.parametrize("suffix", CODECS)
def test_a_picture_whose_sound_begins_later_stays_in_step_with_its_dub(tmp_path, suffix):
    source = write_video(tmp_path / f"match{suffix}", starts=(0.5,))
    output = write(muxing(source))
    original, dub = onsets(*sound(output, 0)), onsets(*sound(output, 1))
    assert original == pytest.approx([0.75, 1.25, 1.75, 2.25, 2.75], abs=0.005)
    assert dub == pytest.approx(original, abs=0.003)


@settings(max_examples=12, deadline=None)
@given(
    suffix=st.sampled_from(sorted(CODECS)),
    start=st.integers(0, 1500).map(lambda ms: ms / 1000),
    begin=st.sampled_from([0.0, 1.4]),
)
def test_whenever_its_sound_begins_a_dub_is_heard_with_it_and_lasts_as_long(suffix, start, begin):
    with tempfile.TemporaryDirectory() as folder:
        source = write_video(Path(folder) / f"match{suffix}", starts=(start,), begin=begin)
        its = muxing(source)
        output = write(its)
        (original, first), (dub, begins) = sound(output, 0), sound(output, 1)
        assert onsets(dub, begins) == pytest.approx(onsets(original, first), abs=0.003)
        written, rate = read_wav(its.dubs[0].wav)
        # Encoders fill their last frame up.
        assert its.start_s + len(written) / rate <= begins + len(dub) / RATE + 0.002
        assert begins + len(dub) / RATE < its.start_s + len(written) / rate + 0.05
        shown = [at for _, at, _ in picture_packets(output)]
        assert max(b - a for a, b in zip(sorted(shown), sorted(shown)[1:], strict=False)) == Fraction(1, FPS)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_gap_in_the_sound_is_a_gap_in_the_dub(tmp_path, suffix):
    source = write_video(tmp_path / f"match{suffix}", seconds=5, gap=(1.1, 3.1))
    output = write(muxing(source))
    dub = onsets(*sound(output, 1))
    assert dub == pytest.approx([0.25, 0.75, 3.25, 3.75, 4.25, 4.75], abs=0.03)


@pytest.mark.parametrize(
    ("suffix", "codes"), [(".mp4", ["deu", "por"]), (".mkv", ["ger", "por"]), (".webm", ["ger", "por"])]
)
def test_each_track_says_its_language_and_the_first_dub_plays_by_itself(tmp_path, suffix, codes):
    TEXTS["de"] = "eins"
    source = write_video(tmp_path / f"match{suffix}")
    _, original, *rest = tracks(write(muxing(source, languages=("de", "pt"))))
    flags = av.stream.Disposition
    assert original[1] == "eng"
    assert not original[2] & flags.default
    assert [(kind, language) for kind, language, _ in rest] == [
        *(("audio", code) for code in codes),
        *(("subtitle", code) for code in [*codes, "eng"]),
    ]
    assert [bool(disposition & flags.default) for _, _, disposition in rest[:2]] == [True, False]
    if suffix != ".webm":  # which has no room for it
        assert all(disposition & flags.dub for _, _, disposition in rest[:2])


def test_a_language_that_the_original_names_itself_stands(tmp_path):
    source = write_video(tmp_path / "match.mp4", languages=("fra",))
    assert tracks(write(muxing(source)))[1][1] == "fra"


def test_the_original_sound_can_be_left_out(tmp_path):
    source = write_video(tmp_path / "match.mp4")
    its = muxing(source, replace_audio=True, subtitles=False)
    assert [(kind, language) for kind, language, _ in tracks(write(its))] == [
        ("video", "und"),
        ("audio", "por"),
    ]
    assert its.left_out() == ()


def test_of_several_audio_tracks_the_dubbed_one_is_replaced_and_the_rest_stay(tmp_path):
    source = write_video(tmp_path / "match.mkv", starts=(0.0, 1.0), languages=("eng", "fra"))
    output = write(muxing(source, track=2, replace_audio=True, subtitles=False))
    assert [language for _, language, _ in tracks(output)[1:]] == ["eng", "por"]
    assert audio_packets(output, 0) == audio_packets(source, 0)
    assert onsets(*sound(output, 1)) == pytest.approx(onsets(*sound(source, 1)), abs=0.003)


@pytest.mark.parametrize("suffix", CODECS)
def test_subtitles_stand_in_the_file_as_beside_it(tmp_path, suffix):
    source = write_video(tmp_path / f"match{suffix}")
    output = write(muxing(source, languages=("pt", "es")))
    for track, language in enumerate(("pt", "es", "en")):
        text = TEXTS[language]
        if suffix == ".webm":
            text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        assert cues(output, track) == [
            (pytest.approx(0.1, abs=0.002), pytest.approx(1.0, abs=0.002), text),
            (pytest.approx(1.5, abs=0.002), pytest.approx(2.4, abs=0.002), text),
        ]


def test_a_picture_goes_into_another_container_as_it_is(tmp_path):
    source = write_video(tmp_path / "match.mp4", starts=(0.5,))
    output = write(muxing(source, ".mkv"))
    assert [(data, key) for data, _, key in picture_packets(output)] == [
        (data, key) for data, _, key in picture_packets(source)
    ]
    assert onsets(*sound(output, 1)) == pytest.approx(onsets(*sound(output, 0)), abs=0.003)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_cutting_from_a_broadcast_that_begins_late_begins_at_once(tmp_path, suffix):
    source = write_video(tmp_path / "match.mkv", begin=1.4)
    output = write(muxing(source, suffix))
    shown = [at for _, at, _ in picture_packets(output)]
    assert (min(shown), len(shown)) == (0, 75)
    assert onsets(*sound(output, 0))[0] == pytest.approx(0.25, abs=0.005)
    assert onsets(*sound(output, 1))[0] == pytest.approx(0.25, abs=0.005)


def test_a_picture_that_does_not_go_into_a_container_is_told_with_one_that_takes_it(tmp_path):
    source = write_video(tmp_path / "match.mp4")
    with pytest.raises(CommandError, match=r"does not go into out\.webm .*\.mkv"):
        write(muxing(source, ".webm"))


def test_what_a_file_is_called_and_its_chapters_stay(tmp_path):
    plain = write_video(tmp_path / "plain.mkv")
    source = tmp_path / "match.mkv"
    with av.open(str(plain)) as read, av.open(str(source), "w") as container:
        container.metadata["title"] = "The match"
        container.set_chapters(
            [{"id": 1, "start": 0, "end": 2000, "time_base": Fraction(1, 1000), "metadata": {"title": "One"}}]
        )
        copies = {stream.index: container.add_stream_from_template(stream) for stream in read.streams}
        for packet in (packet for packet in read.demux() if packet.size):
            packet.stream = copies[packet.stream.index]
            container.mux(packet)
    with av.open(str(write(muxing(source)))) as container:
        assert container.metadata["title"] == "The match"
        assert [chapter["metadata"]["title"] for chapter in container.chapters()] == ["One"]


def test_subtitles_of_the_input_stay_in_a_container_of_its_kind_and_are_named_where_not(tmp_path):
    source = write(muxing(write_video(tmp_path / "match.mkv"))).rename(tmp_path / "first.mkv")
    its = muxing(source)
    assert [kind for kind, _, _ in tracks(write(its))].count("subtitle") == 4
    assert its.left_out() == ()
    other = attrs.evolve(its, output=tmp_path / "out.mp4")
    assert other.left_out() == ("subtitle track 3", "subtitle track 4")
    assert [kind for kind, _, _ in tracks(write(other))].count("subtitle") == 2


@pytest.mark.parametrize("rate", [8_000, 10_000, 44_100])
@pytest.mark.parametrize(("suffix", "channels"), [(".mp4", 1), (".webm", 2)])
def test_a_dub_of_any_rate_is_as_long_as_it_was(tmp_path, rate, suffix, channels):
    source = write_video(tmp_path / f"match{suffix}")
    its = muxing(source)
    write_wav(its.dubs[0].wav, tone(rate * 2 + 7, channels, rate=rate), rate)
    heard, begins = sound(write(its), 1)
    assert begins == pytest.approx(0, abs=0.002)
    # At the end of its last frame, of which there may be one more, rounded up.
    assert 2 - 0.002 < len(heard) / RATE < 2 + 3 * 1024 / rate
    assert np.abs(heard[RATE // 2 : RATE]).max() == pytest.approx(0.5, abs=0.1)


def test_a_video_that_is_cut_short_gives_what_is_there(tmp_path):
    whole = write_video(tmp_path / "match.mkv", seconds=4)
    whole.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    output = write(muxing(whole))
    assert picture_packets(output) == picture_packets(whole)
    assert len(picture_packets(output)) > 25


def test_a_place_that_cannot_be_written_is_one_line(tmp_path):
    its = attrs.evolve(muxing(write_video(tmp_path / "match.mp4")), output=tmp_path / "nowhere" / "out.mp4")
    with pytest.raises(CommandError, match="cannot write"):
        write(its)
