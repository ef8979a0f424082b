"""The original underneath its dub: full where nobody speaks, softer where anyone does."""

from collections.abc import Sequence

import attrs
import numpy as np
from numpy.typing import NDArray

from sts_actors.messages import Bed, Samples

HOLD_S = 0.3
"""How long speech counts as going on after its last sound: a shorter gap is no pause to a listener."""
SOUNDING = 0.005
"""A dub's sample above this (-46 dB of full scale) is heard. A peak and its hold are all the level that is
needed: there is silence between phrases, and a longer window would have to look over the fragment's ends."""
KNEE = 0.9
"""Up to here a sum is left alone."""


@attrs.define
class Ducking:
    """One stream's bed in one language, mixed fragment by fragment, in order. Mono, at `sample_rate_hz`.

    The gain is linear in dB and moves by one step of its ramp a sample, over the fragments' ends too. What
    comes out is the same to the bit however the stream is cut into fragments, but for one thing: speech that
    begins less than `bed.ramp_ms` after a cut could not be foreseen before it. So the bed comes down from
    the cut on, late: up to one ramp on either side of a cut it may be louder than uncut, and is never softer.
    """

    bed: Bed
    sample_rate_hz: int
    _gains: Samples = attrs.field(init=False, repr=False)
    _down: int = attrs.field(default=0, init=False)
    """How many steps down the last sample was."""
    _since: int = attrs.field(init=False)
    """Samples since speech, 0 where the last one was; no more than what still makes a difference."""
    _ahead: int = attrs.field(default=0, init=False)
    """How far into the next fragment a source's word reaches."""

    def __attrs_post_init__(self) -> None:
        steps = np.arange(self._ramp + 1) / self._ramp
        self._gains = (10 ** (self.bed.level_db / 20 * steps)).astype(np.float32)
        self._since = self._hold + self._ramp

    def mix(self, dub: Samples, source: Samples, spoken: Sequence[tuple[int, int]]) -> Samples:
        """The fragment as it is heard, as long as `dub` and `source`.

        `spoken` says where the source's words are, in samples from the fragment's start: what is before it
        is over, what is after its end counts in the next one. The bed is down by the time speech begins.

        Raises:
            ValueError: dub and source are not equally long.
        """
        if dub.shape != source.shape:
            raise ValueError(f"a dub of shape {dub.shape} for a source of shape {source.shape}")
        speech = self._speech(dub, spoken)
        return together(dub, source * self._gains[self._steps(speech)]) if dub.size else dub.copy()

    def _speech(self, dub: Samples, spoken: Sequence[tuple[int, int]]) -> NDArray[np.bool_]:
        frames = dub.shape[0]
        speech = np.abs(dub) > SOUNDING
        for start, end in (*spoken, (0, self._ahead)):
            speech[max(start, 0) : max(end, 0)] = True
        self._ahead = max(self._ahead, frames, *(end for _, end in spoken)) - frames
        return speech

    def _steps(self, speech: NDArray[np.bool_]) -> NDArray[np.int32]:
        """How many steps down each sample is: one less for each sample that speech is away."""
        frames, ramp = speech.shape[0], self._ramp
        found = np.concatenate(([-1 - self._since], np.flatnonzero(speech)))
        apart = np.flatnonzero(np.diff(found) > self._hold)
        starts = found[np.concatenate(([0], apart + 1))]
        ends = found[np.concatenate((apart, [-1]))] + 1 + self._hold
        steps = np.zeros(frames, np.int32)
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
            first, last = max(start - ramp, 0), max(min(end + ramp, frames), 0)
            at = np.arange(first, last, dtype=np.int32)
            away = np.maximum(np.maximum(start - at, at + 1 - end), 0)
            steps[first:last] = np.maximum(steps[first:last], ramp - away)
        # What could not be foreseen is not jumped to.
        unforeseen = np.arange(self._down + 1, ramp, dtype=np.int32)[:frames]
        steps[: unforeseen.shape[0]] = np.minimum(steps[: unforeseen.shape[0]], unforeseen)
        self._down = int(steps[-1])
        self._since = min(frames - 1 - int(found[-1]), self._hold + ramp)
        return steps

    @property
    def _ramp(self) -> int:
        return max(round(self.bed.ramp_ms * self.sample_rate_hz / 1000), 1)

    @property
    def _hold(self) -> int:
        return round(HOLD_S * self.sample_rate_hz)


def together(one: Samples, other: Samples) -> Samples:
    """The sum of two sounds, never over full scale.

    Sample by sample, and so the same wherever a stream is cut. A sum goes through as it is up to `KNEE`, and
    up to the louder of the two where that is more: a sound that is alone is never touched. What is over is
    bent into the room that is left, beginning with slope 1.
    """
    mixed = one + other
    high = np.flatnonzero(np.abs(mixed) > KNEE)
    level = np.abs(mixed[high])
    knee = np.minimum(np.maximum(np.maximum(np.abs(one[high]), np.abs(other[high])), np.float32(KNEE)), 1)
    over = np.maximum(level - knee, 0)
    room = 1 - knee
    bent = np.divide(over * room, over + room, out=np.zeros_like(over), where=over > 0)
    mixed[high] = np.copysign(np.minimum(level, knee) + bent, mixed[high])
    return mixed
