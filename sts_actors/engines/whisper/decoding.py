"""Whisper's lower level: windows of several fragments through the encoder and the decoder together.

A window is up to 30 s of one fragment's features, from where the last one stopped. One call decodes any
number of them, each as it would be alone: the beam search keeps its items apart, and so does all that
follows.
"""

from collections.abc import Sequence
from inspect import signature
from typing import Any

import attrs
import numpy as np
from faster_whisper.tokenizer import Tokenizer
from faster_whisper.transcribe import (
    WhisperModel,
    get_compression_ratio,
    get_suppressed_tokens,
    merge_punctuations,
)

from sts_actors.engines.ports import Segment
from sts_actors.engines.whisper.options import WhisperOptions
from sts_actors.engines.whisper.timestamps import FRAMES_PER_STEP, STEP_S, Piece, after, pieces
from sts_actors.engines.whisper.verdicts import (
    MAX_COMPRESSION,
    Hypothesis,
    best_of,
    has_words,
    is_bad,
    is_speech,
)
from sts_actors.messages import Word

TEMPERATURES = (0.2, 0.6, 1.0)
"""Sampled at in turn where the beam's best is badly decoded; Whisper has five, but here someone waits."""
SAMPLES = 5
"""Drawn at each temperature, of which the best counts."""
TOKENS_PER_S = 8.0
"""More than people say in most languages; who goes round in circles would do so to the end of all room: 3.7 s
for 10 s of speech, where an answer is wanted within 8."""
TOKENS_BESIDES = 24
MAX_INITIAL_TIMESTAMP_S = 1.0
FRAME_S = STEP_S / FRAMES_PER_STEP
ROOMS = (1500, 2000, 3000)
"""Frames that the model is given, the fewest that suffice: 15 s instead of 30 take 0.4 of the time and lose
nothing, filled up as they are here."""
UNSPACED = ("zh", "ja", "th", "lo", "my", "yue")
"""Languages that are written without spaces between words."""
_PUNCTUATIONS = tuple(
    signature(WhisperModel.transcribe).parameters[name].default
    for name in ("prepend_punctuations", "append_punctuations")
)
"""Marks that belong to the word behind them, and to the word before them."""


@attrs.frozen(eq=False)
class Window:
    """What is decoded at once of one fragment.

    Args:
        features: log-mel, shape `(mels, frames)`; 30 s at most.
        offset_s: where it begins in the fragment's speech.
        prompt: token ids before the transcript's.
        prefix: the transcript's first token ids, decided already. What follows is told by one window alone:
            a next one would hear its end again without them.
        words: whether the words' times are wanted.
    """

    features: Any = attrs.field(repr=False)
    offset_s: float
    prompt: tuple[int, ...]
    prefix: tuple[int, ...] = ()
    words: bool = False

    @property
    def frames(self) -> int:
        """Its length, in frames of features."""
        return int(self.features.shape[1])

    @property
    def room(self) -> int:
        """The frames that it is padded to."""
        return next(room for room in ROOMS if room >= self.frames)


@attrs.frozen
class Decoded:
    """What was heard in a window; times in the fragment's speech.

    `frames` is how far the window is done: the next one begins there.
    """

    segments: tuple[Segment, ...]
    words: tuple[Word, ...]
    frames: int


