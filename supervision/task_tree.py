"""A picture of a run at this moment: where every task waits, and what is in every channel and queue."""

import gc
from collections.abc import Iterator
from pathlib import Path
from types import AsyncGeneratorType, FrameType
from typing import Any

import trio

from supervision.channels import channel_statistics
from supervision.scheduler import SCHEDULERS
from supervision.supervisor import SUPERVISORS

_TRIO = str(Path(trio.__file__).parent)


def task_tree() -> str:
    """All tasks of this run, indented by nursery, each with the line it waits at.

    Below them the children of supervisors with their restarts, and the channels and queues with their fills.
    Call it from inside the run.
    """
    root = trio.lowlevel.current_root_task()
    sections = [
        ["tasks", *([] if root is None else _branch(root, 1))],
        ["children", *_children()],
        ["channels", *_channels()],
        ["queues", *_queues()],
    ]
    return "\n\n".join("\n".join(section) for section in sections if len(section) > 1) + "\n"


def where(task: trio.lowlevel.Task) -> str:
    """The innermost line of a task outside Trio itself: where it waits; "" once it has ended."""
    found: FrameType | None = None
    awaited: Any = task.coro
    while awaited is not None:
        frame = getattr(awaited, "cr_frame", None) or getattr(awaited, "ag_frame", None)
        if frame is not None and not frame.f_code.co_filename.startswith(_TRIO):
            found = frame
        awaited = _inner(awaited)
    if found is None:
        return ""
    return f"{Path(found.f_code.co_filename).name}:{found.f_lineno} {found.f_code.co_name}"


def _inner(awaited: Any) -> Any:
    for name in ("cr_await", "ag_await"):
        if hasattr(awaited, name):
            return getattr(awaited, name)
    # A step of an async generator does not say whose step it is; the garbage collector knows.
    owners = (held for held in gc.get_referents(awaited) if isinstance(held, AsyncGeneratorType))
    return next(owners, None) if type(awaited).__name__.startswith("async_generator_") else None


def _branch(task: trio.lowlevel.Task, depth: int) -> Iterator[str]:
    yield f"{'  ' * depth}{task.name}  {where(task)}".rstrip()
    for nursery in task.child_nurseries:
        for child in sorted(nursery.child_tasks, key=lambda child: child.name):
            yield from _branch(child, depth + 1)


def _children() -> Iterator[str]:
    for supervisor in sorted(SUPERVISORS.things(), key=lambda found: found.name):
        for child in supervisor.children:
            yield (
                f"  {supervisor.name}/{child.name}: {child.restart.value}, {child.state}"
                f", restarts {child.restarts}"
            )


def _channels() -> Iterator[str]:
    for channel in channel_statistics():
        yield (
            f"  {channel.name}: {channel.fill} of {channel.capacity}, peak {channel.peak}"
            f", sending {channel.waiting_senders}, receiving {channel.waiting_receivers}"
        )


def _queues() -> Iterator[str]:
    for scheduler in SCHEDULERS.things():
        device = scheduler.statistics()
        yield f"  {device.name}: {device.tokens_free} of {device.tokens} tokens free"
        for queue in device.queues:
            yield (
                f"  {device.name}/{queue.name}: {queue.waiting} of {queue.capacity}"
                f", sending {queue.waiting_senders}, batches running {queue.batches_running}"
                f", served {queue.served}"
            )
