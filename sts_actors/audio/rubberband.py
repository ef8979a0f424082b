"""Tempo by the Rubber Band library (its finer engine: phases kept together), which comes with pedalboard.

The extra `rubberband` installs it: both are under the GPL, so it is the operator's to add.
"""

import numpy as np

from sts_actors.audio.pcm import pad_or_trim
from sts_actors.messages import Samples

PACKAGE = "pedalboard"
_FLUSH_S = 0.1
"""The library makes nothing of less than a window: silence fed after the sound completes the last one."""


def stretch(samples: Samples, sample_rate_hz: int, tempo: float) -> Samples:
    """Mono `samples` `(frames,)` spoken `tempo` times as fast, of at least `frames / tempo` frames."""
    from pedalboard import time_stretch  # noqa: PLC0415 - an extra, and heavy

    fed = pad_or_trim(samples, samples.shape[0] + round(_FLUSH_S * sample_rate_hz))
    stretched = time_stretch(fed[np.newaxis], sample_rate_hz, stretch_factor=tempo)
    return np.asarray(stretched[0], np.float32)
