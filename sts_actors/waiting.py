"""How long a fragment waited before a stage took it in hand."""

import attrs

from sts_actors.messages import FragmentHeader
from sts_actors.witness import Work


@attrs.define(eq=False)
class Waiting:
    """One stream's fragments: when the stage before was through with each, in each language."""

    _left: dict[int, dict[str, float]] = attrs.field(factory=dict)

    def before(self, work: Work) -> float:
        """Seconds from the end of the stage before, or the fragment's receipt, to this one's beginning."""
        left = self._left.setdefault(work.header.index, {})
        since = left.get(work.language, left.get("", work.header.received))
        left[work.language] = work.ended
        return max(work.began - since, 0.0)

    def forget(self, header: FragmentHeader) -> None:
        """The fragment is answered in all languages."""
        self._left.pop(header.index, None)
