"""Named, bounded memory channels that can be looked at.

Every channel opened here is listed, for the run it belongs to, until both its sides are closed or forgotten;
nothing has to be unregistered.
"""

from collections.abc import Iterator
from typing import Any, TypeVar

import attrs
import trio

from supervision.census import Census
from supervision.roles import role_of

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


@attrs.frozen(kw_only=True)
class ChannelKind:
    """All channels of one role (`stream/*/fragments`) together; `peak` is the most that one has held."""

    role: str
    channels: int
    fill: int
    peak: int
    waiting_senders: int


@attrs.frozen(eq=False)
class _Label:
    name: str
    role: str


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
    label = _Label(name, role_of(name))
    _ENDS.add(send, label)
    _ENDS.add(receive, label)
    return send, receive


def channel_statistics() -> tuple[ChannelStatistics, ...]:
    """Every channel of this run with an end still open, by name. Call it from inside the run."""
    channels = [
        ChannelStatistics(
            name=label.name,
            fill=now.current_buffer_used,
            capacity=int(now.max_buffer_size),
            peak=now.peak_buffer_used,
            waiting_senders=now.tasks_waiting_send,
            waiting_receivers=now.tasks_waiting_receive,
        )
        for label, now in _open()
    ]
    return tuple(sorted(channels, key=lambda channel: channel.name))


def channel_kinds() -> tuple[ChannelKind, ...]:
    """The same by role: a row each, however many streams there are. Call it from inside the run."""
    found: dict[str, list[int]] = {}
    for label, now in _open():
        row = found.setdefault(label.role, [0, 0, 0, 0])
        row[0] += 1
        row[1] += now.current_buffer_used
        row[2] = max(row[2], now.peak_buffer_used)
        row[3] += now.tasks_waiting_send
    return tuple(
        ChannelKind(role=role, channels=channels, fill=fill, peak=peak, waiting_senders=waiting)
        for role, (channels, fill, peak, waiting) in sorted(found.items())
    )


def _open() -> Iterator[tuple[_Label, trio.MemoryChannelStatistics]]:
    seen: set[_Label] = set()
    for end, label in _ENDS.items():
        # Either end tells the same, and Trio's looking is what costs most here.
        if label in seen:
            continue
        seen.add(label)
        now = end.statistics()
        if now.open_send_channels or now.open_receive_channels:
            yield label, now
