"""What can be said of deploy/ without a container engine."""

import json
import re
import subprocess
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

import pytest
import yaml
from deploy_files import BESIDE_PYTHON, DEPLOY, ROOT, compose, instructions, last, stages

from sts_actors.cli.environment import variables


@pytest.mark.parametrize(
    "command",
    [
        ["hadolint", "deploy/Dockerfile"],
        ["shellcheck", "deploy/install.sh"],
        ["check-jsonschema", "--builtin-schema", "vendor.compose-spec", "deploy/compose.yaml"],
    ],
    ids=lambda command: command[0],
)
def test_the_checker_of_each_kind_of_file_finds_nothing(command):
    program, *arguments = command
    done = subprocess.run(
        [BESIDE_PYTHON / program, *arguments],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stdout + done.stderr) in [(0, ""), (0, "ok -- validation done\n")]


def copied():
    """Every file or folder that goes from the checkout into the build."""
    for word, rest in instructions():
        if word in {"COPY", "ADD"} and "--from=" not in rest:
            *sources, _ = (part for part in rest.split() if not part.startswith("--"))
            yield from sources


def matches(pattern, path):
    """Whether a pattern names a path, or a folder that it lies in."""
    if pattern.startswith("**/"):
        return any(fnmatchcase(part, pattern[3:]) for part in path.parts)
    named = PurePosixPath(pattern).parts
    head = path.parts[: len(named)]
    return len(head) == len(named) and all(map(fnmatchcase, head, named))


def let_through(path):
    """Whether .dockerignore, whose last matching line counts, shows a path to the builder."""
    shown = True
    for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        if matches(line.removeprefix("!"), PurePosixPath(path)):
            shown = line.startswith("!")
    return shown


def test_all_that_is_copied_into_an_image_is_there_and_shown_to_the_builder():
    sources = list(copied())
    assert sources
    assert [source for source in sources if not (ROOT / source).exists()] == []
    assert [source for source in sources if not let_through(source)] == []


@pytest.mark.parametrize(
    "path",
    [
        ".git/config",
        ".venv/bin/python",
        ".env",
        "deploy/.env",
        "sts_actors/__pycache__/app.cpython-311.pyc",
        "tests/test_settings.py",
        "artifacts/match/fragment.wav",
    ],
)
def test_the_builder_is_shown_nothing_else(path):
    assert not let_through(path)


def test_a_filled_in_env_file_is_never_committed():
    done = subprocess.run(
        ["git", "-C", ROOT, "check-ignore", "--quiet", "--no-index", "deploy/.env"], check=False, timeout=60
    )
    assert done.returncode == 0


def images():
    """Every image that is taken from elsewhere."""
    own = set(stages())
    bases = [rest.split()[0] for word, rest in instructions() if word == "FROM"]
    yield from (base for base in bases if base not in own)
    yield from (service["image"] for service in compose()["services"].values() if "build" not in service)


def test_every_image_from_elsewhere_is_of_one_exact_version():
    found = list(images())
    assert len(found) == 4
    assert [image for image in found if not re.fullmatch(r"\S+:v?\d+\.\d+\.\d+(-[a-z-]+)?", image)] == []


@pytest.mark.parametrize("image", ["cpu", "gpu"])
def test_an_image_runs_the_service_itself_as_nobody_special_and_ends_it_by_sigterm(image):
    name, _, default = last("gpu", "ARG").partition("=")
    assert last(image, "USER").replace(f"${{{name}}}", default) == "10001:10001"
    assert last(image, "STOPSIGNAL") == "SIGTERM"
    assert json.loads(last(image, "ENTRYPOINT")) == ["tini", "--"]
    assert json.loads(last(image, "CMD"))[:2] == ["sts-actors", "serve"]


def test_both_images_are_filled_by_the_script_that_a_test_runs():
    runs = {
        stage: [rest for word, rest in stages()[f"build-{stage}"] if word == "RUN"]
        for stage in ("cpu", "gpu")
    }
    assert runs == {
        "cpu": ["STS_CACHE_DIR=/models deploy/install.sh cpu /opt/sts-actors --models --slim"],
        "gpu": ["deploy/install.sh gpu /opt/sts-actors"],
    }


