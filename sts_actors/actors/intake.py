"""What a stream has been given and has taken in hand: whether more may come."""

import attrs


@attrs.define(kw_only=True)
class Intake:
    """Counted by the edge and by the recognition actor; it belongs to the stream, and outlives the actor.

    Args:
        submitted: fragments that have entered the line.
        taken: those that recognition has taken in hand, failed ones too.
        ended: nothing more will be submitted.
    """

    submitted: int = 0
    taken: int = 0
    ended: bool = False

    @property
    def is_last(self) -> bool:
        """Whether the fragment in hand is known to be the stream's last."""
        return self.ended and self.taken >= self.submitted
