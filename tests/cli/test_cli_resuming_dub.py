"""A dub that was broken off, and the same command once more."""

import io
import signal

import numpy as np
import orjson
import pytest
import trio
from cli_samples import read_wav, tone, write_wav
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from test_cli_commands import RATE, dub, one_line, quick, start  # noqa: F401 - quick is a fixture
from test_cli_dubbing import FakeStream, left, processed, service  # noqa: F401 - idem
from video_samples import audio_packets, picture_packets, write_video

from sts_actors.cli.dubbing import DubRequest, DubRun
from sts_actors.cli.errors import CommandError
from sts_actors.cli.media import AudioFile, cut
from sts_actors.cli.naming import outputs_by_language
from sts_actors.cli.output import DubWriter
from sts_actors.cli.progress import Display
from sts_actors.cli.unfinished.going_on import Beginning, digest, go_on
from sts_actors.cli.unfinished.journal import Journal


@pytest.fixture
def interrupted(monkeypatch):
    """Ctrl-C as soon as so many dubs of fragments are written; None: never."""
    add = Journal.add

    def after(count):
        written = []

        def counted(self, language, entry):
            add(self, language, entry)
            written.append(entry.number)
            if len(written) == count:
                raise KeyboardInterrupt

        monkeypatch.setattr(Journal, "add", counted)
        return written

    yield after
    monkeypatch.setattr(Journal, "add", add)


def words(seconds, seed=3):
    """A tone that is louder and softer each 0.4 s: all fragments differ."""
    levels = np.random.default_rng(seed).choice([0.02, 0.05, 0.1, 0.3, 0.8], size=round(seconds / 0.4) + 1)
    frames = round(seconds * RATE)
    return (tone(frames) * np.repeat(levels, round(0.4 * RATE))[:frames, None]).astype(np.int16)


@pytest.fixture
def talk(tmp_path):
    return write_wav(tmp_path / "talk.wav", words(20 + 7 / RATE))


def outcome(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def resumed(tmp_path):
    return (tmp_path / "talk.pt.wav.part").exists()


# Each fragment for itself: then a dub in one go and one in two are the same, bit for bit.
ALONE = ("--seam", "fixed", "--fragment-seconds", "3")


@pytest.mark.parametrize("count", range(1, 8))
def test_a_dub_in_two_goes_is_the_same_as_in_one_bit_for_bit(talk, tmp_path, interrupted, count):
    assert dub(talk, *ALONE) == 0
    whole = outcome(tmp_path)
    for path in tmp_path.glob("talk.*.*"):
        path.unlink()
    interrupted(count)
    assert dub(talk, *ALONE) == 130
    assert resumed(tmp_path)
    written = interrupted(None)
    assert dub(talk, *ALONE) == 0
    assert written == list(range(count, 7))
    assert outcome(tmp_path) == whole


@pytest.mark.parametrize("counts", [(1, 1, 1), (2, 3), (7,), (1, 6)])
def test_carried_words_or_not_each_fragment_is_there_once_and_the_length_is_that_of_the_input(
    talk, tmp_path, interrupted, counts
):
    every = []
    for count in (*counts, None):
        written = interrupted(count)
        code = dub(talk, "--seam", "carry", "--fragment-seconds", "3", "--report", "r.json")
        every += written
        assert code == (130 if count else 0)
    assert every == list(range(7))
    report = orjson.loads((tmp_path / "r.json").read_bytes())
    assert [f["sequence_number"] for f in report["fragments"]] == list(range(7))
    assert report["complete"] is True
    tail = round(report["tail_s"] * RATE)
    assert abs(len(read_wav(tmp_path / "talk.pt.wav")[0]) - (20 * RATE + 7) - tail) < RATE // 1000
    assert not resumed(tmp_path)


def test_what_was_dubbed_is_said_and_the_times_go_on(talk, tmp_path, interrupted, capsys):
    interrupted(3)
    dub(talk, *ALONE)
    assert "0:09 are kept in" in one_line(capsys)
    interrupted(None)
    assert dub(talk, *ALONE, "--report", "r.json") == 0
    assert "going on from 9 s, which are dubbed" in capsys.readouterr().out
    times = [f["latency_ms"] for f in orjson.loads((tmp_path / "r.json").read_bytes())["fragments"]]
    assert len(times) == 7
    assert all(time is not None for time in times)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (("--fragment-seconds", "2"), "other options (fragment seconds)"),
        (("--bed", "duck"), "other options (bed)"),
        (("--voice", "tone"), "other options (voice)"),
        (("--fresh",), "as asked for"),
        ("input", "its input was another one"),
    ],
)
def test_a_changed_input_or_option_begins_anew_and_says_so(talk, tmp_path, interrupted, capsys, change, why):
    interrupted(3)
    dub(talk, *ALONE)
    if change == "input":
        pcm = words(20 + 7 / RATE)
        pcm[RATE * 5] += 1
        write_wav(talk, pcm)
    capsys.readouterr()
    written = interrupted(None)
    assert dub(talk, *ALONE, *(() if change == "input" else change)) == 0
    assert written[0] == 0
    said = " ".join(capsys.readouterr().out.split())
    assert f"beginning anew: {'it was made with ' if 'options' in why else ''}{why}" in said


