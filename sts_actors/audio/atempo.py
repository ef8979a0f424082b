"""Tempo by the `atempo` filter (WSOLA: whole windows, moved until they fit), which comes with PyAV."""

from typing import cast

import av
import numpy as np
from av.filter import Graph

from sts_actors.audio.pcm import pad_or_trim
from sts_actors.messages import Samples

_FLUSH_S = 0.1
"""The filter aligns overlapping windows and ends up to 22 ms early: silence fed after the sound covers it."""


def stretch(samples: Samples, sample_rate_hz: int, tempo: float) -> Samples:
    """Mono `samples` `(frames,)` spoken `tempo` times as fast, of at least `frames / tempo` frames."""
    graph = Graph()
    source = graph.add_abuffer(format="flt", sample_rate=sample_rate_hz, layout="mono")
    sink = graph.add("abuffersink")
    graph.link_nodes(source, graph.add("atempo", f"{tempo:.12f}"), sink).configure()
    fed = pad_or_trim(samples, samples.shape[0] + round(_FLUSH_S * sample_rate_hz))
    frame = av.AudioFrame.from_ndarray(fed[np.newaxis], format="flt", layout="mono")
    frame.sample_rate = sample_rate_hz
    frame.pts = 0
    graph.push(frame)
    graph.push(None)
    pieces: list[Samples] = []
    while True:
        try:
            pieces.append(cast("av.AudioFrame", sink.pull()).to_ndarray()[0].astype(np.float32, copy=False))
        except (EOFError, BlockingIOError):
            break
    return np.concatenate(pieces)
