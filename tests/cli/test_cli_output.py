import errno
import tempfile
from pathlib import Path

import numpy as np
import pytest
from cli_samples import read_wav, tone, write_wav
from hypothesis import given
from hypothesis import strategies as st

from sts_actors.cli.errors import CommandError
from sts_actors.cli.naming import outputs_by_language
from sts_actors.cli.output import SHORTEST_CUE_MS, DubWriter
from sts_actors.client import Utterance


def paths(tmp_path, wanted=None):
    return output_paths(tmp_path / "talk.mp3", wanted)


def output_paths(source, wanted):
    (its,) = outputs_by_language(source, wanted, source_language="en", target_languages=["pt"])
    return its


def writer(tmp_path, its=None, **more):
    its = its or paths(tmp_path)
    its.part.mkdir(exist_ok=True)
    return DubWriter(its, sample_rate_hz=16_000, channels=1, **more)


def broken_off(dub, *fragments):
    with dub:
        for pcm in fragments:
            dub.add(pcm, "one", "um")
        raise KeyboardInterrupt


def test_a_dub_and_its_subtitles_lie_beside_the_input(tmp_path):
    its = paths(tmp_path)
    assert [path.name for path in its.all()] == ["talk.en.srt", "talk.pt.srt", "talk.pt.wav"]
    assert its.wav.parent == tmp_path


