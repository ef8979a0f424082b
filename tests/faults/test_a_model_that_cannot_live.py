"""A model that dies at every start ends the process, after the intensity that is allowed and not before."""

import os
import subprocess
import sys
import time

import pytest
from hollow_whisper import hollow_whisper

from sts_actors.models import BACKOFF, INTENSITY


@pytest.fixture
def broken_model(tmp_path):
    """A folder that looks like a converted Whisper and is none."""
    return hollow_whisper(tmp_path)


def test_the_service_ends_with_a_code_when_a_model_dies_at_every_start(broken_model):
    pytest.importorskip("faster_whisper", reason="the real engine that fails to load is not installed")
    settings = {"ASR_ENGINE": "whisper", "ASR_MODEL_SIZE": str(broken_model)}
    program = "import sys; from sts_actors.cli.main import main; sys.exit(main())"
    command = [sys.executable, "-c", program, "serve", "--profile", "fake", "--port", "0"]
    began = time.perf_counter()
    done = subprocess.run(
        command, env={**os.environ, **settings}, capture_output=True, text=True, timeout=120, check=False
    )
    took_s = time.perf_counter() - began
    assert done.returncode > 0, done.stderr
    # Each failure but the last is followed by a pause, shortened by up to half.
    pauses = [min(BACKOFF.first_s * BACKOFF.factor**n, BACKOFF.max_s) for n in range(INTENSITY.restarts)]
    assert took_s > sum(pauses) * (1 - BACKOFF.jitter)
    assert done.stderr.count("models/asr failed and is started anew") == INTENSITY.restarts
    said = done.stderr.splitlines()[-1]
    assert "models/asr ended more than 5 times in 30 s" in said
    assert f"cannot load {broken_model}" in said
    assert "set ASR_MODEL_SIZE" in said
