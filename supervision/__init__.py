"""Supervised actors on Trio: a small library that knows nothing of what the actors do.

An actor is an async function over its channels. A supervisor keeps it alive, named channels join it to
others and outlive it, requests get exactly one answer, a scheduler shares out a device, and worker processes
keep what blocks or crashes out of the run loop.

| module | what it gives |
|---|---|
| `policy` | `Restart`, `Intensity`, `Backoff`: when to start anew, when to give up; pure |
| `supervisor` | `open_supervisor`, `Child`: a nursery that starts its children anew |
| `channels` | `open_channel`, `channel_statistics`, `channel_kinds`: named, bounded, visible |
| `reply` | `ask`, `serve`, `Request`: one-shot replies between actors |
| `scheduler` | `TokenScheduler`, `RequestQueue`: who may use a device now; fair, by deadline, in batches |
| `workers` | `open_worker`: an object in a process of its own, killed on its deadline |
| `task_tree` | `task_tree`: where every task waits, what every channel and queue holds |
| `instruments` | `open_loop_instrument`: how late the run loop is, what held it up, who used it |
| `loop_report` | `describe_loop`: the same as text |

It imports Trio, attrs and the standard library, and is not the package of this name on the package index. The
guide is `docs/supervision.md`.
"""

from supervision.channels import (
    ChannelKind,
    ChannelStatistics,
    channel_kinds,
    channel_statistics,
    open_channel,
)
from supervision.children import Child, ChildState, ChildStatistics
from supervision.instruments import LoopInstrument, LoopStatistics, Stall, open_loop_instrument
from supervision.loop_report import describe_loop
from supervision.policy import Backoff, Intensity, Restart, RestartWindow
from supervision.reply import Expired, Inbox, NoReply, Request, ask, serve
from supervision.roles import RoleStatistics
from supervision.scheduler import (
    Batch,
    QueueStatistics,
    RequestQueue,
    SchedulerStatistics,
    TokenScheduler,
)
from supervision.supervisor import RestartIntensityExceeded, Supervisor, open_supervisor
from supervision.task_tree import task_tree
from supervision.workers import Worker, WorkerCrashed, WorkerError, WorkerTimeout, open_worker

__all__ = [
    "Backoff",
    "Batch",
    "ChannelKind",
    "ChannelStatistics",
    "Child",
    "ChildState",
    "ChildStatistics",
    "Expired",
    "Inbox",
    "Intensity",
    "LoopInstrument",
    "LoopStatistics",
    "NoReply",
    "QueueStatistics",
    "Request",
    "RequestQueue",
    "Restart",
    "RestartIntensityExceeded",
    "RestartWindow",
    "RoleStatistics",
    "SchedulerStatistics",
    "Stall",
    "Supervisor",
    "TokenScheduler",
    "Worker",
    "WorkerCrashed",
    "WorkerError",
    "WorkerTimeout",
    "ask",
    "channel_kinds",
    "channel_statistics",
    "describe_loop",
    "open_channel",
    "open_loop_instrument",
    "open_supervisor",
    "open_worker",
    "serve",
    "task_tree",
]
