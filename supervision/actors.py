"""The children of a run's supervisors at this moment, each with the line it waits at."""

from collections.abc import Iterator
from itertools import islice

import attrs

from supervision.children import ChildState, Life
from supervision.policy import Restart
from supervision.supervisor import SUPERVISORS
from supervision.where import where


@attrs.frozen(kw_only=True)
class ActorStatistics:
    """A supervised child at this moment.

    Attributes:
        name: its supervisor's and its own.
        restart: what is done when it ends.
        state: what it is doing.
        restarts: how often it was started anew.
        task: the line that it waits at; "" before its first.
    """

    name: str
    restart: Restart
    state: ChildState
    restarts: int
    task: str


def actor_statistics(limit: int | None = None) -> tuple[ActorStatistics, ...]:
    """Every child of this run that has not ended for good, by supervisor; the first `limit` of them.

    Call it from inside the run.
    """
    return tuple(_of(life) for life in islice(lives(), limit))


def lives() -> Iterator[Life]:
    """The same as they live, without looking at their tasks."""
    for supervisor in sorted(SUPERVISORS.things(), key=lambda found: found.name):
        yield from supervisor.lives


def _of(life: Life) -> ActorStatistics:
    return ActorStatistics(
        name=life.path,
        restart=life.child.restart,
        state=life.now,
        restarts=life.restarts,
        task="" if life.task is None else where(life.task),
    )
