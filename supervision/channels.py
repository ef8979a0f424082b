"""Named, bounded memory channels that can be looked at.

Every channel opened here is listed, for the run it belongs to, until it is closed or forgotten; nothing has
to be unregistered.
"""

import weakref
from typing import Any, TypeVar

import attrs
import trio

T = TypeVar("T")

_Registry = weakref.WeakKeyDictionary[trio.MemorySendChannel[Any], str]
_registry: trio.lowlevel.RunVar[_Registry] = trio.lowlevel.RunVar("supervision.channels")


@attrs.frozen(kw_only=True)
class ChannelStatistics:
    """A channel at this moment."""

    name: str
    fill: int
    capacity: int
    waiting_senders: int
    waiting_receivers: int


def open_channel(name: str, capacity: int) -> tuple[trio.MemorySendChannel[T], trio.MemoryReceiveChannel[T]]:
    """Open a memory channel of at most `capacity` items that `channel_statistics` lists by name.

    Raises:
        ValueError: `capacity` is negative; an unbounded channel cannot be had here.
    """
    if not 0 <= capacity < 2**31:
        raise ValueError(f"the capacity of a channel is a count, not {capacity}")
    send, receive = trio.open_memory_channel[T](capacity)
    _channels()[send] = name
    return send, receive


def channel_statistics() -> tuple[ChannelStatistics, ...]:
    """Every channel of this run with an end still open, by name."""
    found = []
    for send, name in _channels().items():
        now = send.statistics()
        if now.open_send_channels or now.open_receive_channels:
            found.append(
                ChannelStatistics(
                    name=name,
                    fill=now.current_buffer_used,
                    capacity=int(now.max_buffer_size),
                    waiting_senders=now.tasks_waiting_send,
                    waiting_receivers=now.tasks_waiting_receive,
                )
            )
    return tuple(sorted(found, key=lambda channel: channel.name))


def _channels() -> _Registry:
    try:
        return _registry.get()
    except LookupError:
        registry: _Registry = weakref.WeakKeyDictionary()
        _registry.set(registry)
        return registry
