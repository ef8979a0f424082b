import pytest

from sts_actors.cli import probing
from sts_actors.cli.requirements import Package, packages, parse


async def test_a_module_that_imports_has_no_reason_against_it():
    assert await probing.why_not_importable(["json", "wave"]) == ""


async def test_a_missing_module_is_named():
    assert "no_such_module" in await probing.why_not_importable(["json", "no_such_module"])


async def test_a_module_that_kills_python_does_not_kill_us(tmp_path, monkeypatch):
    (tmp_path / "deadly.py").write_text("import os\nos._exit(9)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert "code 9" in await probing.why_not_importable(["deadly"])


async def test_what_is_imported_is_told_to_report_to_nobody(tmp_path, monkeypatch):
    (tmp_path / "curious.py").write_text("import os\nassert os.environ['ORT_DISABLE_TELEMETRY'] == '1'\n")
    monkeypatch.delenv("ORT_DISABLE_TELEMETRY", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert await probing.why_not_importable(["curious"]) == ""


async def test_a_module_that_prints_is_no_trouble(tmp_path, monkeypatch):
    (tmp_path / "chatty.py").write_text("import sys\nsys.stdout.write('hello')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert await probing.why_not_importable(["chatty"]) == ""


async def test_an_import_that_hangs_is_given_up(tmp_path, monkeypatch):
    (tmp_path / "sleepy.py").write_text("import time\ntime.sleep(600)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(probing, "PROBE_TIMEOUT_S", 0.5)
    assert "longer than" in await probing.why_not_importable(["sleepy"])


async def test_devices_are_counted_by_the_libraries_that_are_there():
    found = await probing.devices()
    assert not found.error
    assert all(count >= 0 for count in found.cuda.values())


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("av>=15", ("av", ">=15", "")),
        ("faster-whisper==1.2.1; extra == 'embedded'", ("faster-whisper", "==1.2.1", "embedded")),
        ('ray[serve]>=2.60; python_version < "3.14" and extra == "ray"', ("ray", ">=2.60", "ray")),
        ("python-socketio <6,>=5.18", ("python-socketio", "<6,>=5.18", "")),
        ("wave", ("wave", "", "")),
    ],
)
def test_a_requirement_is_read_as_metadata_spell_it(line, expected):
    found = parse(line)
    assert (found.name, found.versions, found.extra) == expected


def test_what_is_no_requirement_is_refused():
    with pytest.raises(ValueError, match="not a requirement"):
        parse("???")


@pytest.mark.parametrize(
    ("versions", "installed", "fits"),
    [
        ("==1.0", "1.0", True),
        ("==1.0", "1.1", False),
        (">=1", "1.1", True),
        ("", "3", True),
        ("", None, False),
    ],
)
def test_a_package_fits_when_it_is_there_and_a_pinned_one_only_in_that_version(versions, installed, fits):
    assert Package(requirement=parse(f"a{versions}"), installed=installed).fits is fits


def test_a_checkout_that_is_not_installed_is_read_from_its_project_file(tmp_path):
    (tmp_path / "pyproject.toml").write_text(
        '[project]\ndependencies = ["trio>=0.1"]\noptional-dependencies.extra = ["no-such-package==1"]\n'
    )
    found = packages("not-installed-anywhere", tmp_path)
    assert [(p.requirement.name, p.requirement.extra, p.fits) for p in found] == [
        ("trio", "", True),
        ("no-such-package", "extra", False),
    ]
    assert packages("not-installed-anywhere", None) == ()
