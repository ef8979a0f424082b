"""Where a dub goes on: behind what is written, and with a service that has heard what came just before.

A new stream knows nothing of the one that was broken off: words that it carried over a seam would be lost,
and so would the end of a phrase that went on into the next fragment. So the last `HEARD_AGAIN` fragments that
are written are sent once more, and their answers thrown away: what is written stands, each fragment once, and
what the new stream carries out of them comes with the first one that counts.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from itertools import chain

import attrs

from sts_actors.cli.media import Pcm

HEARD_AGAIN = 2
"""One to decide what was said at the seam as before, and one for what that one hears before it."""


@attrs.frozen(kw_only=True)
class Beginning:
    """Where to begin: `fragments` come from number `first` on; those below `dubbed` are for hearing alone.

    In samples from the start of the input, `position` is where the first one begins, and `resumed_at` where
    the first one does that counts.
    """

    fragments: Iterator[Pcm] = attrs.field(repr=False, eq=False)
    first: int = 0
    dubbed: int = 0
    position: int = 0
    resumed_at: int = 0

    def is_all(self) -> bool:
        """Whether nothing comes that is not dubbed; takes what comes."""
        return sum(1 for _ in self.fragments) == self.dubbed - self.first


def digest(pcm: Pcm) -> str:
    """What tells a fragment's samples from any others."""
    return blake2b(pcm.astype("<i2", copy=False).tobytes(), digest_size=16).hexdigest()


def go_on(
    fragments: Iterator[Pcm], dubbed: Sequence[str], heard_again: int = HEARD_AGAIN
) -> Beginning | None:
    """Step over what is dubbed; None where the input is not what it was.

    Args:
        fragments: the input's.
        dubbed: the digests of those that are written.
        heard_again: how many of them are sent once more.
    """
    again: deque[Pcm] = deque(maxlen=heard_again)
    frames = 0
    for known in dubbed:
        pcm = next(fragments, None)
        if pcm is None or digest(pcm) != known:
            return None
        frames += len(pcm)
        again.append(pcm)
    return Beginning(
        fragments=chain(again, fragments),
        first=len(dubbed) - len(again),
        dubbed=len(dubbed),
        position=frames - sum(map(len, again)),
        resumed_at=frames,
    )
