"""CUDA's linear algebra, where only a Python package has it: any library under its names shows the way."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

NAMES = ("libcublasLt.so.12", "libcublas.so.12")

OPEN = "from sts_actors.engines.whisper.cublas import open_cublas; print(*open_cublas(), sep='\\n')"
BY_NAME = "; import ctypes; ctypes.CDLL('libcublas.so.12')"
LOAD = """
import sys
from pathlib import Path
from sts_actors.engines.whisper.engine import load
from sts_actors.errors import ConfigError
try:
    load(Path(sys.argv[1]), sys.argv[2], "float32", 1)
except ConfigError as error:
    assert "cannot load" in str(error)
print(*(line.split()[-1] for line in open("/proc/self/maps") if "libcublas" in line), sep="\\n")
"""


@pytest.fixture
def package(tmp_path):
    """A folder with NVIDIA's package in it, as its wheel lays it out: small libraries under large names."""
    small = next(path for path in map(Path, _mapped()) if path.name.startswith("libz."))
    folder = tmp_path / "nvidia" / "cublas" / "lib"
    folder.mkdir(parents=True)
    for name in NAMES:
        shutil.copy(small, folder / name)
    return tmp_path


def _mapped():
    import zlib  # noqa: F401 - brings libz in

    return [line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines() if ".so" in line]


def lines(code, folder, *arguments):
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(folder)!r}); {code}", *arguments],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout.split()


def test_the_libraries_of_the_package_are_opened_the_lower_one_first(package):
    opened = lines(OPEN, package)
    assert opened == [str(package / "nvidia" / "cublas" / "lib" / name) for name in NAMES]


def test_nothing_is_opened_where_there_is_no_package(tmp_path):
    assert lines(OPEN, tmp_path) == []


def test_a_library_that_cannot_be_opened_is_left_to_who_needs_it(package):
    (package / "nvidia" / "cublas" / "lib" / NAMES[1]).write_bytes(b"not a library")
    assert [Path(path).name for path in lines(OPEN, package)] == [NAMES[0]]


@pytest.mark.models
@pytest.mark.parametrize(("device", "opened"), [("cuda", True), ("auto", True), ("cpu", False)])
def test_a_recogniser_opens_them_unless_it_is_told_to_stay_on_the_processor(
    package, tmp_path, device, opened
):
    code = f"exec({LOAD!r})"
    found = lines(code, package, str(tmp_path / "no model"), device)
    assert any(NAMES[1] in path for path in found) is opened
