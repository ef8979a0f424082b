"""The commands as a user types them, on the engines that only pretend."""

import os
import re
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import get_args

import numpy as np
import orjson
import pytest
from cli_samples import read_wav, tone, write_encoded, write_wav

from sts_actors import sample
from sts_actors.cli import models
from sts_actors.cli.dub import Profile
from sts_actors.cli.main import run
from sts_actors.engines.weights.assets import find
from sts_actors.errors import ConfigError
from sts_actors.profiles import needed_assets
from sts_actors.settings import PROFILES, load_settings

RATE = 16_000
PROGRAM = [sys.executable, "-c", "from sts_actors.cli.main import main; main()"]


@pytest.fixture(autouse=True)
def quick(monkeypatch, tmp_path):
    """No latency, no settings of the machine's own, a folder to work in."""
    for name in ("FAKE_ASR_LATENCY", "FAKE_TRANSLATION_LATENCY", "FAKE_TTS_LATENCY"):
        monkeypatch.setenv(name, "0")
    for name in ("STS_AUTH_TOKEN", "STS_TRACEBACK", "PORT", "HOST", "DEEPL_AUTH_KEY", "DEEPL_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    # Subprocesses find the package of this checkout wherever they run.
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join(map(str, (Path.cwd(), os.environ.get("PYTHONPATH", ""))))
    )
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def talk(tmp_path):
    return write_wav(tmp_path / "talk.wav", tone(RATE * 20 + 7), RATE)


def dub(*arguments):
    return run(["dub", *map(str, arguments), "--profile", "fake"])


def one_line(capsys):
    line = capsys.readouterr().err
    assert line.startswith("sts-actors: ")
    assert line.count("\n") == 1
    assert "Traceback" not in line
    return line