def test_a_change_after_what_is_dubbed_is_none(talk, tmp_path, interrupted):
    interrupted(3)
    dub(talk, *ALONE)
    write_wav(talk, np.concatenate([words(20 + 7 / RATE), words(5, seed=9)]))
    written = interrupted(None)
    assert dub(talk, *ALONE) == 0
    assert written[0] == 3
    assert len(read_wav(tmp_path / "talk.pt.wav")[0]) == RATE * 25 + 7


def test_a_dub_that_is_whole_needs_no_service_any_more_and_one_that_grew_does(
    talk, tmp_path, interrupted, monkeypatch
):
    def full(self, paths):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("sts_actors.cli.unfinished.part_folder.PartFolder.deliver", full)
        assert dub(talk, *ALONE) == 130
        assert dub(talk, *ALONE) == 130
    longer = write_wav(tmp_path / "longer.wav", words(26)).read_bytes()
    short = talk.read_bytes()
    written = interrupted(None)
    with monkeypatch.context() as patch:
        patch.setattr("sts_actors.cli.unfinished.part_folder.PartFolder.deliver", full)
        assert dub(talk, *ALONE) == 130
    assert written == []
    talk.write_bytes(longer)
    assert dub(talk, *ALONE) == 0
    assert written == list(range(9))
    assert len(longer) > len(short)


@pytest.mark.parametrize("lost", ["journal", "sound", "subtitles", "nonsense", "hole"])
def test_what_a_crash_left_half_written_is_dubbed_again(talk, tmp_path, interrupted, lost):
    assert dub(talk, *ALONE) == 0
    whole = outcome(tmp_path)
    for path in tmp_path.glob("talk.*.*"):
        path.unlink()
    interrupted(4)
    dub(talk, *ALONE)
    part = tmp_path / "talk.pt.wav.part"
    journal, wav, srt = part / "journal.jsonl", part / "talk.pt.wav", part / "talk.pt.srt"
    lines = journal.read_bytes().splitlines(keepends=True)
    if lost == "journal":
        journal.write_bytes(journal.read_bytes()[:-9])
    elif lost == "sound":
        wav.write_bytes(wav.read_bytes()[: -RATE * 2])
    elif lost == "subtitles":
        srt.write_bytes(srt.read_bytes()[:-3])
    elif lost == "nonsense":
        journal.write_bytes(b"".join(lines[:-1]) + b'{"language": 3}\n')
    else:
        journal.write_bytes(b"".join([*lines[:-2], lines[-1]]))
    written = interrupted(None)
    assert dub(talk, *ALONE) == 0
    assert written[0] == (2 if lost == "hole" else 3)
    assert outcome(tmp_path) == whole


def test_two_dubs_do_not_write_in_one_place(talk, tmp_path, interrupted, capsys):
    interrupted(3)
    dub(talk, *ALONE)
    capsys.readouterr()
    other = Journal(tmp_path / "talk.pt.wav.part" / "journal.jsonl")
    assert dub(talk, *ALONE) == 2
    assert "another dub is being written in" in one_line(capsys)
    other.close()
    assert dub(talk, *ALONE) == 0


def test_nothing_is_removed_that_somebody_else_has_put_there(talk, tmp_path):
    part = tmp_path / "talk.pt.wav.part"
    part.mkdir()
    (part / "mine.txt").write_text("mine")
    assert dub(talk) == 0
    assert [path.name for path in part.iterdir()] == ["mine.txt"]


def test_several_languages_go_on_together(talk, tmp_path, interrupted):
    several = ("--to", "pt,es", *ALONE)
    assert dub(talk, *several) == 0
    whole = outcome(tmp_path)
    for path in tmp_path.glob("talk.*.*"):
        path.unlink()
    interrupted(5)
    dub(talk, *several)
    written = interrupted(None)
    assert dub(talk, *several) == 0
    # Of one language there was a fragment more than of the other: it is dubbed again.
    assert sorted(written) == sorted([*range(2, 7)] * 2)
    assert outcome(tmp_path) == whole


def test_a_video_goes_on_where_it_was_broken_off(tmp_path, interrupted):
    source = write_video(tmp_path / "match.mp4", seconds=9.5, starts=(0.5,))
    interrupted(2)
    assert dub(source, *ALONE) == 130
    assert not (tmp_path / "match.pt.mp4").exists()
    written = interrupted(None)
    assert dub(source, *ALONE) == 0
    assert written[0] == 2
    output = tmp_path / "match.pt.mp4"
    assert picture_packets(output) == picture_packets(source)
    assert audio_packets(output, 0) == audio_packets(source)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "match.en.srt",
        "match.mp4",
        "match.pt.mp4",
        "match.pt.srt",
    ]


