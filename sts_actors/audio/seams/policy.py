"""Which words a fragment decides: a dialogue with the recogniser, one question after the other."""

from collections.abc import Callable, Generator, Sequence
from itertools import dropwhile, takewhile
from typing import NamedTuple, TypeVar

import attrs
import numpy as np

from sts_actors.audio.seams.doubts import has_holes, likelihood, repeats
from sts_actors.audio.seams.joining import not_yet_said
from sts_actors.audio.seams.settings import SeamSettings
from sts_actors.audio.seams.spelling import join_words
from sts_actors.audio.seams.state import (
    RATE_HZ,
    Decided,
    Heard,
    Question,
    SeamState,
    Spans,
    length_s,
    shifted,
    within,
)
from sts_actors.messages import Samples, Word

STRADDLE_S = 0.02
"""A voice that begins less than this before a word's end does not end with it."""

T = TypeVar("T")
Dialogue = Generator[Question, Heard | None, T]
"""Asks, and is sent an answer; None to any question but the first: there is no time for it."""


def decide(
    state: SeamState,
    pcm: Samples,
    language: str,
    *,
    last: Callable[[], bool],
    settings: SeamSettings,
) -> Dialogue[Decided]:
    """Ask what is said in a fragment, and decide as much of it as its end allows.

    Args:
        state: of the fragments before it; it is not changed.
        pcm: the fragment. With none at all and `last`, what is carried is decided.
        language: primary code.
        last: whether nothing comes after it; looked at when the answers are there.
        settings: of the policy.
    """
    fragment = _Fragment(state=state, pcm=pcm, language=language, settings=settings)
    if state.decided_s == fragment.end_s:
        return Decided(words=(), state=state)
    heard = yield from _hear(fragment, last)
    if last():
        return Decided(words=heard.words, state=SeamState())
    kept = _settled(heard.words, fragment)
    return Decided(words=kept, state=_after(fragment, kept, _decided_s(heard, kept, fragment)))


@attrs.frozen(kw_only=True)
class _Fragment:
    """A fragment and what was before it."""

    state: SeamState
    pcm: Samples
    language: str
    settings: SeamSettings

    @property
    def begin_s(self) -> float:
        return -self.state.audio.size / RATE_HZ

    @property
    def end_s(self) -> float:
        return self.pcm.size / RATE_HZ

    @property
    def audio(self) -> Samples:
        return np.concatenate([self.state.audio, self.pcm])

    @property
    def carry_from_s(self) -> float:
        """All before is decided with this fragment."""
        return self.end_s - min(self.settings.carry_s, self.end_s)

    def cut(self, start_s: float) -> Samples:
        """From a moment on."""
        return self.audio[max(round((start_s - self.begin_s) * RATE_HZ), 0) :]


def _hear(fragment: _Fragment, last: Callable[[], bool]) -> Dialogue[Heard]:
    """What is said after what is decided, and where a voice is heard there."""
    state, settings = fragment.state, fragment.settings
    prefix = join_words(state.words, fragment.language)
    heard = yield from _ask(fragment, fragment.begin_s, prefix)
    voice = within(heard.voice, state.decided_s, fragment.end_s)
    if length_s(voice) < settings.voice_s:
        return Heard(voice=voice)
    words = heard.words if prefix else not_yet_said(heard.words, (), state.decided_s)
    faults = _faults(words, voice, fragment)
    if prefix and any(faults):
        if length_s(voice) < settings.doubt_voice_s and faults.unlikely:
            return Heard(voice=voice)
        plain = yield from _ask_again(fragment, fragment.begin_s)
        if plain is not None:
            anew = not_yet_said(plain.words, state.words, state.decided_s)
            # Of equals, what was heard with all that is known goes before; but a loop may be what was said.
            if faults.loops or _faults(anew, voice, fragment) < faults:
                words = anew
    missed = _missed(heard.voice, words or state.words, fragment)
    if (prefix or words) and _is_much(missed, fragment, last=last()):
        rest = yield from _ask_again(fragment, missed[0][0] - settings.lead_s)
        heard_late = () if rest is None else rest.words
        said = tuple(dropwhile(lambda word: word.probability < settings.probability, heard_late))
        if said and likelihood(said) > settings.probability:
            words += not_yet_said(said, words, missed[0][0], near_s=settings.rescue_near_s)
    return Heard(words=_in_order(words, state.decided_s, fragment.end_s), voice=voice)


class _Faults(NamedTuple):
    """Heaviest first."""

    loops: bool
    holes: bool
    unlikely: bool


