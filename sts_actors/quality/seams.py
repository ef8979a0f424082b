"""Errors at the cuts of a stream: which of the words that went wrong stand beside one."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence

import attrs

from sts_actors.messages import Word
from sts_actors.quality.errors import Kind, Step, align
from sts_actors.quality.words import words_of

NEAR_S = 0.75
"""A word that comes so close to a cut is at it, as are those that stand directly before and after it."""


@attrs.frozen(kw_only=True)
class SeamErrors:
    """Errors at seams, counted; `doubled` are those of the invented that repeat what stands beside them.

    An error between two seams is counted once.
    """

    seams: int
    substituted: int = 0
    lost: int = 0
    invented: int = 0
    doubled: int = 0

    def per_hundred(self, count: int) -> float:
        """One of the counts by 100 seams; 0 without any."""
        return 100 * count / self.seams if self.seams else 0.0

    def __add__(self, other: "SeamErrors") -> "SeamErrors":
        return SeamErrors(
            **{
                field.name: getattr(self, field.name) + getattr(other, field.name)
                for field in attrs.fields(SeamErrors)
            }
        )


def placed(
    reference: Sequence[str], heard: Sequence[Word], split: Callable[[str], list[str]] = words_of
) -> list[Word]:
    """The words of a reference, each at its time, which a recognition of the whole tells.

    A word that it heard otherwise or not at all lies, with its like, evenly in the gap that is left for them.

    Args:
        reference: as `split` gives it.
        heard: with times from the start of the recording.
        split: makes words that can be compared.
    """
    told = [(part, word) for word in heard for part in split(word.text)]
    times: list[tuple[float, float] | None] = [None] * len(reference)
    for step in align(reference, [part for part, _ in told]):
        if step.kind in {Kind.RIGHT, Kind.SUBSTITUTED}:
            word = told[step.heard][1]
            times[step.reference] = word.start_s, word.end_s
    end = max((word.end_s for word in heard), default=0.0)
    return [
        Word(text=text, start_s=start_s, end_s=end_s)
        for text, (start_s, end_s) in zip(reference, _filled(times, end), strict=True)
    ]


def seam_errors(reference: Sequence[Word], heard: Sequence[str], cuts_s: Sequence[float]) -> SeamErrors:
    """The errors at the cuts.

    Args:
        reference: each word at its time, in order, as `placed` gives them.
        heard: all words that were heard, in the order of the stream.
        cuts_s: where the stream was cut, in order.
    """
    at_seams = words_at(reference, cuts_s)
    steps = align([word.text for word in reference], heard)
    repeats = doubled(steps, heard)
    counted = dict.fromkeys(Kind, 0)
    twice = 0
    for step in steps:
        if step.kind is Kind.INVENTED:
            # Between two words: at a seam if either is.
            if not at_seams & {step.reference - 1, step.reference}:
                continue
            twice += step.heard in repeats
        elif step.reference not in at_seams:
            continue
        counted[step.kind] += 1
    return SeamErrors(
        seams=len(cuts_s),
        substituted=counted[Kind.SUBSTITUTED],
        lost=counted[Kind.LOST],
        invented=counted[Kind.INVENTED],
        doubled=twice,
    )


def words_at(reference: Sequence[Word], cuts_s: Sequence[float]) -> set[int]:
    """Which words stand at a cut: by `NEAR_S`, or as its neighbours."""
    starts = [word.start_s for word in reference]
    # Of two who speak at once, the one who began earlier may end later.
    ends: list[float] = []
    for word in reference:
        ends.append(max(word.end_s, ends[-1] if ends else word.end_s))
    found: set[int] = set()
    for cut_s in cuts_s:
        following = bisect_left(starts, cut_s)
        first = min(bisect_left(ends, cut_s - NEAR_S), following - 1)
        last = max(bisect_right(starts, cut_s + NEAR_S), following + 1)
        found.update(range(max(first, 0), min(last, len(reference))))
    return found


def doubled(steps: Sequence[Step], heard: Sequence[str]) -> set[int]:
    """Which invented words say again what was heard directly before them, or say before what follows."""
    invented = [step.heard for step in steps if step.kind is Kind.INVENTED]
    found: set[int] = set()
    for first, end in _runs(invented):
        run = list(heard[first:end])
        for length in range(len(run), 0, -1):
            if first >= length and run[:length] == list(heard[first - length : first]):
                found.update(range(first, first + length))
                break
        for length in range(len(run), 0, -1):
            if run[len(run) - length :] == list(heard[end : end + length]):
                found.update(range(end - length, end))
                break
    return found


def _runs(numbers: Sequence[int]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and runs[-1][1] == number:
            runs[-1] = runs[-1][0], number + 1
        else:
            runs.append((number, number + 1))
    return runs


def _filled(times: Sequence[tuple[float, float] | None], end_s: float) -> list[tuple[float, float]]:
    filled: list[tuple[float, float]] = []
    index = 0
    while index < len(times):
        known = times[index]
        if known is not None:
            filled.append(known)
            index += 1
            continue
        following = next((at for at in range(index, len(times)) if times[at] is not None), len(times))
        begin_s = filled[-1][1] if filled else 0.0
        after = times[following] if following < len(times) else None
        room_s = max((end_s if after is None else after[0]) - begin_s, 0.0)
        step_s = room_s / (following - index)
        filled += [
            (begin_s + place * step_s, begin_s + (place + 1) * step_s) for place in range(following - index)
        ]
        index = following
    return filled
