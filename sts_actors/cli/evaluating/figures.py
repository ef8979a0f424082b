"""What an evaluation comes to: figures out of what the line heard and said. Pure."""

from collections.abc import Callable, Sequence
from itertools import accumulate
from statistics import fmean
from typing import Any

import attrs
import numpy as np
import orjson

from sts_actors.cli.evaluating.line import Asked, Dubbed, Recording
from sts_actors.engines.ports import Recognition
from sts_actors.messages import (
    TAIL,
    FragmentFailed,
    Samples,
    Speech,
    Transcript,
    Utterance,
    Word,
    primary_language,
)
from sts_actors.quality.english import spoken_words
from sts_actors.quality.errors import Kind, WordErrors, align, compare
from sts_actors.quality.seams import SeamErrors, placed, seam_errors
from sts_actors.quality.timing import (
    Spread,
    offsets,
    share_in_window,
    slope_ms_per_hour,
    spread,
)
from sts_actors.quality.words import words_of

Split = Callable[[str], list[str]]


@attrs.frozen(kw_only=True)
class Cost:
    """What was asked of the recogniser; `took_s` is None where its engine only pretends.

    `processor_s`: what its process worked for that, where the system tells; neighbours do not count.
    """

    calls: int
    audio_s: float
    took_s: float | None
    processor_s: float | None

    @classmethod
    def of(cls, asked: Asked[Any, Any], *, pretended: bool) -> "Cost":
        """What an asker has noted."""
        return cls(
            calls=asked.calls,
            audio_s=asked.audio_s,
            took_s=None if pretended else round(asked.took_s, 2),
            processor_s=None if pretended else asked.processor_s,
        )


@attrs.frozen(kw_only=True)
class Likeness:
    """A translation beside one by another hand, 0 … 100."""

    chrf: float
    bleu: float


@attrs.frozen(kw_only=True)
class DubFigures:
    """How a dub came out.

    `round_trip` is what the recogniser heard in the dub against what was to be said, None where it does not
    know the language; from it come the offsets, which are None with it. `fragments` had something to say.
    """

    fragments: int
    failed: int
    round_trip: WordErrors | None
    likeness: Likeness | None
    heard_likeness: Likeness | None
    """That of what was heard in the dub."""
    in_pace: float | None
    stretch: Spread | None
    timeline_error_frames: int
    """The sum of the dub's fragments less that of the source's."""
    wrong_lengths: int
    """How many fragments of the dub are not as long as their source."""
    left_over_s: float
    """What is heard after the last fragment."""
    lag_ms: Spread | None
    slope_ms_per_hour: float | None
    start_offset_ms: Spread | None
    end_offset_ms: Spread | None
    lags: tuple[tuple[float, int], ...] = attrs.field(repr=False)
    """When, in seconds of the stream, the lag was how many ms."""


@attrs.frozen(kw_only=True)
class RunFigures:
    """One length of fragments under one policy."""

    fragment_s: float
    seam: str
    words: WordErrors
    at_seams: SeamErrors
    whole_at_seams: SeamErrors
    """Errors of the recognition of the whole at the same places: what is not the cuts' doing."""
    failed: int
    cost: Cost
    dub: DubFigures | None = None


