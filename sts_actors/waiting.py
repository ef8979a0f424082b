"""How long a fragment waited before a stage took it in hand."""

import attrs

from sts_actors.messages import FragmentHeader
from sts_actors.witness import Work


@attrs.define(eq=False)
class Handed:
    """One fragment: when the stage before was through with it, in each language."""

    _ended: dict[str, float] = attrs.field(factory=dict)

    def since(self, work: Work) -> float:
        """The end of the stage before, or the fragment's receipt; this one's is noted for the next."""
        before = self._ended.get(work.language, self._ended.get("", work.header.received))
        self._ended[work.language] = work.ended
        return before


@attrs.define(eq=False)
class Waiting:
    """One stream's fragments: how long each waited."""

    _handed: dict[int, Handed] = attrs.field(factory=dict)

    def before(self, work: Work) -> float:
        """Seconds from the end of the stage before, or the fragment's receipt, to this one's beginning."""
        handed = self._handed.setdefault(work.header.index, Handed())
        return max(work.began - handed.since(work), 0.0)

    def forget(self, header: FragmentHeader) -> None:
        """The fragment is answered in all languages."""
        self._handed.pop(header.index, None)