def start(*arguments):
    return subprocess.Popen(
        [*PROGRAM, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.fixture
def service():
    """A running `serve` on a free port: the process and its URL."""
    process = start("serve", "--profile", "fake", "--port", "0")
    try:
        url = re.search(r"http://\S+", process.stdout.readline())[0]
        yield process, url
    finally:
        process.kill()
        process.communicate()


def test_the_tasks_of_a_service_are_shown_by_command_and_by_signal(service, capsys):
    process, url = service
    assert run(["tree", "--url", url]) == 0
    told = capsys.readouterr().out
    assert "models/asr: permanent, running, restarts 0" in told
    assert "passes, mean" in told
    for _ in range(2):
        process.send_signal(signal.SIGUSR1)
        while "passes, mean" not in (line := process.stderr.readline()):
            assert line, "the service ended"
    assert run(["tree", "--url", url]) == 0, "a signal must not end the service"


def test_a_signal_harms_no_service_whose_standard_error_nobody_reads(service, capsys):
    process, url = service
    for _ in range(200):  # many times what a pipe holds
        process.send_signal(signal.SIGUSR1)
        time.sleep(0.001)
    assert run(["tree", "--url", url]) == 0
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0


def test_what_a_server_says_does_not_move_the_cursor(monkeypatch, capsys):
    monkeypatch.setattr("sts_actors.cli.tree.fetch", lambda url, token: "tasks\n  \x1b[2Jstream/\x07\n")
    assert run(["tree"]) == 0
    assert capsys.readouterr().out == "tasks\n  ?[2Jstream/?\n"


def test_a_tree_that_cannot_be_had_is_one_line(capsys):
    assert run(["tree", "--url", "http://127.0.0.1:9"]) == 3
    assert "is the service running there" in one_line(capsys)


def test_a_dub_is_as_long_as_its_input_with_subtitles_and_a_report(talk, tmp_path, capsys):
    assert dub(talk, "--report", "figures/report.json") == 0
    written, rate = read_wav(tmp_path / "talk.pt.wav")
    assert (len(written), rate) == (RATE * 20 + 7, RATE)
    report = orjson.loads((tmp_path / "figures" / "report.json").read_bytes())
    assert [f["sequence_number"] for f in report["fragments"]] == [0, 1, 2, 3]
    assert {f["status"] for f in report["fragments"]} == {"success"}
    assert report["complete"] is True
    assert report["totals"]["kept_up"] is True
    texts = [f["translated_text"] for f in report["fragments"]]
    subtitles = (tmp_path / "talk.pt.srt").read_text()
    assert all(text.split()[-1] in subtitles for text in texts if text)
    assert (tmp_path / "talk.en.srt").read_text()
    said = capsys.readouterr()
    assert said.err == ""
    assert "0:20 in 4 fragments" in said.out
    assert str(tmp_path / "talk.pt.wav") in said.out.replace("\n", "")


def test_a_compressed_stereo_file_is_dubbed_at_its_own_rate(tmp_path):
    source = write_encoded(tmp_path / "talk.mp3", "libmp3lame", tone(44_100 * 7, 2, rate=44_100), 44_100)
    assert dub(source, "mine.wav", "--fragment-seconds", "3") == 0
    written, rate = read_wav(tmp_path / "mine.wav")
    assert rate == 44_100
    assert written.shape == (44_100 * 7, 2)


def test_two_runs_of_the_same_input_give_the_same_dub(talk, tmp_path):
    assert dub(talk, "a.wav") == dub(talk, "b.wav") == 0
    assert np.array_equal(read_wav(tmp_path / "a.wav")[0], read_wav(tmp_path / "b.wav")[0])


def test_a_live_dub_takes_as_long_as_the_speech(tmp_path):
    talk = write_wav(tmp_path / "talk.wav", tone(RATE * 2), RATE)
    started = time.monotonic()
    assert dub(talk, "--live", "--fragment-seconds", "1") == 0
    assert time.monotonic() - started >= 2


def test_a_dub_goes_through_a_running_service(service, talk, tmp_path):
    process, url = service
    assert run(["dub", str(talk), "--url", url]) == 0
    assert len(read_wav(tmp_path / "talk.pt.wav")[0]) == RATE * 20 + 7
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0


def test_a_service_with_a_token_takes_it_from_the_environment(talk, monkeypatch, capsys):
    monkeypatch.setenv("STS_AUTH_TOKEN", "sesame-open")
    process = start("serve", "--profile", "fake", "--port", "0")
    try:
        url = re.search(r"http://\S+", process.stdout.readline())[0]
        assert run(["dub", str(talk), "--url", url]) == 0
        capsys.readouterr()
        monkeypatch.setenv("STS_AUTH_TOKEN", "wrong-word")
        assert run(["dub", str(talk), "--url", url]) == 3
        line = one_line(capsys)
        assert "AUTH_FAILED" in line
        assert "wrong-word" not in line
    finally:
        process.kill()
        process.communicate()


def test_ctrl_c_stops_a_service_quietly(service):
    process, _ = service
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=10)
    assert process.returncode == 130
    assert "Traceback" not in out + err
    assert err.endswith("sts-actors: interrupted\n")


def test_ctrl_c_in_the_middle_keeps_and_names_what_was_dubbed(talk, tmp_path):
    process = start(
        "dub", talk, "--profile", "fake", "--live", "--fragment-seconds", "1", "--report", "r.json"
    )
    for line in process.stdout:
        if "spoken" in line:
            break
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=10)
    assert process.returncode == 130
    part = tmp_path / "talk.pt.wav.part"
    assert re.match(rf"sts-actors: interrupted; \d:\d\d are kept in {part}: the same command goes on", err)
    assert err.count("\n") == 1
    assert len(read_wav(part / "talk.pt.wav")[0]) >= RATE
    assert not (tmp_path / "talk.pt.wav").exists()
    assert orjson.loads((tmp_path / "r.json").read_bytes())["complete"] is False


def test_a_service_that_goes_away_in_the_middle_is_named_and_the_beginning_kept(service, talk, tmp_path):
    server, url = service
    process = start("dub", talk, "--url", url, "--live", "--fragment-seconds", "1")
    for line in process.stdout:
        if "spoken" in line:
            break
    server.kill()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 3
    assert "the same command goes on from there" in err
    assert err.count("\n") == 1
    assert len(read_wav(tmp_path / "talk.pt.wav.part" / "talk.pt.wav")[0]) >= RATE