@attrs.frozen(kw_only=True)
class Evaluation:
    """All figures of one recording."""

    file: str
    seconds: float
    source_language: str
    target_language: str
    profile: str
    whole: WordErrors
    whole_cost: Cost
    runs: tuple[RunFigures, ...]

    def as_json(self) -> bytes:
        """For programs: the same again for the same input on engines that only pretend."""
        return orjson.dumps(as_plain(self), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def as_plain(figures: Evaluation | RunFigures) -> dict[str, Any]:
    """Figures as JSON has them, rates among them."""
    return attrs.asdict(figures, value_serializer=_plain)


def splitter(language: str) -> Split:
    """What makes comparable words of a language's text."""
    return spoken_words if primary_language(language) == "en" else words_of


@attrs.frozen(kw_only=True)
class Reference:
    """What is said in a recording, and when."""

    words: tuple[Word, ...] = attrs.field(repr=False)
    split: Split

    @classmethod
    def of(cls, text: str, whole: Recognition, split: Split) -> "Reference":
        """A text, its times out of the recognition of the whole."""
        return cls(words=tuple(placed(split(text), whole.words, split)), split=split)

    @property
    def texts(self) -> list[str]:
        """The words alone."""
        return [word.text for word in self.words]

    def errors(self, heard: str) -> WordErrors:
        """What is wrong with a text."""
        return compare(self.texts, self.split(heard))

    def at_seams(self, heard: str, recording: Recording, fragment_s: float) -> SeamErrors:
        """What is wrong with it at the cuts between fragments."""
        ends = accumulate(piece.size for piece in recording.fragments(fragment_s)[:-1])
        return seam_errors(self.words, self.split(heard), [end / recording.sample_rate_hz for end in ends])


def heard_text(dubbed: Dubbed) -> str:
    """What the line heard of a recording that it dubbed."""
    return " ".join(each.text for each in map(_transcript, dubbed.results) if each is not None and each.text)


def said_text(dubbed: Dubbed) -> str:
    """What it meant to say."""
    return " ".join(speech.translation.text for speech in _speeches(dubbed) if speech.translation.text)


def dub_sound(dubbed: Dubbed) -> Samples:
    """The whole dub: silence where a fragment failed, and what is left at the end behind it."""
    pieces, lengths = [], iter(dubbed.frames)
    for result in dubbed.results:
        frames = 0 if result.header.index == TAIL else next(lengths)
        pieces.append(result.pcm if isinstance(result, Speech) else np.zeros(frames, np.float32))
    return np.concatenate(pieces) if pieces else np.zeros(0, np.float32)


def dub_figures(
    dubbed: Dubbed,
    heard: Recognition | None,
    split: Split,
    *,
    likeness: Likeness | None = None,
    heard_likeness: Likeness | None = None,
) -> DubFigures:
    """How a dub came out; `heard` is what the recogniser makes of the whole of it, with the words' times."""
    speeches = _speeches(dubbed)
    speaking = [speech for speech in speeches if speech.translation.text]
    within = [speech for speech in speeches if speech.header.index != TAIL]
    starts = _starts(dubbed)
    lags = tuple(
        (starts[speech.header.index] + speech.pcm.size / dubbed.sample_rate_hz, speech.lag_ms)
        for speech in within
        if speech.translation.text
    )
    lag_times, lag_ms = [at for at, _ in lags], [float(lag) for _, lag in lags]
    wrong = [
        speech.pcm.size - frames for speech, frames in zip(within, _frames_of(within, dubbed), strict=True)
    ]
    found = None
    if heard is not None:
        phrases = _phrases(speaking, starts)
        found = offsets(
            [(phrase.start_s, phrase.end_s) for phrase in phrases],
            _spans([split(phrase.text) for phrase in phrases], heard.words, split),
        )
    return DubFigures(
        fragments=len(speaking),
        failed=sum(isinstance(result, FragmentFailed) for result in dubbed.results),
        round_trip=None if heard is None else compare(split(said_text(dubbed)), split(heard.text)),
        likeness=likeness,
        heard_likeness=heard_likeness,
        in_pace=share_in_window([_pace(speech, dubbed) for speech in speaking]),
        stretch=spread([speech.tempo for speech in speaking]),
        timeline_error_frames=sum(wrong),
        wrong_lengths=sum(frames != 0 for frames in wrong),
        left_over_s=sum(s.pcm.size for s in speeches if s.header.index == TAIL) / dubbed.sample_rate_hz,
        lag_ms=spread(lag_ms),
        slope_ms_per_hour=slope_ms_per_hour(lag_times, lag_ms),
        start_offset_ms=None if found is None else spread(found.start_ms),
        end_offset_ms=None if found is None else spread(found.end_ms),
        lags=lags,
    )


def _speeches(dubbed: Dubbed) -> list[Speech]:
    return [result for result in dubbed.results if isinstance(result, Speech)]


def _transcript(result: Speech | FragmentFailed) -> Transcript | None:
    return result.translation.transcript if isinstance(result, Speech) else result.transcript


def _frames_of(speeches: Sequence[Speech], dubbed: Dubbed) -> list[int]:
    return [dubbed.frames[speech.header.index] for speech in speeches]


def _starts(dubbed: Dubbed) -> dict[int, float]:
    """Where each fragment begins, in seconds of the stream; by the index of its header."""
    ends = [0, *accumulate(dubbed.frames)]
    starts = {index: frames / dubbed.sample_rate_hz for index, frames in enumerate(ends)}
    return {**starts, TAIL: ends[-1] / dubbed.sample_rate_hz}


def _pace(speech: Speech, dubbed: Dubbed) -> float:
    """How fast the voice is heard, by how fast it speaks by itself: its own speed, and what is stretched."""
    texts = [utterance.text for utterance in speech.translation.utterances] or [speech.translation.text]
    return fmean(dubbed.speeds.get(text, 1.0) for text in texts) * speech.tempo


def _phrases(speaking: Sequence[Speech], starts: dict[int, float]) -> list[Utterance]:
    """All that is said, each at its time in the stream."""
    phrases = []
    for speech in speaking:
        start_s = starts[speech.header.index]
        phrases += [
            attrs.evolve(each, start_s=start_s + each.start_s, end_s=start_s + each.end_s)
            for each in speech.translation.utterances or (_one_phrase(speech),)
        ]
    return phrases


def _one_phrase(speech: Speech) -> Utterance:
    """A dub that was not parted: it goes with all that was heard in its fragment."""
    transcript = speech.translation.transcript
    words = transcript.words
    return Utterance(
        source=transcript.text,
        text=speech.translation.text,
        start_s=words[0].start_s if words else 0.0,
        end_s=words[-1].end_s if words else speech.pcm.size / speech.sample_rate_hz,
    )


def _spans(
    phrases: Sequence[Sequence[str]], heard: Sequence[Word], split: Split
) -> list[tuple[float, float] | None]:
    """From when to when each phrase was heard, by its first and its last word that were; None of one lost."""
    told = [(part, word) for word in heard for part in split(word.text)]
    owners = [index for index, phrase in enumerate(phrases) for _ in phrase]
    said = [word for phrase in phrases for word in phrase]
    spans: dict[int, tuple[float, float]] = {}
    for step in align(said, [part for part, _ in told]):
        if step.kind is Kind.RIGHT:
            word, owner = told[step.heard][1], owners[step.reference]
            spans[owner] = spans.get(owner, (word.start_s, 0.0))[0], word.end_s
    return [spans.get(index) for index in range(len(phrases))]


def _plain(_: type, __: Any, value: Any) -> Any:
    match value:
        case float():
            return round(value, 4)
        case WordErrors():
            return {**attrs.asdict(value), "rate": value.rate}
        case SeamErrors():
            counts = attrs.asdict(value)
            rates = {name: value.per_hundred(count) for name, count in counts.items() if name != "seams"}
            return {**counts, "per_hundred": rates}
    return value
