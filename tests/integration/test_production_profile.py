"""The production profile on a CPU: the seeds' own engines, with small models and a server in DeepL's place.

The voice babbles, for its weights are random: what is shown is that everything works together.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import wave
from pathlib import Path

import jiwer
import numpy as np
import pytest
from deepl_stand_in import open_deepl_stand_in
from speech_samples import SPOKEN, plain
from tiny_xtts import write_checkpoint

from sts_actors.audio.wav import read_wav, write_wav
from sts_actors.engines.weights.assets import package_file
from sts_actors.errors import ConfigError
from sts_actors.profiles import model_specs, prepare
from sts_actors.settings import load_settings

pytestmark = pytest.mark.models
PROGRAM = [sys.executable, "-c", "from sts_actors.cli.main import main; main()"]

SERVE = ("serve", "--profile", "production", "--port", "0")
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def folder(tmp_path):
    """A checkpoint, a recording of a voice, and the file that names it."""
    # It goes on to its limit, whatever it is to say: a second and a half.
    write_checkpoint(tmp_path / "tiny", longest=30)
    speech, rate = read_wav(package_file("moonshine_voice", "assets/beckett.wav").read_bytes())
    (tmp_path / "beckett.wav").write_bytes(write_wav(speech[: rate * 8], rate))
    voices = {"beckett": {"language": "en", "gender": "male", "reference_audio": "beckett.wav"}}
    (tmp_path / "voices.json").write_text(json.dumps(voices))
    prepare(load_settings(profile="embedded", environment={}))
    return tmp_path


def environment(folder, url, **more):
    return {
        "ASR_MODEL_SIZE": "base",
        "ASR_DEVICE": "cpu",
        "ASR_COMPUTE_TYPE": "int8",
        "ASR_THREADS": "2",
        "DEEPL_AUTH_KEY": "a-key",
        "DEEPL_SERVER_URL": url,
        "TTS_MODEL": str(folder / "tiny"),
        "TTS_DEVICE": "cpu",
        "TTS_COMPUTE_TYPE": "float32",
        # Random weights say nothing, and the guard would be right.
        "TTS_GUARD": "false",
        "VOICE_PROFILES_PATH": str(folder / "voices.json"),
        "PYTHONPATH": os.pathsep.join([str(Path.cwd()), os.environ.get("PYTHONPATH", "")]),
        **more,
    }


def run(folder, env, *arguments):
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "STS_CACHE_DIR") if name in os.environ}
    return subprocess.run(
        [*PROGRAM, *map(str, arguments)],
        cwd=folder,
        env={**kept, **env},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


async def test_two_cities_is_dubbed_in_a_cloned_voice_with_the_same_command(folder):
    source = package_file("moonshine_voice", "assets/two_cities.wav")
    async with open_deepl_stand_in() as deepl:
        import trio

        done = await trio.to_thread.run_sync(
            lambda: run(
                folder,
                environment(folder, deepl.url),
                *("dub", source, folder / "dub.wav", "--profile", "production", "--voice", "beckett"),
                *("--report", folder / "report.json"),
            )
        )
    assert done.returncode == 0, done.stderr
    report = json.loads((folder / "report.json").read_text())
    assert report["complete"]
    assert all(fragment["error"] is None for fragment in report["fragments"])
    with wave.open(str(source)) as spoken, wave.open(str(folder / "dub.wav")) as dubbed:
        assert dubbed.getnframes() == spoken.getnframes()
        assert dubbed.getframerate() == spoken.getframerate()
        dub = np.frombuffer(dubbed.readframes(dubbed.getnframes()), "<i2")
    frames = 6 * dubbed.getframerate()
    spoken_in = [bool(dub[start : start + frames].any()) for start in range(0, dub.size, frames)]
    assert spoken_in == [bool(fragment["translated_text"]) for fragment in report["fragments"]]
    assert sum(spoken_in) >= 7
    heard = " ".join(fragment["transcript"] for fragment in report["fragments"])
    assert jiwer.wer(plain(SPOKEN), plain(heard)) <= 0.05
    assert [path for path, _ in deepl.calls].count("/v2/translate") >= len(report["fragments"]) - 1


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda f: shutil.rmtree(f / "tiny"), "model.pth|config.json"),
        (lambda f: (f / "tiny" / "model.pth").write_bytes(b"junk"), "model.pth cannot be loaded"),
        (lambda f: (f / "beckett.wav").write_bytes(b"junk"), "beckett.*neither WAV"),
        (lambda f: (f / "beckett.wav").unlink(), "beckett.*no file"),
    ],
    ids=["no checkpoint", "broken checkpoint", "broken voice", "no voice"],
)
def test_what_is_missing_or_broken_stops_the_start_with_one_line(folder, spoil, words):
    spoil(folder)
    done = run(folder, environment(folder, NOWHERE), "serve", "--profile", "production", "--port", "0")
    assert done.returncode == 2, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("sts-actors: ")]
    assert len(lines) == 1
    assert re.search(words, lines[0])
    assert "Traceback" not in done.stderr


def test_without_a_key_the_start_says_which_variable_is_missing(folder):
    env = environment(folder, NOWHERE, DEEPL_AUTH_KEY="")
    done = run(folder, env, *SERVE)
    assert done.returncode == 2
    assert "DEEPL_AUTH_KEY" in done.stderr


@pytest.mark.parametrize("recogniser", ["whisper", "fake"])
@pytest.mark.parametrize("translator", ["deepl", "firefox", "fake"])
@pytest.mark.parametrize("synthesiser", ["xtts", "kokoro", "fake"])
def test_engines_mix_in_any_way(folder, monkeypatch, recogniser, translator, synthesiser):
    env = environment(folder, NOWHERE)
    env |= {"ASR_ENGINE": recogniser, "TRANSLATION_ENGINE": translator, "TTS_ENGINE": synthesiser}
    try:
        specs = model_specs(load_settings(profile="production", environment=env))
    except ConfigError as error:
        pytest.fail(str(error))
    assert len(specs) == 3