def test_a_folder_or_a_name_of_ones_own_is_taken(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    assert paths(tmp_path, folder).wav == folder / "talk.pt.wav"
    named = paths(tmp_path, tmp_path / "mine.wav")
    assert [path.name for path in named.all()] == ["mine.en.srt", "mine.pt.srt", "mine.wav"]


def test_a_name_that_is_no_wav_is_mended_in_the_message(tmp_path):
    with pytest.raises(CommandError, match=r"mine\.wav"):
        paths(tmp_path, tmp_path / "mine.mp3")


def test_the_input_is_never_written_over(tmp_path):
    source = write_wav(tmp_path / "talk.wav", tone(10))
    with pytest.raises(CommandError, match="written over"):
        output_paths(source, source)


def test_fragments_and_texts_are_joined_in_order(tmp_path):
    pcm = tone(32_000)
    with writer(tmp_path) as dub:
        dub.add(pcm[:16_000], "one", "um")
        dub.add(pcm[16_000:], "two", "dois")
    written, rate = read_wav(dub.paths.partial.wav)
    assert np.array_equal(written, pcm)
    assert rate == 16_000
    assert dub.paths.partial.source_srt.read_text() == (
        "1\n00:00:00,000 --> 00:00:01,000\none\n\n2\n00:00:01,000 --> 00:00:02,000\ntwo\n\n"
    )
    assert "dois" in dub.paths.partial.target_srt.read_text()


def test_what_was_written_before_a_failure_is_readable(tmp_path):
    dub = writer(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        broken_off(dub, tone(16_000))
    written, _ = read_wav(dub.paths.partial.wav)
    assert len(written) == 16_000
    assert not dub.paths.wav.exists()
    assert dub.paths.partial.source_srt.read_text().endswith("one\n\n")


def test_the_file_can_be_played_at_any_moment(tmp_path):
    with writer(tmp_path) as dub:
        dub.add(tone(8_000), "", "")
        assert len(read_wav(dub.paths.partial.wav)[0]) == 8_000


def test_an_earlier_dub_stands_until_the_new_one_is_whole(tmp_path):
    earlier = write_wav(paths(tmp_path).wav, tone(5))
    with pytest.raises(KeyboardInterrupt):
        broken_off(writer(tmp_path), tone(16_000))
    assert len(read_wav(earlier)[0]) == 5


def test_a_place_that_cannot_be_written_is_told_before_any_work(tmp_path):
    its = paths(tmp_path)
    with pytest.raises(CommandError, match=r"cannot write .*give another OUTPUT"):
        DubWriter(its, sample_rate_hz=16_000, channels=1).__enter__()


def test_a_full_disk_is_one_line_and_keeps_what_there_is(tmp_path, monkeypatch):
    def full(data):
        raise OSError(errno.ENOSPC, "No space left on device")

    def fill(dub):
        with dub:
            dub.add(tone(16_000), "", "")
            monkeypatch.setattr(dub._wav, "append", full)
            dub.add(tone(16_000), "", "")

    dub = writer(tmp_path)
    with pytest.raises(CommandError, match="No space left"):
        fill(dub)
    assert len(read_wav(dub.paths.partial.wav)[0]) == 16_000


def test_a_dub_beyond_the_limit_of_wav_is_refused_in_words(tmp_path, monkeypatch):
    monkeypatch.setattr("sts_actors.cli.output.MAX_DATA_BYTES", 3_000)
    with pytest.raises(CommandError, match="4 GiB"):
        broken_off(writer(tmp_path), tone(1_000), tone(1_000))


def by_language(tmp_path, wanted=None):
    return outputs_by_language(
        tmp_path / "talk.mp3", wanted, source_language="en", target_languages=["pt", "es"]
    )


def test_several_languages_have_a_dub_each_and_the_source_once(tmp_path):
    first, second = by_language(tmp_path)
    assert [path.name for path in first.all()] == ["talk.en.srt", "talk.pt.srt", "talk.pt.wav"]
    assert [path.name for path in second.all()] == ["talk.es.srt", "talk.es.wav"]
    assert [path.name for path in second.partial.all()] == ["talk.es.srt", "talk.es.wav"]
    assert {path.parent for path in (*first.partial.all(), *second.partial.all())} == {
        tmp_path / "talk.pt.wav.part"
    }


@pytest.mark.parametrize("wanted", ["mine.wav", "mine.pt.wav", "mine.es.wav"])
def test_a_name_of_ones_own_gets_the_languages_into_it(tmp_path, wanted):
    first, second = by_language(tmp_path, tmp_path / wanted)
    assert [path.name for path in first.all()] == ["mine.en.srt", "mine.pt.srt", "mine.pt.wav"]
    assert [path.name for path in second.all()] == ["mine.es.srt", "mine.es.wav"]


def test_several_languages_go_into_a_folder_together(tmp_path):
    assert [its.wav.parent for its in by_language(tmp_path, tmp_path)] == [tmp_path, tmp_path]
    with pytest.raises(CommandError, match=r"mine\.pt\.wav"):
        by_language(tmp_path, tmp_path / "mine.mp3")


def test_one_language_keeps_the_name_that_it_was_given(tmp_path):
    (its,) = outputs_by_language(
        tmp_path / "talk.mp3", tmp_path / "mine.wav", source_language="en", target_languages=["pt"]
    )
    assert its == paths(tmp_path, tmp_path / "mine.wav")


def test_a_dub_without_subtitles_of_its_source_writes_the_rest(tmp_path):
    _, second = by_language(tmp_path)
    with writer(tmp_path, second) as dub:
        dub.add(tone(16_000), "one", "uno")
    assert sorted(path.name for path in second.part.iterdir()) == ["talk.es.srt", "talk.es.wav"]
    assert "uno" in second.partial.target_srt.read_text()


def test_a_tail_sounds_on_after_the_last_fragment_and_is_read_there(tmp_path):
    with writer(tmp_path) as dub:
        dub.add(tone(16_000), "one", "um")
        assert dub.add_tail(tone(32_000), "two", "dois") == 2.0
    assert len(read_wav(dub.paths.partial.wav)[0]) == 48_000
    assert dub.paths.partial.source_srt.read_text().endswith("2\n00:00:01,000 --> 00:00:03,000\ntwo\n\n")
    assert dub.paths.partial.target_srt.read_text().endswith("2\n00:00:01,000 --> 00:00:03,000\ndois\n\n")


def test_words_without_sound_are_shown_long_enough_to_be_read(tmp_path):
    with writer(tmp_path) as dub:
        dub.add(tone(16_000), "one", "um")
        assert dub.add_tail(tone(0), "two", "dois") == 0.0
    assert SHORTEST_CUE_MS == 1000
    assert len(read_wav(dub.paths.partial.wav)[0]) == 16_000
    assert dub.paths.partial.target_srt.read_text().endswith("2\n00:00:01,000 --> 00:00:02,000\ndois\n\n")


def phrase(start_ms, end_ms, source, target):
    return Utterance(start_ms=start_ms, end_ms=end_ms, transcript=source, translated_text=target)


def times(path):
    return [line for line in path.read_text().splitlines() if "-->" in line]


def test_subtitles_stand_where_a_phrase_was_said_be_it_in_the_fragment_before(tmp_path):
    with writer(tmp_path) as dub:
        dub.add(tone(32_000), "one", "um", [phrase(200, 900, "one", "um")])
        dub.add(
            tone(32_000),
            "two three",
            "dois tres",
            [phrase(-600, 300, "two", "dois"), phrase(800, 1500, "three", "tres")],
        )
        dub.add_tail(tone(16_000), "four", "quatro", [phrase(-300, 0, "four", "quatro")])
    expected = [
        "00:00:00,200 --> 00:00:00,900",
        "00:00:01,400 --> 00:00:02,300",
        "00:00:02,800 --> 00:00:03,500",
        "00:00:03,700 --> 00:00:04,000",
    ]
    assert times(dub.paths.partial.source_srt) == times(dub.paths.partial.target_srt) == expected
    assert "three" in dub.paths.partial.source_srt.read_text()
    assert "quatro" in dub.paths.partial.target_srt.read_text()


SPANS = st.lists(st.tuples(st.integers(-9000, 9000), st.integers(-9000, 9000)), max_size=4)


@given(st.lists(SPANS, min_size=1, max_size=4))
def test_whatever_times_a_service_gives_no_subtitle_stands_over_another(fragments):
    with tempfile.TemporaryDirectory() as folder, writer(Path(folder)) as dub:
        for spans in fragments:
            dub.add(tone(16_000), "one", "um", [phrase(*span, "one", "um") for span in spans])
        shown = times(dub.paths.partial.target_srt)
    assert len(shown) == sum(len(spans) or 1 for spans in fragments)
    edges = [edge for line in shown for edge in line.split(" --> ")]
    assert edges == sorted(edges)
    assert all(len(set(line.split(" --> "))) == 2 for line in shown)
