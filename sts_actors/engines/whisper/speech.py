"""Where somebody speaks in a fragment: the voice detector's spans, what lies in them, and the way back."""

from typing import Any

import attrs
import numpy as np
from faster_whisper.vad import SpeechTimestampsMap, VadOptions, get_speech_timestamps

from sts_actors.engines.ports import RECOGNISER_RATE_HZ
from sts_actors.messages import Samples

MIN_PEAK = 10 ** (-60 / 20)
"""Quieter than -60 dBFS throughout is silence, whatever a model would make of it."""

VAD = VadOptions()
"""Pauses under 2 s stay: the model wants to hear speech as it was spoken."""

TURNS = VadOptions(min_silence_duration_ms=160, speech_pad_ms=30)
"""Each turn of a conversation by itself: to know when somebody speaks, not what to leave out."""


@attrs.frozen(eq=False)
class Speech:
    """The spoken parts of a fragment, one after the other, without the pauses between."""

    pcm: Samples = attrs.field(repr=False)
    _map: Any = None

    def original(self, start_s: float, end_s: float) -> tuple[float, float]:
        """Where a stretch of these samples is in the fragment; both ends in the same spoken part.

        The model hears 30 s whatever there is, and may put an end behind the last sample.
        """
        length_s = self.pcm.size / RECOGNISER_RATE_HZ
        start_s, end_s = min(start_s, length_s), min(end_s, length_s)
        if self._map is None:
            return start_s, end_s
        part = self._map.get_chunk_index((start_s + end_s) / 2)
        return self._map.get_original_time(start_s, part), self._map.get_original_time(end_s, part)


def find_speech(pcm: Samples, *, detect: bool) -> Speech | None:
    """What is spoken in `pcm`, or None where nothing is.

    Args:
        pcm: mono, at `RECOGNISER_RATE_HZ`.
        detect: look for a voice; else all that is not silence is taken for speech.

    Raises:
        ValueError: not every sample is a number.
        MemoryError: there is no room to look at so many.
    """
    if not pcm.size:
        return None
    peak = float(np.abs(pcm).max())
    if not np.isfinite(peak):
        raise ValueError("the audio holds samples that are no numbers")
    if peak < MIN_PEAK:
        return None
    if not detect:
        return Speech(pcm)
    spans = get_speech_timestamps(pcm, VAD, RECOGNISER_RATE_HZ)
    if not spans:
        return None
    spoken = np.concatenate([pcm[span["start"] : span["end"]] for span in spans])
    return Speech(spoken, SpeechTimestampsMap(spans, RECOGNISER_RATE_HZ))


def find_voice(pcm: Samples, *, detect: bool) -> tuple[tuple[float, float], ...]:
    """From when to when somebody speaks in `pcm`, in seconds; arguments as those of `find_speech`."""
    if not detect:
        return ((0.0, pcm.size / RECOGNISER_RATE_HZ),)
    spans = get_speech_timestamps(pcm, TURNS, RECOGNISER_RATE_HZ)
    return tuple((span["start"] / RECOGNISER_RATE_HZ, span["end"] / RECOGNISER_RATE_HZ) for span in spans)
