"""The original in place of a dub that there is none of."""

import attrs
import numpy as np

from sts_actors.audio.bed import together
from sts_actors.messages import Samples

FADE_S = 0.005


@attrs.define
class OriginalInstead:
    """One stream's fallback in one language: what goes out for each fragment, in order; mono.

    In a fragment whose dub failed, the source is heard once the dub of what was said before has ended. It
    comes and goes over 5 ms, and goes on without a dip from one failed fragment to the next. It goes at the
    beginning of the next fragment that is dubbed: before that, nobody knows that there is one.

    A stream with a bed needs none of this: there, a failed fragment is `Ducking.mix(dub, source, ())`.
    """

    sample_rate_hz: int
    _up: int = attrs.field(default=0, init=False)
    """The source's gain at the last sample, in steps of the fade."""

    def heard(self, dub: Samples, source: Samples, *, failed: bool) -> Samples:
        """What goes out, as long as both and never over full scale.

        `dub` is what the timeline cut for the fragment: where it failed, the end of what was said before.

        Raises:
            ValueError: dub and source are not equally long.
        """
        if dub.shape != source.shape:
            raise ValueError(f"a dub of shape {dub.shape} for a source of shape {source.shape}")
        frames, fade = dub.shape[0], round(FADE_S * self.sample_rate_hz)
        over = int(np.flatnonzero(dub)[-1]) + 1 if dub.any() else 0
        steps = np.maximum(self._up - np.arange(1, frames + 1), 0)
        if failed:
            before = int(steps[over - 1]) if over else self._up
            steps[over:] = np.minimum(before + np.arange(1, frames - over + 1), fade)
        self._up = int(steps[-1]) if frames else self._up
        return together(dub, source * (steps / fade).astype(np.float32))
