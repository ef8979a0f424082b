"""What the images install, installed by the same script on this bare machine, and run from there."""

import json
import os
import re
import signal
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path

import pytest
from deploy_files import DEPLOY, ROOT

# Some hundred MB are fetched and unpacked.
INSTALL_S = 900
LOAD_S = 180

# Libraries of the system that Debian's slim images have: its C library, what its package tools need, and what
# the interpreter itself is linked to.
IN_THE_IMAGE = re.compile(
    r"(ld-linux-x86-64|lib(c|m|mvec|dl|rt|pthread|util|resolv|gcc_s|stdc\+\+|z|bz2|lzma|ffi|crypto|ssl|uuid))\.so\.\d+"
)


def surroundings(home):
    """The environment of a machine that knows nothing of this checkout; pip's variables are its own."""
    kept = {name: value for name, value in os.environ.items() if name == "PATH" or name.startswith("PIP_")}
    # What pip has fetched before it need not fetch again.
    kept.setdefault("PIP_CACHE_DIR", str(Path.home() / ".cache" / "pip"))
    return {**kept, "HOME": str(home), "LANG": "C.UTF-8", "STS_CACHE_DIR": str(home / "models")}


def install(*arguments, home, **more):
    return subprocess.run(
        [DEPLOY / "install.sh", *arguments],
        check=False,
        cwd=home,
        env={**surroundings(home), **more},
        capture_output=True,
        text=True,
        timeout=INSTALL_S,
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A bare machine's folder with the service of the CPU image in `service`."""
    folder = tmp_path_factory.mktemp("machine")
    before = subprocess.run(
        ["git", "-C", ROOT, "status", "--short"], check=True, capture_output=True, timeout=60
    ).stdout
    done = install("cpu", str(folder / "service"), "--models", "--slim", home=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    after = subprocess.run(
        ["git", "-C", ROOT, "status", "--short"], check=True, capture_output=True, timeout=60
    ).stdout
    assert after == before, "installing has left something in the checkout"
    return folder


def run(home, program, *arguments, **more):
    return subprocess.run(
        [home / "service" / "bin" / program, *arguments],
        check=False,
        cwd=home,
        env={**surroundings(home), **more},
        capture_output=True,
        text=True,
        timeout=LOAD_S,
    )


def get(port, path):
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


@pytest.mark.models
def test_the_installed_service_loads_its_models_says_that_it_is_well_and_stops_when_asked(home):
    process = subprocess.Popen(
        [home / "service" / "bin" / "sts-actors", "serve", "--profile", "embedded", "--port", "0"],
        cwd=home,
        # Whoever runs it may read what is installed and write nowhere but to the models' folder.
        env={**surroundings(home), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with process:
        try:
            said = iter(process.stdout.readline, "")
            port = int(next(found[1] for line in said if (found := re.search(r"http://[^ ]+:(\d+)", line))))
            assert get(port, "/health")[1]["status"] == "healthy"
            well = run(home, "sts-actors-health", PORT=str(port))
            assert (well.returncode, well.stderr) == (0, "")
            next(line for line in said if "ready" in line)
            status, told = get(port, "/ready")
            assert (status, told["missing"]) == (200, [])
            assert run(home, "sts-actors-health", "/ready", PORT=str(port)).returncode == 0
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=60) == 0
            assert run(home, "sts-actors-health", PORT=str(port)).returncode == 1
        finally:
            process.kill()


@pytest.mark.models
def test_it_is_the_installed_service_and_no_file_of_this_checkout(home):
    code = "import sts_actors, supervision, sys; print(sts_actors.__file__, supervision.__file__, *sys.path)"
    found = run(home, "python", "-c", code).stdout.split()
    assert len(found) > 3
    inside, base = str(home / "service"), sys.base_prefix
    assert [path for path in found if not path.startswith((inside, base))] == []


@pytest.mark.models
def test_what_is_installed_needs_no_library_that_the_image_lacks(home):
    own, needed = set(), set()
    packages = home / "service" / "lib"
    libraries = [path for path in packages.rglob("*.so*") if path.is_file()]
    for library in libraries:
        own.add(library.name)
        said = subprocess.run(
            ["readelf", "--dynamic", library], check=True, capture_output=True, text=True, timeout=60
        ).stdout
        needed |= set(re.findall(r"\(NEEDED\).*\[(.+)\]", said))
    assert len(libraries) > 100
    assert [name for name in sorted(needed - own) if not IN_THE_IMAGE.fullmatch(name)] == []


@pytest.mark.models
def test_the_packages_that_only_brought_models_are_gone_and_the_models_are_there(home):
    names = {one["name"] for one in json.loads(run(home, "pip", "list", "--format", "json").stdout)}
    assert {"sts-actors", "sts_actors"} & names
    assert [name for name in names if re.search("whisper.base|voice.model|nodejs", name)] == []
    verified = run(home, "sts-actors", "models", "verify", "whisper-base", "kokoro")
    assert verified.returncode == 0, verified.stdout + verified.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "the first argument is cpu or gpu"),
        (["tpu", "there"], "the first argument is cpu or gpu"),
        (["cpu"], "the second argument is the folder"),
        (["cpu", "."], ". is there already"),
        (["cpu", "there", "--fast"], "unknown option --fast"),
        (["cpu", "there", "--slim"], "--slim goes with --models"),
        (["gpu", "there", "--models"], "the operator, who accepts their licence"),
    ],
)
def test_a_mistyped_line_is_answered_and_changes_nothing(tmp_path, arguments, says):
    done = install(*arguments, home=tmp_path)
    assert done.returncode == 2
    assert says in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_interpreter_that_is_too_old_is_named(tmp_path):
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    done = install("cpu", "there", home=tmp_path, PYTHON=str(old))
    assert (done.returncode, done.stderr) == (2, f"install.sh: {old} is older than 3.11\n")
    assert Path(tmp_path, "there").exists() is False