def test_a_killed_dub_goes_on(talk, tmp_path, interrupted):
    process = start("dub", talk, "--profile", "fake", "--live", "--seam", "fixed", "--fragment-seconds", "1")
    for line in process.stdout:
        if "spoken" in line:
            break
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=10)
    written = interrupted(None)
    assert dub(talk, "--seam", "fixed", "--fragment-seconds", "1") == 0
    assert written[0] >= 1
    assert len(read_wav(tmp_path / "talk.pt.wav")[0]) == RATE * 20 + 7


# -- what is heard again ------------------------------------------------------------------------------------


@given(frames=st.integers(1, 200), size=st.integers(1, 30), count=st.integers(0, 12), again=st.integers(0, 4))
def test_what_is_heard_again_comes_right_before_what_counts(frames, size, count, again):
    pcm = np.arange(frames, dtype=np.int16)[:, None]
    whole = list(cut([pcm], size))
    count = min(count, len(whole))
    beginning = go_on(iter(whole), [digest(each) for each in whole[:count]], again)
    assert beginning.dubbed == count
    assert beginning.first == max(count - again, 0)
    assert beginning.resumed_at == sum(map(len, whole[:count]))
    assert beginning.position == sum(map(len, whole[: beginning.first]))
    rest = list(beginning.fragments)
    assert np.array_equal(np.concatenate([pcm[:0], *rest]), pcm[beginning.position :])
    assert [len(each) for each in rest] == [len(each) for each in whole[beginning.first :]]


@given(st.integers(0, 9), st.integers(0, 9))
def test_an_input_that_differs_or_ends_in_what_is_dubbed_is_another_one(at, count):
    pcm = np.arange(100, dtype=np.int16)[:, None]
    known = [digest(each) for each in cut([pcm], 10)]
    other = pcm.copy()
    other[at * 10] += 1
    beginning = go_on(cut([other], 10), known[:count])
    assert (beginning is None) == (at < count)
    assert go_on(cut([pcm[:50]], 10), known[:6]) is None


async def test_a_service_hears_again_what_came_before_and_its_answers_to_that_do_not_count(
    service,  # noqa: F811
    tmp_path,
    autojump_clock,
):
    pcm = words(20)
    fragments = list(cut([pcm], RATE * 4))
    paths = outputs_by_language(tmp_path / "in.wav", None, source_language="en", target_languages=["pt"])
    paths[0].part.mkdir()
    journal = Journal(tmp_path / "journal")
    journal.begin({})

    async def run(stream, beginning):
        service["stream"] = stream
        written = journal.entries["pt"][-1].written if beginning.dubbed else None
        with DubWriter(paths[0], sample_rate_hz=RATE, channels=1, written=written) as writer:
            its = DubRun(
                request=DubRequest(source_language="en", target_language="pt", fragment_s=4.0, live=True),
                audio=AudioFile(sample_rate_hz=RATE, channels=1),
                writers=[writer],
                display=Display(Console(file=io.StringIO())),
                beginning=beginning,
                journal=journal,
            )
            await its.through("http://127.0.0.1:1")
        return its

    cut_off = FakeStream(answer=lambda number, audio: processed(number, audio) if number < 3 else [])
    with pytest.RaisesGroup(CommandError, flatten_subgroups=True):
        await run(cut_off, Beginning(fragments=iter(fragments)))
    known = [entry.digest for entry in journal.entries["pt"]]
    stream = FakeStream(took_s=0.5, room=9, tail=[left("pt", tone(RATE).tobytes())])
    began = trio.current_time()
    its = await run(stream, go_on(iter(fragments), known))
    # Two are heard again, at once, numbered from 0; the others come when they are spoken.
    assert [np.frombuffer(audio, "<i2").tolist() for audio in stream.sent.values()] == [
        each[:, 0].tolist() for each in fragments[1:]
    ]
    assert list(stream.sent) == [0, 1, 2, 3]
    assert [at - began for at in stream.sent_at] == pytest.approx([0, 0, 4, 8], abs=0.01)
    assert np.array_equal(read_wav(paths[0].partial.wav)[0], np.concatenate([-pcm, tone(RATE)]))
    assert [f.sequence_number for f in its.fragments] == [0, 1, 2, 3, 4]
    # The times go on where those of the first run ended: its last answer came at 13 s.
    assert [f.answered_s for f in its.fragments] == pytest.approx([5, 9, 13, 17.5, 21.5], abs=0.01)
    assert [entry.number for entry in journal.entries["pt"]] == [0, 1, 2, 3, 4]
    assert journal.tails["pt"][0] == 1.0
    journal.close()
    again = Journal(tmp_path / "journal")
    assert (again.entries, again.tails) == (journal.entries, journal.tails)
    again.close()
