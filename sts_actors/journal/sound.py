"""A piece of sound as the journal keeps it: the line's own samples, not a copy."""

from typing import Any

import attrs
import numpy as np

from sts_actors.messages import Samples


@attrs.frozen(kw_only=True, eq=False)
class Sound:
    """Mono samples `(frames,)`, in the type that they came in."""

    pcm: Samples = attrs.field(repr=False)
    sample_rate_hz: int

    @property
    def size(self) -> int:
        """Bytes that are held by holding it: a view keeps alive all that it looks into."""
        base: Any = self.pcm
        while isinstance(base, np.ndarray) and base.base is not None:
            base = base.base
        try:
            held = memoryview(base).nbytes
        except TypeError:
            # The owner does not say: some library's own.
            held = 0
        return max(self.pcm.nbytes, held)
