"""Real speech through the real engines and the real wire, by the command that newcomers use."""

import json
import re
import subprocess
import sys
import wave
from pathlib import Path

import jiwer
import pytest
from speech_samples import SPOKEN, fragments_of, plain

from sts_actors.engines import whisper
from sts_actors.engines.ports import RecogniseRequest
from sts_actors.engines.weights.assets import known_assets, package_file, verify

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def dubbed(tmp_path_factory):
    """The report, the input and the dub of one run of the command."""
    folder = tmp_path_factory.mktemp("dub")
    source = package_file("moonshine_voice", "assets/two_cities.wav")
    dub, report = folder / "dub.wav", folder / "report.json"
    command = [Path(sys.executable).with_name("sts-actors"), "dub", source, dub]
    command += ["--from", "en", "--to", "pt", "--report", report]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert finished.returncode == 0, finished.stderr
    return json.loads(report.read_text()), source, dub


def test_every_fragment_is_answered_in_order_and_none_failed(dubbed):
    report, _, _ = dubbed
    fragments = report["fragments"]
    assert [fragment["sequence_number"] for fragment in fragments] == list(range(8))
    assert {fragment["status"] for fragment in fragments} <= {"success", "partial"}
    assert all(fragment["error"] is None for fragment in fragments)


def test_the_dub_lasts_as_long_as_the_speech_to_the_sample(dubbed):
    _, source, dub = dubbed
    with wave.open(str(source)) as spoken, wave.open(str(dub)) as answer:
        assert answer.getnframes() == spoken.getnframes()
        assert answer.getframerate() == spoken.getframerate()


def test_six_words_of_a_hundred_at_most_are_misheard(dubbed):
    report, _, _ = dubbed
    heard = " ".join(fragment["transcript"] for fragment in report["fragments"])
    assert jiwer.wer(plain(SPOKEN), plain(heard)) <= 0.06


def test_the_dub_says_what_was_translated(dubbed):
    report, _, dub = dubbed
    translated, heard = [], []
    recogniser = whisper.load(verify(known_assets()["whisper-base"]), "cpu", "int8", 2)
    for fragment, pcm in zip(report["fragments"], fragments_of(dub), strict=True):
        (recognition,) = recogniser.run([RecogniseRequest(pcm=pcm, language="pt")])
        translated.append(plain(fragment["translated_text"]))
        heard.append(plain(recognition.text))
    assert jiwer.wer(" ".join(translated), " ".join(heard)) <= 0.25


def test_subtitles_of_both_languages_lie_beside_the_dub(dubbed):
    report, _, dub = dubbed
    for language, field in (("en", "transcript"), ("pt", "translated_text")):
        text = Path(dub).with_name(f"{dub.stem}.{language}.srt").read_text()
        flat = " ".join(re.sub(r"\d+\n[\d:,]+ --> [\d:,]+\n", "", text).split())
        assert all(" ".join(fragment[field].split()) in flat for fragment in report["fragments"])
