"""What goes out of a stream in one language: the dub, with the original under it or in its place."""

from collections.abc import Sequence

import attrs

from sts_actors.audio.bed import Ducking
from sts_actors.audio.instead import OriginalInstead
from sts_actors.messages import Bed, Samples


@attrs.define
class Mixing:
    """A stream's fragments in order, at one rate; mono.

    With a `bed` the original is always there; with `original` it is heard where there is no dub.
    """

    sample_rate_hz: int
    bed: Bed | None
    original: bool
    _ducking: Ducking | None = attrs.field(init=False)
    _instead: OriginalInstead = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._ducking = None if self.bed is None else Ducking(self.bed, self.sample_rate_hz)
        self._instead = OriginalInstead(self.sample_rate_hz)

    def dubbed(self, dub: Samples, source: Samples, spoken: Sequence[tuple[int, int]]) -> Samples:
        """A fragment with its dub; `spoken`: where the source's words are, in samples from its start.

        Raises:
            ValueError: dub and source are not equally long.
        """
        if self._ducking is not None:
            return self._ducking.mix(dub, source, spoken)
        return self._instead.heard(dub, source, failed=False) if self.original else dub

    def failed(self, rest: Samples, source: Samples) -> Samples:
        """A fragment whose dub failed: the source, once the `rest` of what was said before has been heard.

        Raises:
            ValueError: they are not equally long.
        """
        if self._ducking is not None:
            return self._ducking.mix(rest, source, ())
        return self._instead.heard(rest, source, failed=True)
