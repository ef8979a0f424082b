"""The children of supervisors as data: what each is doing and where it waits."""

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from supervision import Backoff, Child, Restart, actor_statistics, open_supervisor


async def sleeps_here():
    await trio.sleep_forever()


HERE = f"test_supervision_actors.py:{sleeps_here.__code__.co_firstlineno + 1} sleeps_here"


def test_outside_of_a_run_there_is_nothing_to_look_at():
    with pytest.raises(RuntimeError):
        actor_statistics()


async def test_each_child_is_named_by_its_supervisor_s_and_shown_where_it_waits(autojump_clock):
    async with open_supervisor("stream/7") as stream, open_supervisor("models") as models:
        stream.start_soon(Child(name="tts", run=sleeps_here))
        models.start_soon(Child(name="asr", run=sleeps_here, restart=Restart.PERMANENT))
        models.start_soon(Child(name="mt", run=sleeps_here))
        await wait_all_tasks_blocked()
        found = [
            (actor.name, actor.restart.value, actor.state.value, actor.task) for actor in actor_statistics()
        ]
        assert found == [
            ("models/asr", "permanent", "running", HERE),
            ("models/mt", "transient", "running", HERE),
            ("stream/7/tts", "transient", "running", HERE),
        ]
        models.cancel()
        stream.cancel()
    assert actor_statistics() == ()


async def test_a_child_that_has_not_begun_waits_nowhere(autojump_clock):
    async with open_supervisor("models") as models:
        models.start_soon(Child(name="asr", run=sleeps_here))
        (actor,) = actor_statistics()
        assert (actor.state, actor.task) == ("starting", "")
        models.cancel()


async def test_a_child_is_counted_with_its_restarts_and_waits_between_two(autojump_clock):
    async def fails():
        raise ZeroDivisionError

    patient = Child(name="asr", run=fails, backoff=Backoff(first_s=5.0, max_s=5.0))
    async with open_supervisor("models") as models:
        models.start_soon(patient)
        await wait_all_tasks_blocked()
        (actor,) = actor_statistics()
        assert (actor.state, actor.restarts) == ("waiting", 1)
        assert actor.task.startswith("supervisor.py:")
        models.cancel()


async def test_a_child_that_is_being_stopped_says_so(autojump_clock):
    async def cleans_up():
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(1)

    async with open_supervisor("models") as models:
        models.start_soon(Child(name="asr", run=cleans_up))
        await wait_all_tasks_blocked()
        models.cancel()
        await wait_all_tasks_blocked()
        (actor,) = actor_statistics()
        assert actor.state == "stopping"


async def test_no_more_are_looked_at_than_are_asked_for(autojump_clock):
    async with open_supervisor("models") as models:
        for number in range(5):
            models.start_soon(Child(name=str(number), run=sleeps_here))
        await wait_all_tasks_blocked()
        assert [actor.name for actor in actor_statistics(2)] == ["models/0", "models/1"]
        assert len(actor_statistics()) == len(actor_statistics(9)) == 5
        models.cancel()
