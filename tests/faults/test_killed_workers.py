"""Worker processes that are killed or hang while streams run: through the service, on real processes."""

import math
import time
from functools import partial

import pytest
import trio
from fault_engines import kill_worker, load_sleeper, load_stuck, worker_pid
from running import dub, dubbing, marked, running, who_speaks

from sts_actors import profiles
from sts_actors.client import Processed
from sts_actors.engines.actor import make_asker, model
from sts_actors.engines.process import in_process
from sts_actors.errors import ErrorCode, ServiceError, Stage
from supervision import Child, Restart, TokenScheduler, open_supervisor

IN_PROCESSES = {
    "fake_in_process": True,
    "fake_asr_latency_s": 0.15,
    "fake_translation_latency_s": 0.01,
    "fake_tts_latency_s": 0.15,
}
WORKERS = ("asr", "translation", "tts")


def busy(service, name):
    queues = service.models.scheduler.statistics().queues
    return any(queue.name == f"models/{name}" and queue.batches_running for queue in queues)


async def back(name, killed):
    """Wait for the worker's next life."""
    with trio.fail_after(30):
        while worker_pid(name) in {None, killed}:
            await trio.sleep(0.005)


@pytest.mark.parametrize("name", WORKERS)
async def test_a_model_killed_while_idle_is_back_within_a_second_and_loses_nothing(name):
    async with running(**IN_PROCESSES) as service:
        took_s = []
        for _ in range(3):  # the best of three: the machine may be busy with something else
            killed = kill_worker(name)
            began = time.perf_counter()
            with trio.fail_after(30):
                while not service.models.missing:
                    await trio.sleep(0.005)
                while service.models.missing:
                    await trio.sleep(0.005)
            took_s.append(time.perf_counter() - began)
            assert worker_pid(name) != killed
        assert min(took_s) < 1
        async with dubbing(service) as stream:
            answers = await dub(stream, 1, 3)
    assert [answer.status for answer in answers] == ["success"] * 3


@pytest.mark.parametrize("name", ["asr", "tts"])
async def test_a_model_killed_in_mid_call_costs_no_fragment(name):
    async with running(**IN_PROCESSES) as service, dubbing(service) as stream:
        answers = []

        async def kill():
            with trio.fail_after(30):
                while not busy(service, name):
                    await trio.sleep(0.002)
            await back(name, kill_worker(name))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(kill)
            answers.extend(await dub(stream, 1, 6))
    assert [answer.sequence_number for answer in answers] == list(range(6))
    assert [who_speaks(answer.audio) for answer in answers] == [(1, number) for number in range(6)]


async def test_a_model_killed_in_mid_batch_answers_each_stream_once_and_in_order():
    heard = {}

    async with running(**IN_PROCESSES, asr_batch=4) as service:

        async def one(number):
            async with dubbing(service) as stream:
                heard[number] = await dub(stream, number, 6)

        async def kill():
            for name in ("asr", "tts", "asr"):
                with trio.fail_after(30):
                    while not busy(service, name):
                        await trio.sleep(0.002)
                await back(name, kill_worker(name))

        async with trio.open_nursery() as nursery:
            for number in range(1, 5):
                nursery.start_soon(one, number)
            nursery.start_soon(kill)
        sizes = [queue.batch_sizes for queue in service.models.scheduler.statistics().queues]
        assert any(sum(counts[1:]) for counts in sizes), f"no batch of two was ever formed: {sizes}"
        assert service.models.scheduler.statistics().tokens_free == 8
    for number, answers in heard.items():
        assert [answer.sequence_number for answer in answers] == list(range(6))
        told = [who_speaks(answer.audio) for answer in answers if answer.status == "success"]
        fine = [answer.sequence_number for answer in answers if answer.status == "success"]
        assert told == [(number, fragment) for fragment in fine]
        lost = {answer.error.code for answer in answers if answer.status == "failed"}
        assert lost <= {"MODEL_UNAVAILABLE", "TIMEOUT"}


async def test_a_call_that_never_returns_is_killed_at_its_deadline_and_its_tokens_come_back():
    device = TokenScheduler("device", tokens=2)
    queue = device.open_queue("model", cost=2, max_batch=1)
    open_runner = in_process("stuck", load_stuck, grace_s=0)
    loaded = trio.Event()
    async with open_supervisor("models") as supervisor:
        run = partial(model, queue, open_runner, lambda _: loaded.set())
        supervisor.start_soon(Child(name="stuck", run=run, restart=Restart.PERMANENT, owns=(queue,)))
        ask = partial(make_asker(queue, Stage.ASR, key=lambda _: ""), stream="s")
        await loaded.wait()
        late_s = []
        for _ in range(3):  # the best of three: the machine may be busy with something else
            hung = worker_pid("stuck")
            deadline = trio.current_time() + 0.3
            with pytest.raises(ServiceError) as caught:
                await ask("hang", deadline=deadline)
            assert caught.value.code is ErrorCode.TIMEOUT
            with trio.fail_after(30):
                while device.statistics().tokens_free == 0:
                    await trio.sleep(0.002)
            late_s.append(trio.current_time() - deadline)
            assert worker_pid("stuck") != hung
            # The next question waits for the next life.
            assert await ask("well", deadline=math.inf) == "well"
        assert min(late_s) < 0.1
        supervisor.cancel()


async def test_other_streams_lose_nothing_while_a_model_is_loaded_anew():
    # The stream that waits for the synthesiser goes on when it is back; the other needs it only later.
    async with running(**IN_PROCESSES) as service, dubbing(service) as first, dubbing(service) as second:
        await first.send_fragment(0, marked(1, 0), 1000)
        await second.send_fragment(0, marked(2, 0), 1000)
        await back("tts", kill_worker("tts"))
        for stream, number in ((first, 1), (second, 2)):
            with trio.fail_after(30):
                async for event in stream.events:
                    if isinstance(event, Processed):
                        break
            assert (event.status, who_speaks(event.audio)) == ("success", (number, 0))


async def test_a_model_that_hangs_is_killed_when_its_fragment_is_due_and_the_stream_goes_on(
    monkeypatch, tmp_path
):
    hanging = in_process("asr", load_sleeper, str(tmp_path / "flag"), 60.0, grace_s=0)
    monkeypatch.setattr(profiles, "_recogniser", lambda _: hanging)
    async with running(**IN_PROCESSES) as service, dubbing(service, timeout_ms=3000) as stream:
        first = worker_pid("asr")
        for fragment in range(2):
            await stream.send_fragment(fragment, marked(1, fragment), 1000)
            with trio.fail_after(30):
                async for event in stream.events:
                    if isinstance(event, Processed):
                        break
            if fragment == 0:
                assert (event.status, event.error.code, event.error.stage) == ("failed", "TIMEOUT", "asr")
                await back("asr", first)
                with trio.fail_after(30):
                    while service.models.missing:
                        await trio.sleep(0.005)
            else:
                assert event.status == "success"
                assert event.transcript == "awake"
