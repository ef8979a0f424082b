"""Edges that do not click: gain rises and falls by the same small step from sample to sample."""

import numpy as np

from sts_actors.messages import Samples


def edged(samples: Samples, fade_frames: int) -> Samples:
    """A copy of `samples` that comes out of silence and goes back into it over `fade_frames` at either edge.

    Gain changes by `1 / (fade_frames + 1)` a sample and never faster: what is shorter than both fades does
    not reach full level. Two sounds that overlap by no more than a fade sum to no more than the louder one.
    """
    faded = samples.copy()
    reached = min(fade_frames, faded.shape[0])
    ramp = _rising(fade_frames)[:reached]
    faded[:reached] *= ramp
    faded[faded.shape[0] - reached :] *= ramp[::-1]
    return faded


def fade_out(samples: Samples, fade_frames: int) -> None:
    """Bring the end of `samples` to silence, in place."""
    reached = min(fade_frames, samples.shape[0])
    samples[samples.shape[0] - reached :] *= _rising(fade_frames)[:reached][::-1]


def _rising(fade_frames: int) -> Samples:
    return np.arange(1, fade_frames + 1, dtype=np.float32) / np.float32(fade_frames + 1)


def crossfaded(leaving: Samples, coming: Samples) -> Samples:
    """One sound that begins as `leaving` and ends as `coming`; both are equally long."""
    gain = _rising(leaving.shape[0])
    return leaving * (1 - gain) + coming * gain
