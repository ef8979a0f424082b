"""Models loaded all at once, or one after the other; time is virtual."""

from contextlib import asynccontextmanager

import attrs
import pytest
import trio

from sts_actors.engines.ports import EngineInfo
from sts_actors.errors import Stage
from sts_actors.models import ModelSpec, open_models

LOAD_S = 3.0


@attrs.define
class Slow:
    """An engine that takes its time to load, and dies of its first batch where it is told to."""

    loading: list
    info = EngineInfo(name="slow")
    pid = 4711

    @asynccontextmanager
    async def open(self):
        self.loading.append(1)
        try:
            await trio.sleep(LOAD_S)
        finally:
            self.loading.pop()
        yield self

    async def run(self, batch, deadline):
        await trio.lowlevel.checkpoint()
        raise RuntimeError("the engine died")


async def most_at_once(loading):
    most = 0
    with trio.move_on_after(20):
        while True:
            most = max(most, len(loading))
            await trio.sleep(0.5)
    return most


@pytest.mark.parametrize(("together", "most", "took_s"), [(True, 3, LOAD_S), (False, 1, 3 * LOAD_S)])
async def test_models_are_loaded_at_once_or_where_memory_is_short_one_after_the_other(
    autojump_clock, together, most, took_s
):
    loading = []
    specs = {stage: ModelSpec(open_runner=Slow(loading).open, tokens=1) for stage in Stage}
    started = trio.current_time()
    async with (
        open_models(specs, device_tokens=8, together=together) as models,
        trio.open_nursery() as nursery,
    ):
        found = []

        async def count():
            found.append(await most_at_once(loading))

        nursery.start_soon(count)
        await models.wait_ready()
        assert trio.current_time() - started == took_s
        assert models.processes == dict.fromkeys(Stage, 4711)
    assert found == [most]


async def test_a_model_that_died_is_loaded_again_though_the_others_stay_loaded(autojump_clock):
    specs = {stage: ModelSpec(open_runner=Slow([]).open, tokens=1) for stage in Stage}
    async with open_models(specs, device_tokens=8, together=False) as models:
        await models.wait_ready()
        with trio.move_on_after(1):
            await models.recogniser(
                attrs.make_class("Request", ["language"])("en"), stream="s", deadline=trio.current_time() + 60
            )
        assert models.missing == (Stage.ASR,)
        assert Stage.ASR not in models.processes
        with trio.fail_after(60):
            while models.missing:
                await trio.sleep(0.5)
        assert models.processes[Stage.ASR] == 4711
