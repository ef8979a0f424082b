"""Prometheus' own tool on what we give Prometheus: its configuration, the rules, their tests, our metrics."""

import shutil
import subprocess
import sys
from pathlib import Path

import monitoring_files as files
import pytest


def promtool(*arguments, given=None):
    unpacked = Path(sys.prefix) / "promtool" / "usr" / "bin" / "promtool"
    found = str(unpacked) if unpacked.exists() else shutil.which("promtool")
    if found is None:
        pytest.fail("promtool is not here: run `just promtool`, or put it on the PATH", pytrace=False)
    return subprocess.run(
        (found, *arguments),
        cwd=files.PROMETHEUS,
        input=given,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "config", "prometheus.yml"),
        ("check", "rules", "alerts.yml"),
        ("test", "rules", "alerts_test.yml"),
    ],
    ids=" ".join,
)
def test_the_files_are_good(arguments):
    run = promtool(*arguments)
    assert run.returncode == 0, run.stdout + run.stderr


def test_a_rule_that_fires_on_something_else_fails_the_tests_of_the_rules(tmp_path):
    for name in ("alerts.yml", "alerts_test.yml"):
        text = (files.PROMETHEUS / name).read_text()
        (tmp_path / name).write_text(text.replace("sts_ready == 0", "sts_ready == 2"))
    run = promtool("test", "rules", str(tmp_path / "alerts_test.yml"))
    assert run.returncode != 0
    assert "StsNotReady" in run.stdout + run.stderr


def test_the_metrics_are_named_as_prometheus_wants_them_but_for_the_one_in_percent():
    run = promtool("check", "metrics", given=files.live_metrics())
    # A name of the first quick start, which is a contract; the ratio stands beside it.
    rest = [line for line in run.stderr.splitlines() if not line.startswith("sts_gpu_utilization_percent ")]
    assert (run.stdout, rest) == ("", [])


def test_without_promtool_the_failure_says_what_to_run(monkeypatch):
    monkeypatch.setattr(sys, "prefix", "/nowhere")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(pytest.fail.Exception, match="run `just promtool`"):
        promtool("--version")
