"""`GET /console/overview`: streams, models, scheduler, actors, channels, loop; all as they are now.

It runs on the loop: see `bench/console.py` for what it costs.
"""

from typing import Any

import trio

from sts_actors.errors import Stage
from sts_actors.journal import Journal, StreamEntry
from sts_actors.models import Models
from supervision import (
    ActorStatistics,
    ChannelStatistics,
    LoopStatistics,
    QueueStatistics,
    actor_statistics,
    channel_statistics,
)
from supervision.instruments import LAG_BOUNDS_S

ACTORS = 2000
"""More are not shown, nor more channels."""
_LATE_SHARE = 0.99


def streams(journal: Journal) -> list[dict[str, Any]]:
    """The open ones in the order of their opening, then the ended ones, the last one first."""
    return [describe_stream(stream) for stream in (*journal.open, *journal.ended)]


def describe_stream(stream: StreamEntry) -> dict[str, Any]:
    """One line of the overview."""
    return {
        "session_id": stream.session_id,
        "stream_id": stream.stream_id,
        "worker_id": stream.worker_id,
        "source_language": stream.source_language,
        "target_languages": stream.targets,
        "seam": stream.seam,
        "state": stream.state,
        "level": stream.level,
        "in_flight": stream.in_flight,
        "max_inflight": stream.max_inflight,
        "lag_ms": stream.lag_ms,
        **stream.outcomes,
        "age_s": round(stream.age_s, 3),
        "restarts": stream.restarts,
        "open": stream.ended is None,
    }


async def runtime(models: Models, loop: LoopStatistics) -> dict[str, Any]:
    """What is the same for all streams: models, scheduler, actors, channels, loop.

    With many streams the actors and the channels are what costs, so others may run between the two.
    """
    actors = actor_statistics(ACTORS)
    await trio.lowlevel.checkpoint()
    channels = channel_statistics()[:ACTORS]
    await trio.lowlevel.checkpoint()
    device = models.statistics()
    return {
        "models": _models(models, device.queues, {actor.name: actor for actor in actors}),
        "scheduler": {"tokens": device.tokens, "tokens_free": device.tokens_free},
        "actors": [_actor(actor) for actor in actors],
        "channels": [_channel(channel) for channel in channels],
        "loop": _loop(loop),
    }


def _models(
    models: Models, queues: tuple[QueueStatistics, ...], actors: dict[str, ActorStatistics]
) -> list[dict[str, Any]]:
    names, by_name = models.engine_names(), {queue.name: queue for queue in queues}
    told = []
    for stage in Stage:
        actor, queue = actors.get(f"models/{stage}"), by_name.get(f"models/{stage}")
        its: dict[str, Any] = {
            "stage": stage.value,
            "name": names.get(stage.value),
            "loaded": stage not in models.missing,
        }
        if actor is not None:
            its |= {"running": actor.state.value == "running", "restarts": actor.restarts}
        if queue is not None:
            its |= _queue(queue)
        told.append(its)
    return told


def _queue(queue: QueueStatistics) -> dict[str, Any]:
    return {
        "waiting": queue.waiting,
        "batches": queue.batches,
        "mean_batch": queue.served / queue.batches if queue.batches else 0.0,
        "batches_running": queue.batches_running,
        "served": queue.served,
        "waited_s_mean": queue.waited_s / queue.served if queue.served else 0.0,
    }


def _actor(actor: ActorStatistics) -> dict[str, Any]:
    return {
        "name": actor.name,
        "state": actor.state.value,
        "restarts": actor.restarts,
        "task": actor.task,
    }


def _channel(channel: ChannelStatistics) -> dict[str, Any]:
    return {
        "name": channel.name,
        "fill": channel.fill,
        "capacity": channel.capacity,
        "peak": channel.peak,
        "waiting_senders": channel.waiting_senders,
        "waiting_receivers": channel.waiting_receivers,
    }


def _loop(loop: LoopStatistics) -> dict[str, Any]:
    return {
        "lag_s_p99": _late(loop),
        "longest_stall_s": max((stall.seconds for stall in loop.latest_stalls), default=0.0),
        "stalls": loop.stalls,
        "tasks": trio.lowlevel.current_statistics().tasks_living,
    }


def _late(loop: LoopStatistics) -> float:
    """A length that 99 of 100 passes did not exceed: the bound of a class, for no more is counted."""
    seen = 0
    for count, bound in zip(loop.lags, LAG_BOUNDS_S, strict=False):
        seen += count
        if seen >= loop.passes * _LATE_SHARE:
            return min(bound, loop.longest_pass_s)
    return loop.longest_pass_s
