"""What a worker must remember of a stream to go on with it over another connection. No I/O.

The server numbers its results: 1, 2, 3 …. What came up to which number is known on this side without doubt;
what became of the fragments that were sent and not answered is not, until the server has said which it has.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import attrs


@attrs.define(eq=False)
class Sent:
    """A fragment on its way.

    Attributes:
        payload: all of it, to be sent again as it was.
        delivered: whether it went out over a connection that has not been lost since, or has arrived.
    """

    fragment_id: str
    payload: Mapping[str, Any] = attrs.field(repr=False)
    delivered: bool = False


class Ledger:
    """The fragments that were sent and not answered, and the results that came.

    Attributes:
        last_result_number: of the last result that came; 0: none.
    """

    def __init__(self) -> None:
        self.last_result_number = 0
        self._sent: list[Sent] = []
        self._last_fragment = ""
        self._acknowledged = 0

    @property
    def unanswered(self) -> tuple[Sent, ...]:
        """What was sent and is not answered, oldest first."""
        return tuple(self._sent)

    def keep(self, fragment_id: str, payload: Mapping[str, Any]) -> Sent:
        """Remember a fragment that is about to be sent, until it is answered; the same id may come again."""
        sent = Sent(fragment_id, payload)
        self._sent.append(sent)
        return sent

    def forget(self, sent: Sent) -> None:
        """It shall not be sent again, whatever became of it."""
        if sent in self._sent:
            self._sent.remove(sent)

    def take(self, fragment_id: str, result_number: int | None) -> bool:
        """Note a result; whether it is new. One without a number is always new."""
        if result_number is not None:
            if result_number <= self.last_result_number:
                return False
            self.last_result_number = result_number
            self._last_fragment = fragment_id
        answered = next((sent for sent in self._sent if sent.fragment_id == fragment_id), None)
        if answered is not None:
            answered.delivered = True
            self._sent.remove(answered)
        return True

    def reconcile(self, unanswered: Iterable[str]) -> list[Sent]:
        """What never arrived and is to be sent again, oldest first.

        Args:
            unanswered: what the server has and this side has no result for, an id for each time that it was
                sent.
        """
        there = Counter(unanswered)
        missing = []
        for sent in self._sent:
            sent.delivered = there[sent.fragment_id] > 0
            if sent.delivered:  # of two with one id the first went out first
                there[sent.fragment_id] -= 1
            else:
                missing.append(sent)
        return missing

    def acknowledgement(self) -> tuple[str, int] | None:
        """The last result that came, by fragment and number, unless the server has been told."""
        if self.last_result_number == self._acknowledged:
            return None
        return self._last_fragment, self.last_result_number

    def acknowledged(self, result_number: int) -> None:
        """The server has been told of all results up to this one."""
        self._acknowledged = max(self._acknowledged, result_number)
