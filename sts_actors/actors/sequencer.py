"""The sequencer actor: the last of the line, where results leave in the order of their numbers."""

import math
from collections import deque

import trio

from sts_actors.messages import Result, Speech
from sts_actors.wire.ordering import Due, Ordering

FAILURE_BYTES = 1024
"""What remembering a failure is taken to cost."""


class Sequence:
    """What has come, what is finished, and what may leave; the edge admits here, the actor releases.

    It belongs to the stream and outlives the actor, as the mailbox does: a restart loses nothing held.
    """

    def __init__(self, ordering: Ordering[Result]) -> None:
        self.ordering = ordering
        self._due: deque[Due[Result]] = deque()

    def finished(self, result: Result) -> None:
        """Take in a result.

        Raises:
            KeyError: its fragment was answered already, or never admitted.
        """
        lasting = isinstance(result, Speech) or not result.retryable
        size = result.pcm.nbytes if isinstance(result, Speech) else FAILURE_BYTES
        self.ordering.finished(result.header.index, result, size=size, lasting=lasting)

    def peek(self, now: float) -> Due[Result] | None:
        """The next one to leave, if there is one; it stays until `release()`."""
        if not self._due:
            self._due.extend(self.ordering.due(now))
        return self._due[0] if self._due else None

    def release(self) -> None:
        """Let go of the one that `peek()` shows."""
        self._due.popleft()


async def sequencer(
    inbox: trio.MemoryReceiveChannel[Result | None],
    outbox: trio.MemorySendChannel[Due[Result]],
    sequence: Sequence,
) -> None:
    """Send each result on when it is due.

    None on the inbox carries nothing: it says that the edge has changed `sequence`, by a refusal or a repeat.
    """
    over = False
    while True:
        while (due := sequence.peek(trio.current_time())) is not None:
            await outbox.send(due)
            sequence.release()
        if over:
            return
        wakes_at = sequence.ordering.wakes_at()
        with trio.move_on_at(math.inf if wakes_at is None else wakes_at):
            try:
                item = await inbox.receive()
            except trio.EndOfChannel:
                over = True
                sequence.ordering.ended()
            else:
                if item is not None:
                    sequence.finished(item)
