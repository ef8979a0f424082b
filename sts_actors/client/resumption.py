"""What a worker must remember of a stream to go on with it over another connection. No I/O.

The server numbers its results: 1, 2, 3 …. What came up to which number is known on this side without doubt;
what became of the fragments that were sent and not answered is not, until the server has said which it has.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs

from sts_actors.client.outstanding import ANY, covered, parts


@attrs.define(eq=False)
class Sent:
    """A fragment on its way.

    Attributes:
        payload: all of it, to be sent again as it was.
        wanted: the languages in which it has no result yet.
        again: results to come in languages that have one already, because it was sent again for another.
        delivered: whether it went out over a connection that has not been lost since, or has arrived.
    """

    fragment_id: str
    payload: Mapping[str, Any] = attrs.field(repr=False)
    wanted: set[str] = attrs.field(factory=lambda: {ANY})
    again: Counter[str] = attrs.field(factory=Counter)
    delivered: bool = False


class Ledger:
    """The fragments that were sent and not answered, and the results that came.

    Attributes:
        languages: the stream's target languages: where there are several, each has results of its own.
        last_result_number: of the last result that came; 0: none.
    """

    def __init__(self, languages: Sequence[str] = ()) -> None:
        self.languages = languages
        self.last_result_number = 0
        self._sent: list[Sent] = []
        self._last_fragment = ""
        self._acknowledged = 0

    @property
    def unanswered(self) -> tuple[Sent, ...]:
        """What was sent and is not answered in all languages, oldest first."""
        return tuple(sent for sent in self._sent if sent.wanted)

    def keep(self, fragment_id: str, payload: Mapping[str, Any]) -> Sent:
        """Remember a fragment that is about to be sent, until it is answered; the same id may come again."""
        sent = Sent(fragment_id, payload, set(parts(self.languages)))
        self._sent.append(sent)
        return sent

    def forget(self, sent: Sent) -> None:
        """It shall not be sent again, whatever became of it."""
        if sent in self._sent:
            self._sent.remove(sent)

    def take(self, fragment_id: str, result_number: int | None, language: str | None = None) -> bool:
        """Note a result; whether it is new. One without a number is new unless it was come by already."""
        if result_number is not None:
            if result_number <= self.last_result_number:
                return False
            self.last_result_number = result_number
            self._last_fragment = fragment_id
        answered = covered(self.languages, language)
        mine = [sent for sent in self._sent if sent.fragment_id == fragment_id]
        wanting = next((sent for sent in mine if sent.wanted & answered), None)
        if wanting is not None:
            wanting.delivered = True
            wanting.again -= Counter(answered - wanting.wanted)
            wanting.wanted -= answered
            self._drop_if_done(wanting)
            return True
        having = next((sent for sent in mine if any(sent.again[each] for each in answered)), None)
        if having is not None:
            having.again -= Counter(answered)
            self._drop_if_done(having)
        return having is None

    def reconcile(self, unanswered: Iterable[tuple[str, str | None]]) -> list[Sent]:
        """What never arrived, or whose results were lost, and is to be sent again, oldest first.

        Args:
            unanswered: what the server has and this side has no result for: an id for each time that it was
                sent, or an id with one language for a result that is on its way already.
        """
        all_of_it = parts(self.languages)
        one_of_several = len(all_of_it) > 1
        there = Counter(
            (name, language if one_of_several and language else ANY) for name, language in unanswered
        )
        missing = []
        for sent in list(self._sent):
            name = sent.fragment_id
            # Of two with one id the first went out first.
            coming = {part for part in sent.wanted if part != ANY and there[name, part]}
            there.subtract((name, part) for part in coming)
            if sent.wanted - coming and there[name, ANY] > 0:
                there[name, ANY] -= 1
                coming = sent.wanted
            sent.again = Counter({part: 1 for part in sent.again if there[name, part] or there[name, ANY]})
            lost = sent.wanted - coming
            sent.delivered = not lost
            if lost:
                sent.again += Counter(all_of_it - lost)
                missing.append(sent)
            self._drop_if_done(sent)
        return missing

    def _drop_if_done(self, sent: Sent) -> None:
        if not sent.wanted and not sent.again:
            self._sent.remove(sent)

    def acknowledgement(self) -> tuple[str, int] | None:
        """The last result that came, by fragment and number, unless the server has been told."""
        if self.last_result_number == self._acknowledged:
            return None
        return self._last_fragment, self.last_result_number

    def acknowledged(self, result_number: int) -> None:
        """The server has been told of all results up to this one."""
        self._acknowledged = max(self._acknowledged, result_number)
