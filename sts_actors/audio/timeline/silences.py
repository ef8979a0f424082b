"""Silences of a synthesis made shorter: the first thing to go where it is too long."""

import numpy as np

from sts_actors.audio.timeline.fades import crossfaded
from sts_actors.messages import Samples

_SILENCE = 10 ** (-45 / 20)
"""Silence, against the loudest sample."""
_NOISE_FLOOR = 10 ** (-80 / 20)
"""Silence, whatever the loudest sample is."""
_EDGE_KEPT_S = 0.02
"""Silence kept beside speech: breath and consonants lie below the threshold."""
_PAUSE_KEPT_S = 0.12
"""What remains of a pause: shorter ones belong to the words."""
_FADE_S = 0.005


def edges(samples: Samples, sample_rate_hz: int) -> tuple[int, int]:
    """Where sound begins and where it has ended, with 20 ms more at each side; all of it if silent."""
    level = np.abs(samples)
    loud = np.flatnonzero(level > max(float(level.max(initial=0.0)) * _SILENCE, _NOISE_FLOOR))
    if not loud.size:
        return 0, samples.shape[0]
    kept = round(_EDGE_KEPT_S * sample_rate_hz)
    return max(int(loud[0]) - kept, 0), min(int(loud[-1]) + 1 + kept, samples.shape[0])


def without_silence(samples: Samples, sample_rate_hz: int, surplus: int) -> Samples:
    """`samples` less at most `surplus` frames of silence: the end's, then the start's, then the pauses'.

    Pauses are shortened in proportion, and none to less than 120 ms. Joints are crossfaded.
    """
    if surplus <= 0:
        return samples
    level = np.abs(samples)
    loud = np.flatnonzero(level > level.max(initial=0.0) * _SILENCE)
    if not loud.size:
        return samples[: max(samples.shape[0] - surplus, 0)]
    edge = round(_EDGE_KEPT_S * sample_rate_hz)
    end = max(min(int(loud[-1]) + 1 + edge, samples.shape[0]), samples.shape[0] - surplus)
    surplus -= samples.shape[0] - end
    start = min(max(int(loud[0]) - edge, 0), surplus)
    surplus -= start
    return _shorter_pauses(samples[start:end], loud - start, sample_rate_hz, surplus)


def _shorter_pauses(samples: Samples, loud: np.ndarray, sample_rate_hz: int, surplus: int) -> Samples:
    """`samples`, of which `loud` are loud, less `surplus` frames of the pauses between them."""
    kept = round(_PAUSE_KEPT_S * sample_rate_hz)
    spare = np.diff(loud) - 1 - kept
    pauses = np.flatnonzero(spare > 0)
    if not pauses.size:
        return samples
    share = min(surplus / int(spare[pauses].sum()), 1.0)
    fade = round(_FADE_S * sample_rate_hz)
    pieces: list[Samples] = []
    rest = samples
    # From the back, so that what has been found stays where it was found.
    for pause in pauses[::-1]:
        taken = int(spare[pause] * share)
        joint = int(loud[pause]) + 1 + (kept + 1) // 2
        pieces.append(rest[joint + taken :])
        pieces.append(crossfaded(rest[joint - fade : joint], rest[joint + taken - fade : joint + taken]))
        rest = rest[: joint - fade]
    return np.concatenate((rest, *pieces[::-1]))
