"""Memory that runs short and comes back, as workers and operators see it."""

import base64
import json
from functools import partial
from types import SimpleNamespace

import pytest
import trio
from desk import open_desk
from memory_figures import MIB, Gauge
from running import QUICK, dubbing, http_get, marked

from sts_actors import app
from sts_actors.answering import Answering
from sts_actors.app import run_service
from sts_actors.client import Backpressure, Processed
from sts_actors.errors import EngineError, ErrorCode, Stage
from sts_actors.levels import Levels
from sts_actors.memory import Need, start
from sts_actors.models import open_models
from sts_actors.settings import load_settings

SPEECH = base64.b64encode(marked(1, 0)).decode()
OPENING = {
    "stream_id": "s",
    "source_language": "en",
    "target_language": "pt",
    "format": "pcm_s16le",
    "sample_rate_hz": 16_000,
    "channels": 1,
}


async def opened(desk):
    socket = await desk.connect()
    socket.send("stream:init", OPENING)
    assert await socket.next_named("stream:ready")
    return socket


def levels(socket):
    """What is said of levels in all that has come so far; takes it."""
    told = [payload for event, payload in socket.inbox if event == "backpressure"]
    socket.inbox.clear()
    return [(level["severity"], level["action"], level["recommended_delay_ms"]) for level in told]


SLOW, NONE = ("medium", "slow_down", 500), ("low", "none", 0)


async def test_every_running_stream_is_told_when_memory_runs_short_and_when_it_is_back(autojump_clock):
    async with open_desk() as desk:
        sockets = [await opened(desk) for _ in range(3)]
        await trio.sleep(1)
        assert [levels(socket) for socket in sockets] == [[]] * 3
        desk.dubbing.pressure.set_low(low=True)
        await trio.sleep(30)
        assert [levels(socket) for socket in sockets] == [[SLOW]] * 3
        desk.dubbing.pressure.set_low(low=False)
        await trio.sleep(1)
        assert [levels(socket) for socket in sockets] == [[NONE]] * 3


async def test_a_stream_that_opens_while_memory_is_short_is_told_after_it_is_ready(autojump_clock):
    async with open_desk() as desk:
        desk.dubbing.pressure.set_low(low=True)
        socket = await opened(desk)
        await trio.sleep(1)
        assert levels(socket) == [SLOW]


async def test_while_memory_is_short_fragments_are_still_taken_and_dubbed(autojump_clock):
    async with open_desk() as desk:
        desk.dubbing.pressure.set_low(low=True)
        socket = await opened(desk)
        for number in range(3):
            socket.send("fragment:data", {"fragment_id": "f", "sequence_number": number, "audio": SPEECH})
        answers = [await socket.next_named("fragment:processed") for _ in range(3)]
    assert {answer["status"] for answer in answers} == {"success"}


async def test_a_model_that_runs_out_of_memory_slows_all_streams_down_for_ten_seconds(autojump_clock):
    async with open_desk() as desk:
        served = desk.models.recogniser

        async def out_of_memory(request, **context):
            raise EngineError(ErrorCode.GPU_OOM, "recognition ran out of memory")

        desk.models.recogniser = out_of_memory
        mine, other = await opened(desk), await opened(desk)
        mine.send("fragment:data", {"fragment_id": "f", "sequence_number": 0, "audio": SPEECH})
        answer = await mine.next_named("fragment:processed")
        desk.models.recogniser = served
        assert (answer["error"]["code"], answer["error"]["retryable"]) == ("GPU_OOM", True)
        await trio.sleep(9.9)
        assert (levels(mine), levels(other)) == ([SLOW], [SLOW])
        await trio.sleep(0.2)
        assert (levels(mine), levels(other)) == ([NONE], [NONE])


class SlowOutlet:
    """Takes a second for everything; `said` is what has gone out, in order."""

    sid = "sid"

    def __init__(self):
        self.said = []

    async def say(self, event, payload):
        await trio.sleep(1)
        self.said.append(payload["action"])


def a_stream(in_flight):
    return SimpleNamespace(
        in_flight=in_flight, queue_depth=0, config=SimpleNamespace(stream_id="s", max_inflight=3)
    )


async def test_memory_that_is_back_while_its_lack_is_being_told_is_told_too(autojump_clock):
    async with open_desk() as desk, trio.open_nursery() as nursery:
        outlet, pressure = SlowOutlet(), desk.dubbing.pressure
        nursery.start_soon(Levels(Answering(outlet, desk.dubbing), desk.dubbing).follow_memory, a_stream(0))
        await trio.sleep(1)
        pressure.set_low(low=True)
        await trio.sleep(0.5)
        pressure.set_low(low=False)
        await trio.sleep(5)
        assert outlet.said == ["slow_down", "none"]
        nursery.cancel_scope.cancel()


