"""Where on the timeline a phrase's dub goes."""

import attrs


@attrs.frozen(kw_only=True)
class Placed:
    """A dub's place: `kept` of its samples are heard from `at` on, the `lost` ones after them are not."""

    at: int
    kept: int
    lost: int

    @property
    def end(self) -> int:
        """The sample after its last."""
        return self.at + self.kept


def place(
    *,
    frames: int,
    start: int,
    position: int,
    tail: int,
    latest: int,
    overlap: int,
) -> Placed:
    """Place a dub of `frames` whose source was spoken from `start` on.

    It begins where its source did; later where that has been cut out already (`position`), or where the dub
    before still lasts (`tail`), less the `overlap` in which the two are crossfaded. An overrun goes on into
    whatever follows, up to `latest`, and is cut there.
    """
    at = max(start, position, tail - overlap)
    kept = min(frames, max(latest - at, 0))
    if at + kept <= tail:
        # All of it would be under the end of the one before: that is no crossfade, but two at once.
        kept = 0
    return Placed(at=at, kept=kept, lost=frames - kept)
