"""Does it sound like the text was said? Generative voices babble, break off or loop now and then. Pure.

What is looked at needs no second model: how long it took for so many characters, how loud it is, whether it
was clipped, how much of it is silence, and whether the model went round in circles.
"""

from collections.abc import Sequence

import attrs
import numpy as np

from sts_actors.audio.speech_rate import spoken_length
from sts_actors.messages import Samples

_FRAME_S = 0.02


@attrs.frozen(kw_only=True)
class GuardLimits:
    """Beyond these, speech is taken for spoilt.

    The fastest speakers say 30 characters a second, the slowest 5; `slack_s` is for the breath before and
    after. `silent_below` is a share of the loudest sample; `most_rounds` counts repetitions of the same few
    codes.
    """

    fastest_characters_per_s: float = 35.0
    slowest_characters_per_s: float = 4.0
    slack_s: float = 1.5
    least_peak: float = 10 ** (-40 / 20)
    silent_below: float = 10 ** (-35 / 20)
    longest_silence_s: float = 2.5
    least_voiced: float = 0.2
    clipped_at: float = 0.999
    most_clipped: float = 0.005
    most_rounds: int = 4


DEFAULT_LIMITS = GuardLimits()


def defects(
    pcm: Samples,
    sample_rate_hz: int,
    text: str,
    *,
    speed: float = 1.0,
    codes: Sequence[int] = (),
    limits: GuardLimits = DEFAULT_LIMITS,
) -> tuple[str, ...]:
    """What is wrong with mono speech `(frames,)`, in a few words each; none for speech that seems sound.

    Args:
        pcm: samples in -1 … 1.
        sample_rate_hz: theirs.
        text: what should have been said.
        speed: the engine's knob at the time.
        codes: what a model decoded on the way, where it decodes codes.
        limits: where sound ends.
    """
    if not spoken_length(text):
        return ()
    if not np.isfinite(pcm).all():
        return ("NaN or infinite samples",)
    found = [*_of_length(pcm.shape[0] / sample_rate_hz * speed, spoken_length(text), limits)]
    peak = float(np.abs(pcm).max(initial=0.0))
    if peak < limits.least_peak:
        return (*found, "nothing but silence")
    if float((np.abs(pcm) >= limits.clipped_at).mean()) > limits.most_clipped:
        found.append("clipped")
    found += _of_silence(pcm, sample_rate_hz, peak, limits)
    rounds = most_rounds(codes)
    if rounds > limits.most_rounds:
        found.append(f"{rounds} times the same in a row")
    return tuple(found)


def _of_length(seconds: float, characters: int, limits: GuardLimits) -> list[str]:
    if seconds < characters / limits.fastest_characters_per_s:
        return [f"{characters} characters in {seconds:.1f} s: words are missing"]
    if seconds > characters / limits.slowest_characters_per_s + limits.slack_s:
        return [f"{characters} characters in {seconds:.1f} s: more than the words"]
    return []


def _of_silence(pcm: Samples, sample_rate_hz: int, peak: float, limits: GuardLimits) -> list[str]:
    frame = max(round(_FRAME_S * sample_rate_hz), 1)
    whole = pcm[: pcm.shape[0] // frame * frame].reshape(-1, frame)
    if not whole.shape[0]:
        return []
    loud = np.sqrt((whole.astype(np.float64) ** 2).mean(axis=1)) > peak * limits.silent_below
    found = []
    if float(loud.mean()) < limits.least_voiced:
        found.append(f"speech in {loud.mean():.0%} of it")
    edges = np.flatnonzero(np.concatenate(([True], loud, [True])))
    longest_s = (int(np.diff(edges).max()) - 1) * _FRAME_S
    if longest_s > limits.longest_silence_s:
        found.append(f"a silence of {longest_s:.1f} s")
    return found


def most_rounds(codes: Sequence[int], longest: int = 8) -> int:
    """How often at most the same codes follow each other, for patterns of 2 up to `longest` codes.

    One code that goes on is a held sound, or silence.
    """
    array = np.asarray(codes)
    most = 1
    for period in range(2, longest + 1):
        if array.shape[0] < 2 * period:
            break
        same = np.concatenate(([False], array[period:] == array[:-period], [False]))
        run, best = 0, (0, 0)
        for start, end in _runs(same):
            run = end - start
            best = max(best, (run, start))
        if best[0] and len(set(array[best[1] : best[1] + period].tolist())) > 1:
            most = max(most, best[0] // period + 1)
    return most


def _runs(flags: "np.ndarray[tuple[int], np.dtype[np.bool_]]") -> list[tuple[int, int]]:
    """The stretches of True in flags that begin and end with False, as positions without the first flag."""
    changes = np.flatnonzero(flags[1:] != flags[:-1])
    return [(int(a), int(b)) for a, b in changes.reshape(-1, 2)]
