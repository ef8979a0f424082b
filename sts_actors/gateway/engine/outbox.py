"""What waits to be sent to one peer: bounded in bytes and packets, in groups that stay together."""

from collections import deque
from collections.abc import Callable, Sequence

import trio

from sts_actors.gateway.engine.packets import Encoded
from sts_actors.gateway.errors import PeerTooSlow

_PACKET_OVERHEAD = 64
"""Counted for each packet besides its data, so that empty ones are bounded as well."""


class Outbox:
    """A FIFO of packets with many senders and one receiver.

    A group (an event and its attachments) is queued at once or not at all, and in the order in which its
    senders came. A group larger than the whole outbox passes when the outbox is empty.

    `progress_at`, an attribute to be set, says when the peer last took something, on Trio's clock: senders
    wait as long as it takes something every `timeout` seconds.
    """

    def __init__(self, *, max_bytes: int, max_packets: int, timeout: float) -> None:
        self._max_bytes = max_bytes
        self._max_packets = max_packets
        self._timeout = timeout
        self.progress_at: Callable[[], float] = lambda: 0.0
        self._packets: deque[Encoded] = deque()
        self._filled = trio.Event()
        self._taken = trio.Event()
        self._asked = trio.Event()
        self._asking = False
        self._turn = trio.StrictFIFOLock()
        self.size = 0
        self.closed = False

    def __len__(self) -> int:
        return len(self._packets)

    def put_nowait(self, group: Sequence[Encoded]) -> bool:
        """Queue `group` now, True, or not at all, False. A closed outbox swallows it: its peer is gone."""
        if self.closed:
            return True
        if self._turn.locked() or not self._has_room(group):
            return False
        self._append(group)
        return True

    def put_control(self, packet: Encoded) -> None:
        """Queue a packet of the transport itself, whatever the bounds."""
        if not self.closed:
            self._append((packet,))

    async def put(self, group: Sequence[Encoded]) -> None:
        """Queue `group`, waiting for room; checkpoints only when it has to wait.

        Raises:
            PeerTooSlow: the peer took nothing for too long.
        """
        if self.put_nowait(group):
            return
        async with self._turn:
            while not (self.closed or self._has_room(group)):
                await self._wait_for_room()
            if not self.closed:
                self._append(group)

    async def wait_for_senders(self) -> None:
        """Wait until those who wait for room now have it, or have given up; checkpoints only then."""
        if self._turn.locked():
            async with self._turn:
                pass

    async def take(self, max_packets: int) -> list[Encoded]:
        """Wait for packets and take up to `max_packets`; an empty list once it is closed and empty."""
        while not self._packets:
            if self.closed:
                return []
            await self._wait_filled()
        packets = [self._packets.popleft() for _ in range(min(max_packets, len(self._packets)))]
        self.size -= sum(map(_cost, packets))
        if not self._packets and not self.closed:
            self._filled = trio.Event()
        self._notify_taken()
        return packets

    async def wait_flushed(self) -> None:
        """Wait until the receiver has taken all and come for more, or the outbox is closed.

        Who comes for more has sent what it took: that a client polls again says that the answer came.
        """
        while not self.closed and (self._packets or not self._asking):
            await self._asked.wait()

    def close(self, *, discard: bool) -> None:
        """Take nothing more; what is queued can still be taken unless it is to be discarded."""
        self.closed = True
        if discard:
            self._packets.clear()
            self.size = 0
        self._filled.set()
        self._notify_taken()
        self._notify_asked()

    def _append(self, group: Sequence[Encoded]) -> None:
        self._packets.extend(group)
        self.size += sum(map(_cost, group))
        self._filled.set()

    def _has_room(self, group: Sequence[Encoded]) -> bool:
        if not self._packets:
            return True
        return (
            self.size + sum(map(_cost, group)) <= self._max_bytes
            and len(self._packets) + len(group) <= self._max_packets
        )

    async def _wait_for_room(self) -> None:
        deadline = trio.current_time() + self._timeout
        while True:
            with trio.move_on_at(deadline):
                await self._taken.wait()
                return
            deadline = self.progress_at() + self._timeout
            if deadline <= trio.current_time():
                raise PeerTooSlow(f"the peer took nothing for {self._timeout} s")

    async def _wait_filled(self) -> None:
        self._asking = True
        self._notify_asked()
        try:
            await self._filled.wait()
        finally:
            self._asking = False

    def _notify_asked(self) -> None:
        self._asked.set()
        self._asked = trio.Event()

    def _notify_taken(self) -> None:
        self._taken.set()
        self._taken = trio.Event()


def _cost(packet: Encoded) -> int:
    # Characters stand for bytes: what is mostly sent is base64 and other ASCII.
    return len(packet) + _PACKET_OVERHEAD