async def test_two_that_tell_the_level_at_once_leave_the_worker_with_what_is_true(autojump_clock):
    async with open_desk() as desk:
        outlet, pressure = SlowOutlet(), desk.dubbing.pressure
        levels = Levels(Answering(outlet, desk.dubbing), desk.dubbing)
        stream = a_stream(8)
        pressure.set_low(low=True)
        await levels.tell(stream)
        stream.in_flight = 2
        async with trio.open_nursery() as nursery:
            nursery.start_soon(levels.tell, stream)
            await trio.sleep(0.5)
            pressure.set_low(low=False)
            nursery.start_soon(levels.tell, stream)
    assert outlet.said == ["pause", "none", "slow_down", "none"]


async def test_a_stream_that_ends_while_memory_is_short_ends_well(autojump_clock):
    async with open_desk() as desk:
        desk.dubbing.pressure.set_low(low=True)
        socket = await opened(desk)
        socket.send("stream:end")
        with trio.fail_after(1):
            assert await socket.next_named("stream:complete")


async def next_of(kind, stream):
    async for event in stream.events:
        if isinstance(event, kind):
            return event
    return None


async def test_over_the_wire_free_memory_goes_below_the_floor_and_comes_back():
    gauge = Gauge(gpu=9000, total=10_000)
    settings = load_settings(
        profile="fake",
        overrides={"port": 0, "asr_device": "cuda", "gpu_monitoring_interval_s": 0.1, **QUICK},
        environment={},
    )
    async with trio.open_nursery() as nursery:
        service = await nursery.start(partial(run_service, settings, read_memory=gauge.read))
        await service.wait_ready()
        with trio.fail_after(30):
            async with dubbing(service) as stream:
                gauge.set(gpu=2000, total=10_000)
                assert (await next_of(Backpressure, stream)).action == "slow_down"
                await stream.send_fragment(0, marked(1, 0), 1000)
                assert (await next_of(Processed, stream)).status == "success"
                _, metrics = await http_get(service, "/metrics")
                gauge.set(gpu=4000, total=10_000)
                assert (await next_of(Backpressure, stream)).action == "none"
        nursery.cancel_scope.cancel()
    for line in (
        "sts_gpu_available 1.0",
        "sts_memory_pressure 1.0",
        f'sts_gpu_memory_used_bytes{{device="cuda:0"}} {float(8000 * MIB)}',
        f'sts_gpu_memory_total_bytes{{device="cuda:0"}} {float(10_000 * MIB)}',
    ):
        name, _, value = line.rpartition(" ")
        found = [row for row in metrics.decode().splitlines() if row.startswith(name)]
        assert [float(row.rpartition(" ")[2]) for row in found] == [float(value)]


@pytest.mark.parametrize(("free", "together"), [(600, True), (500, False)])
async def test_models_are_loaded_one_after_the_other_where_there_is_no_memory_for_all_at_once(
    free, together, monkeypatch
):
    def declared(settings, folder_size, *, cuda):
        return tuple(
            Need(stage=stage, model="fake", device="cpu", steady_mib=100, loading_mib=200) for stage in Stage
        )

    asked = []

    def opened(specs, **how):
        asked.append(how["together"])
        return open_models(specs, **how)

    monkeypatch.setattr(start, "needs", declared)
    monkeypatch.setattr(app, "open_models", opened)
    settings = load_settings(profile="fake", overrides={"port": 0, **QUICK}, environment={})
    async with trio.open_nursery() as nursery:
        service = await nursery.start(partial(run_service, settings, read_memory=Gauge(cpu=free).read))
        await service.wait_ready()
        nursery.cancel_scope.cancel()
    assert asked == [together]


@pytest.mark.parametrize("in_process", [True, False])
async def test_what_each_model_holds_is_shown_where_it_has_a_process_of_its_own(in_process):
    settings = load_settings(
        profile="fake", overrides={"port": 0, "fake_in_process": in_process, **QUICK}, environment={}
    )
    async with trio.open_nursery() as nursery:
        service = await nursery.start(partial(run_service, settings, read_memory=Gauge().read))
        await service.wait_ready()
        _, body = await http_get(service, "/ready")
        _, metrics = await http_get(service, "/metrics")
        nursery.cancel_scope.cancel()
    models = json.loads(body)["models"]
    assert {name: (its["name"], its["loaded"]) for name, its in models.items()} == {
        "asr": ("fake recogniser", True),
        "translation": ("fake translator", True),
        "tts": ("fake synthesiser", True),
    }
    held = [its["memory_bytes"] for its in models.values()]
    assert all(one > MIB for one in held) if in_process else held == [None] * 3
    assert (b'sts_model_memory_bytes{memory="host",stage="tts"}' in metrics) is in_process
    assert b"sts_gpu_available 0.0" in metrics
