"""`eval` on engines that only pretend: the figures of a line whose every word is known."""

import sys

import numpy as np
import orjson
import pytest
from cli_samples import read_wav, tone, write_wav

from sts_actors.actors import stream
from sts_actors.cli.main import run
from sts_actors.engines.fake import FakeRecogniser
from sts_actors.engines.ports import Recognition
from sts_actors.errors import EngineError, ErrorCode
from sts_actors.messages import Word

RATE = 16_000
SECONDS = 20
LENGTHS = "6,3"


@pytest.fixture(autouse=True)
def quick(monkeypatch, tmp_path):
    for name in ("FAKE_ASR_LATENCY", "FAKE_TRANSLATION_LATENCY", "FAKE_TTS_LATENCY"):
        monkeypatch.setenv(name, "0")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("STS_TRACEBACK", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def hears(monkeypatch):
    """Have the recogniser hear what a function makes of the length of what it is given, in seconds."""

    def of(words):
        def one(request):
            seconds = request.pcm.size / RATE
            texts = words(seconds)
            timed = tuple(Word(text=text, start_s=float(at), end_s=at + 1.0) for at, text in enumerate(texts))
            voice = ((0.0, seconds),)
            return Recognition(text=" ".join(texts), language=request.language, words=timed, voice=voice)

        monkeypatch.setattr(FakeRecogniser, "_one", staticmethod(one))

    return of


@pytest.fixture
def talk(tmp_path):
    return write_wav(tmp_path / "talk.wav", tone(RATE * SECONDS), RATE)


def said(tmp_path, text):
    path = tmp_path / "said.txt"
    path.write_text(text, "utf-8")
    return path


def evaluate(file, reference, *more):
    return run(["eval", str(file), "--reference", str(reference), "--profile", "fake", *map(str, more)])


def figures(tmp_path):
    return orjson.loads((tmp_path / "out.json").read_bytes())


def test_the_same_recording_gives_the_same_table_and_figures_again(talk, tmp_path, capsys):
    reference = said(tmp_path, "river stone music")
    seen = []
    for _ in range(2):
        assert evaluate(talk, reference, "--json", "out.json", "--seconds", LENGTHS) == 0
        seen.append((capsys.readouterr().out, (tmp_path / "out.json").read_bytes()))
    assert seen[0] == seen[1]


def test_what_is_lost_and_doubled_at_cuts_is_counted(talk, tmp_path, hears):
    # A word a second, cut every 5 s.
    letters = [f"w{chr(97 + at)}" for at in range(SECONDS)]
    parts = [letters[at : at + 5] for at in range(0, SECONDS, 5)]
    parts[0] = parts[0][:-1]
    parts[2] = [parts[2][0], *parts[2]]
    parts[3][2] = "other"
    place = iter(parts)
    hears(lambda seconds: letters if seconds == SECONDS else next(place))
    reference = said(tmp_path, " ".join(letters))
    options = ("--seconds", "5", "--seam", "fixed", "--only", "recognition", "--json", "out.json")
    assert evaluate(talk, reference, *options) == 0
    found = figures(tmp_path)
    assert found["whole"]["rate"] == 0
    (one,) = found["runs"]
    assert one["words"] == {"substituted": 1, "lost": 1, "invented": 1, "reference_words": 20, "rate": 0.15}
    its = one["at_seams"]
    assert (its["seams"], its["lost"], its["invented"], its["doubled"], its["substituted"]) == (3, 1, 1, 1, 0)
    assert its["per_hundred"]["doubled"] == 33.3333
    assert one["whole_at_seams"]["lost"] == 0
    assert one["cost"] == {"calls": 4, "audio_s": 20, "took_s": None, "processor_s": None}


def test_the_end_of_a_recording_is_heard_to_its_last_word(talk, tmp_path, hears):
    # The last word ends with the recording: of a stream that goes on, it would be carried.
    letters = [f"w{chr(97 + at)}" for at in range(SECONDS)]
    hears(lambda seconds: letters)
    options = ("--seconds", "20", "--seam", "carry", "--only", "recognition", "--json", "out.json")
    assert evaluate(talk, said(tmp_path, " ".join(letters)), *options) == 0
    assert figures(tmp_path)["runs"][0]["words"]["rate"] == 0


def test_a_table_tells_policies_and_lengths_apart(talk, tmp_path, capsys):
    assert evaluate(talk, said(tmp_path, "river"), "--seconds", LENGTHS) == 0
    out = capsys.readouterr().out
    assert "What was heard" in out
    assert "How it was said" in out
    head = next(line for line in out.splitlines() if line.count("carry") > 1)
    assert head.split() == ["whole", "carry", "fixed", "carry", "fixed"]


def test_recognition_alone_says_nothing_of_a_dub(talk, tmp_path, capsys):
    assert evaluate(talk, said(tmp_path, "river"), "--only", "recognition", "--json", "out.json") == 0
    assert "How it was said" not in capsys.readouterr().out
    assert all(one["dub"] is None for one in figures(tmp_path)["runs"])


def test_a_dub_is_as_long_as_its_source_and_what_is_kept_is_it(talk, tmp_path):
    options = ("--seconds", "6", "--seam", "fixed", "--keep", "dubs", "--json", "out.json")
    assert evaluate(talk, said(tmp_path, "river"), *options) == 0
    (one,) = figures(tmp_path)["runs"]
    assert (one["dub"]["timeline_error_frames"], one["dub"]["wrong_lengths"]) == (0, 0)
    pcm, rate = read_wav(tmp_path / "dubs" / "talk-6s-fixed.wav")
    assert (len(pcm), rate) == (RATE * SECONDS, RATE)
    assert np.abs(pcm).max() > 1000


def test_a_fragment_that_fails_is_counted_and_silent(talk, tmp_path, monkeypatch):
    calls = iter(range(100))
    whole = FakeRecogniser._one

    def one(request):
        if next(calls) == 2:
            return EngineError(ErrorCode.ASR_FAILED, "no")
        return whole(request)

    monkeypatch.setattr(FakeRecogniser, "_one", staticmethod(one))
    options = ("--seconds", "5", "--seam", "fixed", "--keep", "dubs", "--json", "out.json")
    assert evaluate(talk, said(tmp_path, "river"), *options) == 0
    (found,) = figures(tmp_path)["runs"]
    assert (found["failed"], found["dub"]["failed"], found["dub"]["fragments"]) == (1, 1, 3)
    pcm, _ = read_wav(tmp_path / "dubs" / "talk-5s-fixed.wav")
    assert len(pcm) == RATE * SECONDS
    assert not pcm[RATE * 5 : RATE * 10].any()


def test_a_line_that_breaks_down_is_said_in_a_line(talk, tmp_path, monkeypatch, capsys):
    async def broken(*_, **__):
        raise RuntimeError("broken")

    monkeypatch.setattr(stream, "asr", broken)
    assert evaluate(talk, said(tmp_path, "river"), "--seconds", "1", "--seam", "fixed") == 3
    assert "stream/fixed-1" in capsys.readouterr().err


def test_a_dub_that_says_what_it_should_has_no_errors_on_its_way_round(talk, tmp_path, hears):
    # The fake translator says "pt: " and the text; a dub of 20 s in four parts of three words.
    once = ["river", "stone"]
    hears(lambda seconds: once if seconds < SECONDS else ["pt", *once] * 4)
    assert (
        evaluate(talk, said(tmp_path, "river"), "--seconds", "5", "--seam", "fixed", "--json", "out.json")
        == 0
    )
    (found,) = figures(tmp_path)["runs"]
    assert found["dub"]["round_trip"]["rate"] == 0
    assert found["dub"]["round_trip"]["reference_words"] == 12


def test_a_translation_is_compared_with_another_hands(talk, tmp_path, hears):
    pytest.importorskip("sacrebleu")
    hears(lambda seconds: ["river", "stone", "music", "winter"])
    reference = said(tmp_path, "river stone music winter")
    good = tmp_path / "good.txt"
    good.write_text("pt: river stone music winter\n" * 2, "utf-8")
    options = ("--seconds", "10", "--seam", "fixed", "--reference-translation", good, "--json", "out.json")
    assert evaluate(talk, reference, *options) == 0
    (found,) = figures(tmp_path)["runs"]
    assert found["dub"]["likeness"] == {"chrf": 100, "bleu": pytest.approx(100)}
    assert 0 < found["dub"]["heard_likeness"]["chrf"] < 100


def test_without_sacrebleu_one_is_told_what_to_install(talk, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "sacrebleu", None)
    text = said(tmp_path, "river")
    assert evaluate(talk, text, "--reference-translation", text) == 2
    assert "[eval]" in capsys.readouterr().err


@pytest.mark.parametrize(
    "wrong", [("--seconds", "0.5"), ("--seconds", "six"), ("--seconds", "31"), ("--seam", "neither")]
)
def test_what_cannot_be_evaluated_is_said_in_a_line(talk, tmp_path, capsys, wrong):
    assert evaluate(talk, said(tmp_path, "river"), *wrong) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_reference_that_is_not_there_is_said_in_a_line(talk, tmp_path, capsys):
    assert evaluate(talk, tmp_path / "nothing.txt") == 2
    assert "nothing.txt" in capsys.readouterr().err


def test_a_reference_that_is_no_text_is_said_in_a_line(talk, tmp_path, capsys):
    (tmp_path / "said.txt").write_bytes(b"\xff\xfe\x00\xd8")
    assert evaluate(talk, tmp_path / "said.txt") == 2
    assert "UTF-8" in capsys.readouterr().err