def test_failed_fragments_are_silent_in_the_dub_and_told_by_the_exit_code(
    talk, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("TTS_TIMEOUT_MS", "1")
    monkeypatch.setenv("FAKE_TTS_LATENCY", "1")
    assert dub(talk) == 3
    assert "4 of 4 fragments failed" in one_line(capsys)
    written, _ = read_wav(tmp_path / "talk.pt.wav")
    assert len(written) == RATE * 20 + 7
    assert not written.any()


@pytest.mark.parametrize(
    ("arguments", "words", "code"),
    [
        (["notes.txt"], "is not an audio file", 2),
        (["empty.wav"], "empty.wav is empty", 2),
        (["missing.wav"], "No such file", 2),
        (["talk.wav", "--to", "12"], "UNSUPPORTED_LANGUAGE", 2),
        (["talk.wav", "--from", "pt", "--to", "pt"], "nothing to translate", 2),
        (["talk.wav", "--voice", "nobody"], "no voice 'nobody'", 2),
        (["talk.wav", "--url", "http://127.0.0.1:1"], "connection refused", 3),
        (["talk.wav", "--url", "nonsense"], "bad URL", 2),
        (["talk.wav", "notes.txt/dub.wav"], "cannot write notes.txt/dub.wav", 2),
        (["talk.wav", "dub.mp3"], "name it dub.wav", 2),
        (["talk.wav", "talk.wav"], "written over", 2),
        (["talk.wav", "--report", "notes.txt/report.json"], "give another --report", 2),
        (["talk.wav", "--fragment-seconds", "0.5"], "--fragment-seconds", 2),
        ([], "INPUT", 2),
    ],
)
def test_bad_input_is_one_line_that_says_what_and_leaves_nothing_behind(
    arguments, words, code, talk, tmp_path, capsys
):
    (tmp_path / "notes.txt").write_text("These are words, not sounds.\n")
    (tmp_path / "empty.wav").touch()
    before = sorted(tmp_path.iterdir())
    assert dub(*arguments) == code
    assert words in one_line(capsys)
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.skipif(find_spec("faster_whisper") is None, reason="needs the extra `embedded`")
def test_a_missing_model_is_named_with_the_command_that_fetches_it(talk, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("STS_CACHE_DIR", str(tmp_path / "nothing"))
    assert run(["dub", str(talk)]) == 2
    assert "sts-actors models fetch" in one_line(capsys)


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["serve", "--profile", "nonsense"], ["doctor", "--nonsense"]]
)
def test_a_mistyped_command_line_is_one_line(arguments, capsys):
    assert run(arguments) == 2
    assert "--help" in one_line(capsys)


@pytest.mark.parametrize("arguments", [[], ["models"]])
def test_asking_for_nothing_shows_what_there_is(arguments, capsys):
    run(arguments)
    said = capsys.readouterr()
    assert "Usage" in said.out
    assert said.err == ""


def test_the_commands_offer_the_profiles_that_the_settings_know():
    assert get_args(Profile) == PROFILES


def test_the_version_is_told(capsys):
    assert run(["--version"]) == 0
    assert re.fullmatch(r"sts-actors \d+\.\d+\.\d+\S*\n", capsys.readouterr().out)


def test_a_setting_that_does_not_parse_stops_the_start_by_its_name(talk, monkeypatch, capsys):
    monkeypatch.setenv("MAX_INFLIGHT", "many")
    assert dub(talk) == 2
    assert "MAX_INFLIGHT='many'" in one_line(capsys)


def test_preparing_a_profile_without_models_says_so(capsys):
    assert run(["models", "prepare", "--profile", "fake"]) == 0
    assert "needs no model data" in capsys.readouterr().out


def test_preparing_shows_warnings_and_where_the_data_is(monkeypatch, capsys):
    def prepare(settings, progress, warn, *, accepted):
        assert not accepted
        assert settings.profile == "embedded"
        for done in (1, 2):
            progress("whisper-base", done, 2)
        warn("no native voices")

    monkeypatch.setattr(models.profiles, "prepare", prepare)
    assert run(["models", "prepare"]) == 0
    said = capsys.readouterr().out
    assert "no native voices" in said
    assert "whisper-base, kokoro" in said


@pytest.mark.skipif(find_spec("moonshine_voice") is None, reason="needs the extra `embedded`")
def test_the_demo_ends_with_what_was_said_how_fast_and_where_to_listen(tmp_path, capsys):
    assert run(["demo", "--profile", "fake", "--fast"]) == 0
    said = capsys.readouterr().out
    what, fast, listen = (said.index(heading) for heading in ("What was said", "How fast", "Listen"))
    assert what < fast < listen
    assert "times as fast as spoken" in said
    assert str(tmp_path / "out") in said or "out/two_cities.pt.wav" in said
    assert len(read_wav(tmp_path / "out" / "two_cities.pt.wav")[0]) == 2_129_958
    assert (tmp_path / "out" / "two_cities.json").exists()


def test_a_demo_without_its_speech_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setattr(sample, "PACKAGE", "no_such_package_here")
    assert run(["demo", "--profile", "fake"]) == 2
    assert "pip install" in one_line(capsys)


def has_models():
    try:
        return all(find(asset) for asset in needed_assets(load_settings(profile="embedded", environment={})))
    except ConfigError:
        return False


@pytest.mark.models
@pytest.mark.skipif(not has_models(), reason="needs `sts-actors models fetch`")
def test_a_pair_of_languages_that_no_engine_knows_is_refused_with_those_it_knows(talk, tmp_path, capsys):
    assert run(["dub", str(talk), "--to", "ja"]) == 2
    assert "en to pt" in one_line(capsys)
    assert not (tmp_path / "talk.ja.wav").exists()