class Decoder:
    """One language of a loaded model."""

    def __init__(self, model: Any, language: str, options: WhisperOptions) -> None:
        if language not in model.supported_languages:
            raise ValueError(f"the model does not know the language {language!r}")
        self._model = model
        self._options = options
        self._tokenizer = Tokenizer(
            model.hf_tokenizer, model.model.is_multilingual, task="transcribe", language=language
        )
        self._suppressed = get_suppressed_tokens(self._tokenizer, [-1])
        self._room = model.max_length // 2 - 1
        self._spaced = language not in UNSPACED
        self._tokens_per_s = TOKENS_PER_S

    def prompt(self, text: str, *, timestamps: bool = True) -> tuple[int, ...]:
        """The tokens that come before a transcript; a text too long for a prompt is cut at a comma."""
        told = self._told(text)
        return tuple(self._model.get_prompt(self._tokenizer, told, without_timestamps=not timestamps))

    def prefix(self, text: str) -> tuple[int, ...]:
        """The tokens of what a transcript begins with."""
        return tuple(self._plain(text, spaced=self._spaced)[-self._room :])

    def _told(self, text: str) -> list[int]:
        tokens = self._plain(text)
        if len(tokens) > self._room:
            whole, comma, _ = self._tokenizer.decode(tokens[: self._room]).rpartition(",")
            tokens = self._plain(whole)[: self._room] if comma else tokens[: self._room]
        return tokens

    def _plain(self, text: str, *, spaced: bool = True) -> list[int]:
        """A text's tokens; what spells a command of the model's is left out."""
        text = f" {text.strip()}" if spaced else text.strip()
        tokens = [token for token in self._tokenizer.encode(text) if token < self._tokenizer.eot]
        return tokens if self._tokenizer.decode(tokens).strip() else []

    def decode(self, windows: Sequence[Window]) -> list[Decoded]:
        """Decode windows whose prompts are of one length: the model wants its start token at one place.

        Prefixes, where all have one, may be of any length. All go into the `room` of the first.

        Raises:
            RuntimeError: out of the library; which window is to blame is not known.
        """
        features = np.stack([_filled(window.features, windows[0].room) for window in windows])
        encoded = self._model.encode(features)
        speech_s = max(window.frames for window in windows) * FRAME_S
        best = self._beam(encoded, [[*window.prompt, *window.prefix] for window in windows], speech_s)
        for place, window in enumerate(windows):
            # What is given cannot be decoded otherwise: who has given it judges what comes after.
            if not window.prefix and is_bad(best[place], self._options):
                alone = encoded if len(windows) == 1 else self._model.encode(features[place])
                best[place] = self._again(alone, window, best[place])
        cut = [self._cut(window, found) for window, found in zip(windows, best, strict=True)]
        wanted = [place for place, window in enumerate(windows) if window.words and cut[place][0]]
        words = dict(zip(wanted, self._words(encoded, features, wanted, windows, cut), strict=True))
        return [
            Decoded(
                segments=tuple(
                    Segment(
                        text=self._tokenizer.decode(piece.tokens[len(window.prefix) :]).strip(),
                        start_s=window.offset_s + piece.start_s,
                        end_s=window.offset_s + piece.end_s,
                    )
                    for piece in cut[place][0]
                ),
                words=words.get(place, ()),
                frames=cut[place][1],
            )
            for place, window in enumerate(windows)
        ]

    def _beam(self, encoded: Any, prompts: list[list[int]], speech_s: float) -> list[Hypothesis]:
        return self._generate(encoded, prompts, speech_s, beam_size=self._options.beam_size)

    def _again(self, encoded: Any, window: Window, beam: Hypothesis) -> Hypothesis:
        """The first attempt that is well decoded, else the likeliest of those that make progress.

        A prompt that has nothing to do with what is said can lead astray: first, it is left out.
        """
        tried = [beam]
        unprompted = self.prompt("")
        if window.prompt != unprompted:
            tried += self._beam(encoded, [list(unprompted)], window.frames * FRAME_S)
            if not is_bad(tried[-1], self._options):
                return tried[-1]
        for temperature in TEMPERATURES:
            (found,) = self._generate(
                encoded,
                [list(unprompted)],
                window.frames * FRAME_S,
                beam_size=1,
                num_hypotheses=SAMPLES,
                sampling_topk=0,
                sampling_temperature=temperature,
            )
            if not is_bad(found, self._options):
                return found
            tried.append(found)
        return best_of(tried)

    def _generate(
        self, encoded: Any, prompts: list[list[int]], speech_s: float, **search: Any
    ) -> list[Hypothesis]:
        """One hypothesis a prompt, as long as `speech_s` of speech can be, unless it was really longer."""
        given, most = max(map(len, prompts)), self._model.max_length // 2
        room = given + TOKENS_BESIDES + round(self._tokens_per_s * speech_s)
        found = self._search(encoded, prompts, min(room, most), **search)
        cut = [each for each in found if len(each.tokens) >= room and each.compression <= MAX_COMPRESSION]
        if room < most and cut:
            found = self._search(encoded, prompts, most, **search)
            longest = max(
                (len(each.tokens) for each in found if each.compression <= MAX_COMPRESSION), default=0
            )
            self._tokens_per_s = max(self._tokens_per_s, 1.25 * longest / speech_s)
        return found

    def _search(self, encoded: Any, prompts: list[list[int]], room: int, **search: Any) -> list[Hypothesis]:
        results = self._model.model.generate(
            encoded,
            prompts,
            # The library takes half of it, and no more than it leaves behind what is given.
            max_length=max(2 * room, room + max(map(len, prompts))),
            return_scores=True,
            return_no_speech_prob=True,
            suppress_tokens=self._suppressed,
            max_initial_timestamp_index=round(MAX_INITIAL_TIMESTAMP_S / STEP_S),
            **search,
        )
        return [self._hypothesis(result) for result in results]

    def _hypothesis(self, result: Any) -> Hypothesis:
        tokens = result.sequences_ids[0]
        return Hypothesis(
            tokens=tokens,
            # The library's mean leaves out the end token.
            logprob=result.scores[0] * len(tokens) / (len(tokens) + 1),
            compression=get_compression_ratio(self._tokenizer.decode(tokens).strip()),
            no_speech=result.no_speech_prob,
        )

    def _cut(self, window: Window, found: Hypothesis) -> tuple[list[Piece], int]:
        if not is_speech(found, self._options):
            return [], window.frames
        all_pieces, done = pieces(found.tokens, first=self._tokenizer.timestamp_begin, frames=window.frames)
        said = [piece for piece in all_pieces if piece.start_s != piece.end_s]
        known = len(window.prefix)
        return [piece for piece in said if has_words(self._tokenizer.decode(piece.tokens[known:]))], done

    def _words(
        self,
        encoded: Any,
        features: Any,
        wanted: list[int],
        windows: Sequence[Window],
        cut: list[tuple[list[Piece], int]],
    ) -> list[tuple[Word, ...]]:
        if not wanted:
            return []
        aligned = self._model.find_alignment(
            self._tokenizer,
            [
                [token for piece in cut[place][0] for token in piece.tokens if token < self._tokenizer.eot]
                for place in wanted
            ],
            encoded if len(wanted) == len(windows) else self._model.encode(features[wanted]),
            [windows[place].frames for place in wanted],
        )
        aligned = [
            after(timings, len(windows[place].prefix)) for place, timings in zip(wanted, aligned, strict=True)
        ]
        for timings in aligned:
            merge_punctuations(timings, *_PUNCTUATIONS)
        return [
            tuple(
                Word(
                    text=timing["word"].strip(),
                    start_s=windows[place].offset_s + float(timing["start"]),
                    end_s=windows[place].offset_s + float(timing["end"]),
                    probability=float(timing["probability"]),
                )
                for timing in timings
                if timing["word"].strip()
            )
            for place, timings in zip(wanted, aligned, strict=True)
        ]


def _filled(features: Any, frames: int) -> Any:
    """Features with silence behind them: their own lowest value is what silence after speech comes to.

    Zeros, which the library fills up with, are a loud hiss: in a room of 15 s, 42 words of 100 of a telephone
    call in fragments of 3 s were misheard, and 17 with silence.
    """
    behind = frames - features.shape[1]
    return np.pad(features, ((0, 0), (0, behind)), constant_values=features.min())
