"""A picture of a run at this moment: where every task waits, and what is in every channel and queue."""

from collections.abc import Iterator

import trio

from supervision.actors import lives
from supervision.channels import channel_statistics
from supervision.scheduler import SCHEDULERS
from supervision.where import where


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


def _branch(task: trio.lowlevel.Task, depth: int) -> Iterator[str]:
    yield f"{'  ' * depth}{task.name}  {where(task)}".rstrip()
    for nursery in task.child_nurseries:
        for child in sorted(nursery.child_tasks, key=lambda child: child.name):
            yield from _branch(child, depth + 1)


def _children() -> Iterator[str]:
    for life in lives():
        yield f"  {life.path}: {life.child.restart.value}, {life.now}, restarts {life.restarts}"


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
