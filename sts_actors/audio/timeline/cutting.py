"""Sounds at their places, cut into fragments to the sample."""

import attrs
import numpy as np

from sts_actors.messages import Samples


@attrs.define
class Track:
    """What has been placed and not been cut out yet; positions are samples since the stream's start.

    Where nothing has been placed, zeros come out. What hangs over a fragment's end goes on in the next.
    """

    position: int = attrs.field(default=0, init=False)
    """The first sample that has not been cut out."""
    _pieces: list[tuple[int, Samples]] = attrs.field(factory=list, init=False, repr=False)

    def put(self, at: int, samples: Samples) -> None:
        """Lay `samples` on the track from `at` on; they add to what is there.

        Raises:
            ValueError: `at` has been cut out already.
        """
        if at < self.position:
            raise ValueError(f"sample {at} has been cut out: the track stands at {self.position}")
        self._pieces.append((at, samples))

    @property
    def overrun(self) -> int:
        """How many samples of sound begun already hang over the last cut."""
        ends = [at + piece.shape[0] for at, piece in self._pieces if at < self.position]
        return max(ends, default=self.position) - self.position

    @property
    def waiting(self) -> int:
        """How many samples have been put and not been cut out; where two overlap, both count."""
        return sum(at + piece.shape[0] - max(at, self.position) for at, piece in self._pieces)

    def cut(self, frames: int) -> Samples:
        """The next `frames` samples.

        Raises:
            ValueError: `frames` is negative.
        """
        if frames < 0:
            raise ValueError(f"cannot cut {frames} frames")
        out = np.zeros(frames, dtype=np.float32)
        end = self.position + frames
        for at, piece in self._pieces:
            first, last = max(at, self.position), min(at + piece.shape[0], end)
            if first < last:
                out[first - self.position : last - self.position] += piece[first - at : last - at]
        self.position = end
        self._pieces = [(at, piece) for at, piece in self._pieces if at + piece.shape[0] > end]
        return out

    def drop(self) -> None:
        """Take off all that is still to come; the position stays."""
        self._pieces = []

    def clear(self) -> Samples:
        """All that is still to come, from `position` on, and nothing after it."""
        ends = [at + piece.shape[0] for at, piece in self._pieces]
        return self.cut(max(ends, default=self.position) - self.position)
