"""Supervised actors on Trio: a small library that knows nothing of what the actors do.

| module | what it gives |
|---|---|
| `policy` | `Restart`, `Intensity`, `Backoff`: when to start anew, when to give up; pure |
| `supervisor` | `open_supervisor`, `Child`: a nursery that starts its children anew |
| `channels` | `open_channel`, `channel_statistics`: named, bounded, visible |
| `reply` | `ask`, `serve`, `Request`: one-shot replies between actors |
| `scheduler` | `TokenScheduler`, `RequestQueue`: who may use a device now; fair, by deadline, in batches |
| `workers` | `open_worker`: an object in a process of its own, killed on its deadline |
| `instruments` | `task_tree`, `LoopWatch`: what the run loop does, where tasks wait |
"""

from supervision.channels import ChannelStatistics, channel_statistics, open_channel
from supervision.children import Child, ChildState, ChildStatistics
from supervision.instruments import LoopWatch, Stall, task_tree
from supervision.policy import Backoff, Intensity, Restart, RestartWindow
from supervision.reply import Expired, Inbox, NoReply, Request, ask, serve
from supervision.scheduler import (
    Batch,
    QueueStatistics,
    RequestQueue,
    SchedulerStatistics,
    TokenScheduler,
)
from supervision.supervisor import RestartIntensityExceeded, Supervisor, open_supervisor
from supervision.workers import Worker, WorkerCrashed, WorkerError, WorkerTimeout, open_worker

__all__ = [
    "Backoff",
    "Batch",
    "ChannelStatistics",
    "Child",
    "ChildState",
    "ChildStatistics",
    "Expired",
    "Inbox",
    "Intensity",
    "LoopWatch",
    "NoReply",
    "QueueStatistics",
    "Request",
    "RequestQueue",
    "Restart",
    "RestartIntensityExceeded",
    "RestartWindow",
    "SchedulerStatistics",
    "Stall",
    "Supervisor",
    "TokenScheduler",
    "Worker",
    "WorkerCrashed",
    "WorkerError",
    "WorkerTimeout",
    "ask",
    "channel_statistics",
    "open_channel",
    "open_supervisor",
    "open_worker",
    "serve",
    "task_tree",
]
