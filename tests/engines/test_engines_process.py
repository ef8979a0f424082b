"""Engines in worker processes of their own."""

import math
import pickle

import engine_samples
import pytest

from sts_actors.engines.process import in_process
from sts_actors.errors import EngineError, ErrorCode
from supervision import WorkerCrashed


async def test_an_engine_serves_from_its_own_process():
    async with in_process("parrot", engine_samples.load, "polly", threads=1)() as runner:
        assert runner.info.name == "parrot"
        good, bad = await runner.run(["hello", "bad"], math.inf)
    assert good == "hello"
    assert isinstance(bad, EngineError)
    assert (bad.code, bad.message) == (ErrorCode.ASR_FAILED, "no")


@pytest.mark.parametrize("threads", [None, 2])
async def test_its_libraries_are_told_to_report_to_nobody(threads):
    load = engine_samples.load_named_by
    async with in_process("parrot", load, "ORT_DISABLE_TELEMETRY", threads=threads)() as runner:
        assert runner.info.name == "1"


async def test_an_engine_that_dies_ends_its_block():
    async def serve():
        async with in_process("parrot", engine_samples.load, "polly")() as runner:
            await runner.run(["die"], math.inf)

    with pytest.raises(WorkerCrashed, match="exit code 7"):
        await serve()


async def test_what_is_no_engine_is_refused():
    async def serve():
        async with in_process("nothing", engine_samples.load_nothing)() as runner:
            return runner.info

    with pytest.raises(TypeError, match="serves no engine"):
        await serve()


def test_an_engine_error_crosses_a_pipe_whole():
    error = pickle.loads(pickle.dumps(EngineError(ErrorCode.GPU_OOM, "no room")))  # noqa: S301 - our own
    assert (type(error), error.code, error.message) == (EngineError, ErrorCode.GPU_OOM, "no room")
