"""Named, bounded memory channels that can be looked at.

Every channel opened here is listed, for the run it belongs to, until both its sides are closed or forgotten;
nothing has to be unregistered.
"""

from typing import Any, TypeVar

import attrs
import trio

from supervision.census import Census

T = TypeVar("T")


@attrs.frozen(kw_only=True)
class ChannelStatistics:
    """A channel at this moment; `peak` is the most it has held since it was opened."""

    name: str
    fill: int
    capacity: int
    peak: int
    waiting_senders: int
    waiting_receivers: int


@attrs.frozen(eq=False)
class _Label:
    name: str


_End = trio.MemorySendChannel[Any] | trio.MemoryReceiveChannel[Any]
# Both ends, for either may be dropped once it has been cloned; they share a label, so that they count once.
_ENDS: Census[_End, _Label] = Census("supervision.channels")


def open_channel(name: str, capacity: int) -> tuple[trio.MemorySendChannel[T], trio.MemoryReceiveChannel[T]]:
    """Open a memory channel of at most `capacity` items that `channel_statistics` lists by name.

    The ends are Trio's own. Whoever opened them closes them, or names them in `Child.owns`.

    Raises:
        ValueError: `capacity` is negative or infinite; an unbounded channel cannot be had here.
    """
    if not 0 <= capacity < 2**31:
        raise ValueError(f"the capacity of a channel is a count, not {capacity}")
    send, receive = trio.open_memory_channel[T](capacity)
    label = _Label(name)
    _ENDS.add(send, label)
    _ENDS.add(receive, label)
    return send, receive


def channel_statistics() -> tuple[ChannelStatistics, ...]:
    """Every channel of this run with an end still open, by name. Call it from inside the run."""
    ends = {label: end for end, label in _ENDS.items()}
    channels = [
        ChannelStatistics(
            name=label.name,
            fill=now.current_buffer_used,
            capacity=int(now.max_buffer_size),
            peak=now.peak_buffer_used,
            waiting_senders=now.tasks_waiting_send,
            waiting_receivers=now.tasks_waiting_receive,
        )
        for label, end in ends.items()
        if (now := end.statistics()).open_send_channels or now.open_receive_channels
    ]
    return tuple(sorted(channels, key=lambda channel: channel.name))
