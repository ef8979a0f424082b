"""Whoever stops the service gives it the time to drain."""

import re
import shutil
import subprocess

import pytest
from deploy_files import DEPLOY, compose, last, seconds

from sts_actors.settings import load_settings

DRAIN_S = load_settings(environment={}).drain_timeout_s
# From the last answer to the end of the process: models' processes end, files are closed.
ENDING_S = 10
UNIT = DEPLOY / "sts-actors.service"


def directives():
    """What the unit says, by name; the last counts where one may stand once only."""
    return dict(re.findall(r"(?m)^(\w+)=(.*)$", UNIT.read_text("utf-8")))


@pytest.mark.parametrize("service", ["cpu", "gpu"])
def test_compose_waits_longer_than_the_drain(service):
    assert seconds(compose()["services"][service]["stop_grace_period"]) >= DRAIN_S + ENDING_S


def test_systemd_waits_longer_than_the_drain_and_tells_the_service_alone():
    unit = directives()
    assert int(unit["TimeoutStopSec"]) >= DRAIN_S + ENDING_S
    assert (unit["KillSignal"], unit["KillMode"]) == ("SIGTERM", "mixed")


def test_systemd_starts_it_again_unless_only_an_operator_can_mend_it():
    unit = directives()
    assert (unit["Restart"], unit["RestartPreventExitStatus"]) == ("on-failure", "2")


@pytest.mark.parametrize("image", ["cpu", "gpu"])
def test_the_health_check_has_given_up_before_its_runner_does(image):
    options = dict(re.findall(r"--([\w-]+)=(\S+)", last(image, "HEALTHCHECK")))
    gives_up = re.search(r"ANSWER_WITHIN_S = ([\d.]+)", (DEPLOY / "healthcheck.py").read_text("utf-8"))
    assert float(gives_up[1]) < seconds(options["timeout"]) <= seconds(options["interval"])


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="this machine has no systemd")
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path):
    program = tmp_path / "sts-actors"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    installed = tmp_path / UNIT.name
    installed.write_text(UNIT.read_text("utf-8").replace("/opt/sts-actors/bin/sts-actors", str(program)))
    done = subprocess.run(
        ["systemd-analyze", "verify", installed], check=False, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
