"""The sequencer actor: the last of the line, where results leave in the order of their numbers."""

import math
from collections import deque

import attrs
import trio

from sts_actors.messages import TAIL, FragmentFailed, Result, Results, Speech
from sts_actors.wire.ordering import Due, Ordering

FAILURE_BYTES = 1024
"""What remembering a failure is taken to cost."""
ONE_LANGUAGE = ("",)


class Sequence:
    """What has come, what is finished, and what may leave; the edge admits here, the actor releases.

    A fragment is finished when it is in each of the `targets`: one order serves all languages. What is left
    after the last fragment is kept in `tails`, by language. It belongs to the stream and outlives the actor,
    as the mailbox does: a restart loses nothing held.
    """

    def __init__(self, ordering: Ordering[Results], targets: tuple[str, ...] = ONE_LANGUAGE) -> None:
        self.ordering = ordering
        self.tails: dict[str, Speech] = {}
        self._targets = targets
        self._gathered: dict[int, dict[str, Result]] = {}
        self._due: deque[Due[Results]] = deque()

    def finished(self, result: Result) -> None:
        """Take in a result.

        Raises:
            KeyError: its fragment was answered already, or never admitted.
        """
        index, language = result.header.index, result.target_language
        if index == TAIL:
            if isinstance(result, Speech):
                self.tails[language] = result
            return
        gathered = self._gathered.setdefault(index, {})
        gathered[language] = result
        if len(gathered) < len(self._targets):
            return
        del self._gathered[index]
        self._answer(index, tuple(gathered[target] for target in self._targets))

    def refused(self, failure: FragmentFailed) -> None:
        """Take in a failure in all languages.

        Raises:
            KeyError: as `finished`.
        """
        results = [attrs.evolve(failure, target_language=target) for target in self._targets]
        self._answer(failure.header.index, tuple(results))

    def _answer(self, index: int, results: Results) -> None:
        lasting = all(isinstance(each, Speech) or not each.retryable for each in results)
        size = sum(each.pcm.nbytes if isinstance(each, Speech) else FAILURE_BYTES for each in results)
        self.ordering.finished(index, results, size=size, lasting=lasting)

    def peek(self, now: float) -> Due[Results] | None:
        """The next one to leave, if there is one; it stays until `release()`."""
        if not self._due:
            self._due.extend(self.ordering.due(now))
        return self._due[0] if self._due else None

    def release(self) -> None:
        """Let go of the one that `peek()` shows."""
        self._due.popleft()


async def sequencer(
    inbox: trio.MemoryReceiveChannel[Result | None],
    outbox: trio.MemorySendChannel[Due[Results]],
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
