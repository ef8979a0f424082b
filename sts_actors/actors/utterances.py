"""A transcript's words by the sentence and the utterance that they are translated in. Pure.

What goes on with one fragment may have begun with the one before; a sentence is translated in one go as far
as it is known, and in parts where the speaker stops in the middle of it or the fragment ends there.
"""

from collections.abc import Iterable, Sequence

import attrs

from sts_actors.audio.timeline.phrases import ends_sentence, grouped, joined
from sts_actors.messages import TAIL, Transcript, Utterance, Word

PAUSE_S = 0.7
"""A pause within a sentence that parts it: the dub must not run through a silence that all can hear, but
half a sentence translates badly, and nobody minds a dub that is this much early after a hesitation."""
SENTENCE_PAUSE_S = 2.0
"""After so long nobody goes on with the same sentence, whatever the recogniser's punctuation says."""
SENTENCE_CHARACTERS = 400
"""A sentence that grows longer than this has had a full stop that was not heard."""
SHORT_S = 1.0
"""What is shorter is spoken together with its neighbour: voices garble a word that stands alone."""
TOGETHER_S = 3.0
"""The most that is put together so: the pauses within it are the voice's, and not the speaker's."""
UNDECIDED_S = 2.0
"""Of a fragment's end; what is said there may only be known with the next one."""


@attrs.frozen(kw_only=True)
class Part:
    """Some words of a sentence, spoken in one go; times as those of a `Word`.

    `slot_s` is the time that they have: their own and the known pause that follows. `final`: nothing will
    follow them in this stream.
    """

    source: str = attrs.field(repr=False)
    start_s: float
    end_s: float
    slot_s: float
    final: bool = False

    def spoken(self, text: str) -> Utterance:
        """It as an utterance, translated as `text`."""
        return Utterance(source=self.source, text=text, start_s=self.start_s, end_s=self.end_s)


@attrs.frozen(kw_only=True)
class Ended:
    """How a stream's words ended so far: with which one, and how long before the last fragment's end."""

    word: str = attrs.field(default="", repr=False)
    silent_s: float = 0.0


@attrs.frozen(kw_only=True)
class Sentences:
    """The parts of a transcript by sentence; the first one `continues` the sentence that is under way."""

    sentences: tuple[tuple[Part, ...], ...]
    continues: bool
    ended: Ended


def sentences(transcript: Transcript, before: Ended) -> Sentences:
    """Part a transcript; `before` is how the one before it ended."""
    length_s = transcript.frames / transcript.answer.sample_rate_hz
    words = _words(transcript, length_s)
    if not words:
        return Sentences(
            sentences=(),
            continues=False,
            ended=attrs.evolve(before, silent_s=before.silent_s + length_s),
        )
    groups = grouped(words, pause_s=PAUSE_S)
    parts = _parts(groups, length_s, over=transcript.last or transcript.header.index == TAIL)
    found = [[parts[0]]]
    for earlier, group, part in zip(groups, groups[1:], parts[1:], strict=False):
        if _goes_on(earlier[-1].text, group[0].start_s - found[-1][-1].end_s, group[0]):
            found[-1].append(part)
        else:
            found.append([part])
    return Sentences(
        sentences=tuple(map(tuple, found)),
        continues=_goes_on(before.word, before.silent_s + words[0].start_s, words[0]),
        ended=Ended(word=words[-1].text.split()[-1], silent_s=length_s - parts[-1].end_s),
    )


def together(utterances: Iterable[Utterance]) -> tuple[Utterance, ...]:
    """Utterances in order, with short ones joined to those beside them."""
    found: list[Utterance] = []
    for new in utterances:
        old = found[-1] if found else None
        if (
            old is not None
            and min(old.end_s - old.start_s, new.end_s - new.start_s) < SHORT_S
            and new.start_s - old.end_s < PAUSE_S
            and new.end_s - old.start_s <= TOGETHER_S
        ):
            found[-1] = Utterance(
                source=joined((old.source, new.source)),
                text=joined((old.text, new.text)),
                start_s=old.start_s,
                end_s=max(old.end_s, new.end_s),
            )
        else:
            found.append(new)
    return tuple(found)


def _words(transcript: Transcript, length_s: float) -> list[Word]:
    words = [word for word in transcript.words if word.text.strip()]
    text = transcript.text.strip()
    return words or ([Word(text=text, start_s=0.0, end_s=length_s)] if text else [])


def _parts(groups: Sequence[Sequence[Word]], length_s: float, *, over: bool) -> list[Part]:
    parts: list[Part] = []
    starts = [group[0].start_s for group in groups[1:]]
    for group, following in zip(groups, [*starts, None], strict=True):
        start_s, end_s = group[0].start_s, max(word.end_s for word in group)
        known_s = length_s - (0.0 if over else UNDECIDED_S) if following is None else following
        parts.append(
            Part(
                source=joined(word.text for word in group),
                start_s=start_s,
                end_s=end_s,
                slot_s=max(end_s, known_s) - start_s,
                final=over and following is None,
            )
        )
    return parts


def _goes_on(word: str, pause_s: float, following: Word) -> bool:
    return bool(word) and pause_s < SENTENCE_PAUSE_S and not ends_sentence(word, following.text)
