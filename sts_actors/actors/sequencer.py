"""The sequencer actor: the last of the line, where results leave in the order of admission."""

import trio

from sts_actors.messages import Result


class Reorder:
    """Releases results by index, gapless from 0; holds back what came early. Pure.

    It belongs to the stream and outlives the actor, as the mailbox does: a restart loses nothing held.
    """

    def __init__(self) -> None:
        self._held: dict[int, Result] = {}
        self._next = 0

    @property
    def held(self) -> int:
        """How many wait for an earlier one."""
        return len(self._held)

    def add(self, result: Result) -> None:
        """Take in a result.

        Raises:
            ValueError: its index was released or is held already: a fragment was answered twice.
        """
        index = result.header.index
        if index < self._next or index in self._held:
            raise ValueError(f"a second result for index {index}")
        self._held[index] = result

    def peek(self) -> Result | None:
        """The next one due, if it is here; it stays until `release()`."""
        return self._held.get(self._next)

    def release(self) -> None:
        """Let go of the one that `peek()` shows."""
        del self._held[self._next]
        self._next += 1


async def sequencer(
    inbox: trio.MemoryReceiveChannel[Result],
    outbox: trio.MemorySendChannel[Result],
    reorder: Reorder,
) -> None:
    """Send each result on once all before it have gone."""
    async for result in inbox:
        reorder.add(result)
        while (due := reorder.peek()) is not None:
            await outbox.send(due)
            reorder.release()