def _faults(words: Sequence[Word], voice: Spans, fragment: _Fragment) -> _Faults:
    """What is wrong with words heard after those of the state."""
    settings = fragment.settings
    return _Faults(
        loops=repeats(words, fragment.state.words, settings.loop_words),
        holes=has_holes(words, voice, settings, since_s=fragment.state.decided_s),
        unlikely=likelihood(words) < settings.probability,
    )


def _missed(voice: Spans, words: Sequence[Word], fragment: _Fragment) -> Spans:
    """Where a voice is heard after the last word, without what is left of that."""
    since_s = fragment.state.decided_s
    tail_s = since_s
    if words:
        since_s = max(since_s, words[-1].end_s)
        tail_s = since_s + fragment.settings.tail_s
    left = (span for span in voice if span[0] > since_s - STRADDLE_S or span[1] > tail_s)
    return within(tuple(left), since_s, fragment.end_s)


def _is_much(missed: Spans, fragment: _Fragment, *, last: bool) -> bool:
    """Whether a recogniser has stopped too early: much voice is left, or some that none will hear again."""
    if not missed:
        return False
    settings, end_s = fragment.settings, fragment.end_s
    if end_s - missed[0][0] > settings.rescue_gap_s and length_s(missed) > settings.rescue_voice_s:
        return True
    lost = missed if last else tuple(span for span in missed if span[0] < fragment.carry_from_s)
    return length_s(lost) > settings.lost_voice_s


def _ask(fragment: _Fragment, start_s: float, prefix: str) -> Dialogue[Heard]:
    heard = yield from _ask_again(fragment, start_s, prefix)
    if heard is None:
        raise ValueError("without an answer to the first question nothing is known")
    return heard


def _ask_again(fragment: _Fragment, start_s: float, prefix: str = "") -> Dialogue[Heard | None]:
    since_s = max(fragment.state.decided_s - start_s, 0.0)
    answer = yield Question(pcm=fragment.cut(start_s), prefix=prefix, since_s=since_s)
    if answer is None:
        return None
    heard = answer.shifted(start_s)
    # At the end a recogniser may go on and on: what it says there nobody has said.
    words = takewhile(lambda word: word.start_s < fragment.end_s - STRADDLE_S, heard.words)
    return Heard(words=tuple(words), voice=heard.voice)


def _settled(words: tuple[Word, ...], fragment: _Fragment) -> tuple[Word, ...]:
    """Those that no cut can have changed, and those that cannot be carried any further."""
    settings, number = fragment.settings, 0
    while number < len(words) and (
        words[number].start_s < fragment.carry_from_s or _is_settled(words[number], fragment.end_s, settings)
    ):
        number += 1
    return words[:number]


def _is_settled(word: Word, end_s: float, settings: SeamSettings) -> bool:
    sure = word.probability >= settings.sure_probability
    return word.end_s < end_s - (settings.guard_s if sure else settings.unsure_guard_s)


def _decided_s(heard: Heard, kept: tuple[Word, ...], fragment: _Fragment) -> float:
    settings = fragment.settings
    since_s = max(kept[-1].end_s if kept else fragment.state.decided_s, fragment.carry_from_s)
    if len(kept) < len(heard.words):
        return max(since_s, heard.words[len(kept)].start_s - settings.lead_s)
    if length_s(within(heard.voice, since_s, fragment.end_s)) < settings.voice_s:
        return max(since_s, fragment.end_s - settings.guard_s)
    return since_s


def _after(fragment: _Fragment, kept: tuple[Word, ...], decided_s: float) -> SeamState:
    """What the next fragment begins with: the words of the last seconds, and the audio from the first on."""
    settings = fragment.settings
    context = [
        shifted(word, -fragment.end_s)
        for word in (*fragment.state.words, *kept)
        if word.start_s > decided_s - settings.context_s
    ]
    decided_s = min(decided_s - fragment.end_s, 0.0)
    begin_s = (context[0].start_s if context else decided_s) - settings.lead_s
    return SeamState(audio=fragment.cut(begin_s + fragment.end_s), words=tuple(context), decided_s=decided_s)


def _in_order(words: Sequence[Word], start_s: float, end_s: float) -> tuple[Word, ...]:
    """Words one after the other, between two moments."""
    ordered = []
    for word in words:
        begins_s = min(max(word.start_s, start_s), end_s)
        start_s = min(max(word.end_s, begins_s), end_s)
        ordered.append(attrs.evolve(word, start_s=begins_s, end_s=start_s))
    return tuple(ordered)
