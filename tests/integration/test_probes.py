"""Is it alive, may streams come: what an orchestrator is told."""

from contextlib import AsyncExitStack, asynccontextmanager

import orjson
import pytest
import trio
from desk import open_desk
from running import QUICK, dubbing, http_get, marked, running

from sts_actors.engines.breaker import Breaker
from sts_actors.errors import Stage
from sts_actors.gateway import Server
from sts_actors.memory import MemoryWatch
from sts_actors.probes import ALIVE_S, Heartbeat, add_probes, unready


@asynccontextmanager
async def probed(**overrides):
    """A service without a server; asks its routes."""
    async with open_desk(**overrides) as desk:
        routes = {}

        class Routes(Server):
            def route(self, method, path, handler):
                routes[path] = handler

        heartbeat = Heartbeat()
        add_probes(Routes(), desk.dubbing, MemoryWatch(), heartbeat)

        async def ask(path):
            answer = await routes[path](None)
            return answer.status, orjson.loads(answer.body)

        yield desk, heartbeat, ask


async def asked(service, path):
    status, body = await http_get(service, path)
    return status, orjson.loads(body)


async def test_a_running_service_is_healthy_alive_and_ready():
    async with running(**QUICK) as service:
        assert (await asked(service, "/health"))[0] == 200
        assert await asked(service, "/livez") == (200, {"status": "alive"})
        assert await asked(service, "/readyz") == (200, {"status": "ready", "reasons": []})
        _, metrics = await http_get(service, "/metrics")
    rows = metrics.decode().splitlines()
    assert "sts_ready 1.0" in rows
    assert any(row.startswith('sts_task_steps_total{role="sts_actors.probes.Heartbeat.run"}') for row in rows)
    assert 'sts_model_loaded{stage="asr"} 1.0' in rows
    assert 'sts_breaker_open{stage="translation"} 0.0' in rows


async def test_a_loop_that_has_run_nothing_for_five_seconds_is_not_alive(autojump_clock):
    async with probed() as (_, _, ask):
        await trio.sleep(ALIVE_S - 0.01)
        assert (await ask("/livez"))[0] == 200
        await trio.sleep(0.02)
        assert await ask("/livez") == (503, {"status": "stalled"})


async def test_the_heart_beats_while_the_loop_runs(autojump_clock):
    async with probed() as (desk, heartbeat, ask):
        desk.nursery.start_soon(heartbeat.run)
        await trio.sleep(60)
        assert (await ask("/livez"))[0] == 200


async def test_it_is_alive_and_not_ready_while_models_load(autojump_clock):
    async with probed(load_s=1.0) as (desk, _, ask):
        assert (await ask("/livez"))[0] == 200
        status, body = await ask("/readyz")
        assert (status, body["reasons"]) == (503, ["loading asr, translation, tts"])
        await desk.models.wait_ready()
        assert (await ask("/readyz"))[0] == 200


async def test_a_model_that_died_makes_it_unready_until_it_is_back(autojump_clock):
    async with probed() as (desk, _, ask):
        await desk.models.wait_ready()
        desk.models._models.lost(Stage.TTS)
        assert await ask("/readyz") == (503, {"status": "not ready", "reasons": ["loading tts"]})


async def test_an_open_breaker_makes_it_unready_until_a_call_may_try_again(autojump_clock):
    async with probed() as (desk, _, ask):
        await desk.models.wait_ready()
        breaker = Breaker(threshold=1, rest_s=10.0)
        desk.models.breakers[Stage.TRANSLATION] = breaker
        assert (await ask("/readyz"))[0] == 200
        breaker.failed(trio.current_time())
        assert await ask("/readyz") == (
            503,
            {"status": "not ready", "reasons": ["breaker open: translation"]},
        )
        assert b'sts_breaker_open{stage="translation"} 1.0' in desk.dubbing.metrics.render()
        assert b"sts_ready 0.0" in desk.dubbing.metrics.render()
        await trio.sleep(10)
        # Without a fragment nobody would try, and it would stay so for ever.
        assert (await ask("/readyz"))[0] == 200


async def test_an_engine_that_died_takes_its_breaker_along(autojump_clock):
    async with probed() as (desk, _, ask):
        await desk.models.wait_ready()
        breaker = desk.models.breakers[Stage.TRANSLATION] = Breaker(threshold=1)
        breaker.failed(trio.current_time())
        desk.models._models.lost(Stage.TRANSLATION)
        assert (await ask("/readyz"))[1]["reasons"] == ["loading translation"]


async def test_with_all_streams_taken_no_further_ones_should_come():
    async with running(**QUICK, max_concurrent_streams=1) as service:
        async with dubbing(service):
            status, body = await asked(service, "/readyz")
            assert (status, body["reasons"]) == (503, ["all streams are taken"])
        with trio.fail_after(30):
            while (await asked(service, "/readyz"))[0] != 200:
                await trio.sleep(0.01)


@pytest.mark.parametrize(("counts", "critical"), [((10,), False), ((10, 10), True), ((10, 9), False)])
async def test_it_is_critical_when_every_stream_of_several_is(counts, critical):
    async with running(fake_asr_latency_s=60.0) as service, AsyncExitStack() as stack:
        for number, count in enumerate(counts):
            stream = await stack.enter_async_context(dubbing(service, max_inflight=10, timeout_ms=30_000))
            for fragment in range(count):
                await stream.send_fragment(fragment, marked(number, fragment), 1000)
        with trio.fail_after(30):
            body = b""
            while f"sts_fragments_in_flight {sum(counts)}.0".encode() not in body:
                _, body = await http_get(service, "/metrics")
        status, body = await asked(service, "/readyz")
    assert (status == 503) is critical
    assert (
        body["reasons"]
        == [
            "every stream has its critical number of fragments in flight",
        ]
        * critical
    )


async def test_a_service_without_reasons_is_ready(autojump_clock):
    async with open_desk() as desk:
        await desk.models.wait_ready()
        assert unready(desk.dubbing) == []