def test_the_licence_of_the_weights_is_accepted_by_no_file_of_ours():
    spoken = re.compile(r"COQUI_TOS_AGREED\W*1|--accept-licence")
    files = [file for file in DEPLOY.rglob("*") if file.is_file()]
    assert [file.name for file in files if spoken.search(file.read_text("utf-8", "replace"))] == []


# Of others than the service: the images' own surroundings.
SURROUNDINGS = frozenset(
    {"PATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "PIP_NO_CACHE_DIR", "PIP_ROOT_USER_ACTION"}
    | {"NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES", "CUDA_CACHE_PATH", "NUMBA_CACHE_DIR"}
    | {"MPLCONFIGDIR", "HF_HOME", "HF_HUB_OFFLINE", "TTS_HOME", "HOME"}
)


def test_every_variable_of_the_images_and_of_compose_is_known():
    named = {
        word
        for rest in (rest for one, rest in instructions() if one == "ENV")
        for word in re.findall(r"(\w+)=", rest)
    }
    text = (DEPLOY / "compose.yaml").read_text("utf-8")
    named |= set(re.findall(r"\$\{(\w+)", text))
    for service in compose()["services"].values():
        named |= {name for name in service.get("environment", {}) if not name.startswith("GF_")}
    unit = (DEPLOY / "sts-actors.service").read_text("utf-8")
    for line in re.findall(r"(?m)^Environment=(.*)$", unit):
        named |= set(re.findall(r"(\w+)=", line))
    assert {"STS_AUTH_TOKEN", "PORT", "STS_CACHE_DIR", "ARTIFACTS_PATH"} <= named
    assert named - variables() - SURROUNDINGS == set()


@pytest.mark.parametrize("service", ["cpu", "gpu"])
def test_the_file_system_is_read_only_but_for_a_folder_that_libraries_can_be_loaded_from(service):
    started = compose()["services"][service]
    assert started["read_only"]
    (folder,) = started["tmpfs"]
    path, _, options = folder.partition(":")
    assert path == "/tmp"
    assert "exec" in options.split(",")


def test_what_is_published_is_published_to_this_machine_alone():
    published = [port for service in compose()["services"].values() for port in service.get("ports", ())]
    assert len(published) == 4
    assert [port for port in published if not port.startswith("127.0.0.1:")] == []


@pytest.mark.parametrize("profile", ["cpu", "gpu"])
def test_each_profile_starts_the_service_under_one_name_with_prometheus_and_grafana(profile):
    services = {name: one for name, one in compose()["services"].items() if profile in one["profiles"]}
    assert set(services) == {profile, "prometheus", "grafana"}
    assert services[profile]["networks"]["default"]["aliases"] == ["sts-actors"]
    assert services[profile]["build"]["target"] == profile


def test_prometheus_and_grafana_find_what_they_are_given_where_they_look_for_it():
    services = compose()["services"]
    mounts = {
        target: DEPLOY / source
        for name in ("prometheus", "grafana")
        for source, target, _ in (one.split(":") for one in services[name]["volumes"] if one.startswith("./"))
    }
    assert [str(folder) for folder in mounts.values() if not folder.is_dir()] == []
    (told,) = (one for one in services["prometheus"]["command"] if one.startswith("--config.file="))
    configured = PurePosixPath(told.partition("=")[2])
    scraped = yaml.safe_load((mounts[str(configured.parent)] / configured.name).read_text("utf-8"))
    targets = [
        target
        for job in scraped["scrape_configs"]
        for group in job["static_configs"]
        for target in group["targets"]
    ]
    assert "sts-actors:8000" in targets
    provisioned = mounts["/etc/grafana/provisioning"]
    (dashboards,) = (provisioned / "dashboards").glob("*.yml")
    (sources,) = (provisioned / "datasources").glob("*.yml")
    (provider,) = yaml.safe_load(dashboards.read_text("utf-8"))["providers"]
    assert list(mounts[provider["options"]["path"]].glob("*.json"))
    (source,) = yaml.safe_load(sources.read_text("utf-8"))["datasources"]
    assert source["url"] == "http://prometheus:9090"
