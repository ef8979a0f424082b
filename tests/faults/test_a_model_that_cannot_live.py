"""A model that dies at every start ends the service, after the intensity that is allowed and not before.

One that cannot be loaded as it is configured ends it at once: another try would end alike.
"""

import os
import subprocess
import sys

import pytest
import trio
from engine_samples import load_and_die
from hollow_whisper import hollow_whisper

from sts_actors.cli.boundary import explain
from sts_actors.cli.errors import ExitCode
from sts_actors.engines.process import in_process
from sts_actors.errors import Stage
from sts_actors.models import BACKOFF, INTENSITY, ModelSpec, open_models
from sts_actors.profiles import model_specs
from sts_actors.settings import load_settings
from supervision import RestartIntensityExceeded


async def test_a_model_that_dies_at_every_start_is_started_as_often_as_is_allowed():
    starts = []

    def opened():
        starts.append(trio.current_time())
        return in_process("asr", load_and_die)()

    fake = model_specs(load_settings(profile="fake", environment={}))
    specs = {**fake, Stage.ASR: ModelSpec(open_runner=opened, tokens=1)}
    with trio.fail_after(60), pytest.raises(RestartIntensityExceeded) as caught:
        async with open_models(specs, device_tokens=8):
            await trio.sleep_forever()
    assert len(starts) == 1 + INTENSITY.restarts
    # Each failure but the last is followed by a pause, shortened by up to half.
    pauses = [min(BACKOFF.first_s * BACKOFF.factor**n, BACKOFF.max_s) for n in range(INTENSITY.restarts)]
    assert starts[-1] - starts[0] > sum(pauses) * (1 - BACKOFF.jitter)
    said, code = explain(caught.value)
    assert "models/asr ended more than 5 times in 30 s" in said
    assert code == ExitCode.SERVICE


@pytest.mark.parametrize(
    "settings",
    [{}, {"ASR_COMPUTE_TYPE": "float16"}],
    ids=["weights that are none", "numbers that this machine does not have"],
)
def test_a_model_that_cannot_be_loaded_as_configured_ends_the_service_at_once(tmp_path, settings):
    pytest.importorskip("faster_whisper", reason="the real engine that fails to load is not installed")
    model = hollow_whisper(tmp_path)
    settings = {"ASR_ENGINE": "whisper", "ASR_MODEL_SIZE": str(model)} | settings
    program = "import sys; from sts_actors.cli.main import main; sys.exit(main())"
    command = [sys.executable, "-c", program, "serve", "--profile", "fake", "--port", "0"]
    done = subprocess.run(
        command, env={**os.environ, **settings}, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == ExitCode.INPUT, done.stderr
    assert "started anew" not in done.stderr
    (said,) = [line for line in done.stderr.splitlines() if line.startswith("sts-actors: ")]
    assert f"cannot load {model}" in said
    assert "set ASR_MODEL_SIZE" in said
