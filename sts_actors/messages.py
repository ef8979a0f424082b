"""What travels down the line. Frozen, keyword-only, units in the names.

A fragment enters as `Submission` (still encoded), is decoded into `Fragment`, becomes `Transcript`,
`Translation` and `Speech`, or at any stage `FragmentFailed`, and leaves as one of the last two.
Times are seconds of `trio.current_time()` unless the name says otherwise.
"""

from collections.abc import Mapping
from enum import StrEnum

import attrs
import numpy as np
from numpy.typing import NDArray

from sts_actors.errors import ErrorCode, Stage

Samples = NDArray[np.float32]

TAIL = -2
"""The index of what is left of a stream after its last fragment."""

ORIGINAL_AUDIO = "original_audio"
"""The warning of an answer without a dub, whose sound is the fragment's own."""


class Container(StrEnum):
    """How audio bytes are laid out; the first four are what a worker may ask for."""

    PCM_S16LE = "pcm_s16le"
    PCM_F32LE = "pcm_f32le"
    WAV = "wav"
    M4A = "m4a"
    ADTS = "adts"


@attrs.frozen(kw_only=True)
class AudioFormat:
    """The layout of a piece of encoded audio."""

    container: Container
    sample_rate_hz: int
    channels: int


@attrs.frozen(kw_only=True)
class FragmentHeader:
    """Who a fragment is, when it came and until when its answer is worth anything."""

    stream_id: str
    fragment_id: str
    sequence_number: int
    """The client's number; echoed."""
    index: int
    """Ours: gapless from 0 in the order of admission."""
    duration_ms: int
    """Declared by the client until the session has decoded the audio; exact from then on."""
    received: float
    deadline: float
    traceparent: str = ""
    """The trace that it belongs to, as W3C writes it; empty for none."""


@attrs.frozen(kw_only=True)
class Submission:
    """An admitted fragment as it came, still encoded; `label` is what the client calls it."""

    header: FragmentHeader
    data: bytes = attrs.field(repr=False)
    label: AudioFormat


@attrs.frozen(kw_only=True)
class Fragment:
    """A decoded fragment: mono samples in -1 … 1, shape `(frames,)`.

    `answer` is the layout that the dub goes back in; it has the same rate as `sample_rate_hz`.
    """

    header: FragmentHeader
    pcm: Samples = attrs.field(repr=False, eq=False)
    sample_rate_hz: int
    answer: AudioFormat


@attrs.frozen(kw_only=True)
class Word:
    """A recognised word; times are seconds from the fragment's start, below 0 where it was carried over.

    `probability` is how sure of it the recogniser is, 0 … 1.
    """

    text: str
    start_s: float
    end_s: float
    probability: float = 1.0


@attrs.frozen(kw_only=True)
class Transcript:
    """What was said in a fragment; an empty text is silence or music, not a failure.

    With carried seams, what a fragment says is what was decided with it: words cut by its end come with the
    next one. The transcript whose header's index is `TAIL` holds what was left when the stream ended; it has
    no frames, and its words are timed from the last fragment's end.
    """

    header: FragmentHeader
    frames: int
    """The fragment's length in samples at `answer.sample_rate_hz`: what the dub must last."""
    source: Samples = attrs.field(factory=lambda: np.zeros(0, np.float32), repr=False, eq=False)
    """The fragment itself, mono, `(frames,)`."""
    answer: AudioFormat
    text: str = attrs.field(repr=False)
    words: tuple[Word, ...] = attrs.field(default=(), repr=False)
    language: str
    asr_s: float
    alone: bool = False
    """It belongs before what has been heard already (sent again, or late): it is dubbed by itself."""
    last: bool = False
    """The stream is known to end with it."""


@attrs.frozen(kw_only=True)
class Utterance:
    """What is spoken in one go, `source` translated; times as those of a `Word`."""

    source: str = attrs.field(repr=False)
    text: str = attrs.field(repr=False)
    start_s: float
    end_s: float


@attrs.frozen(kw_only=True)
class Translation:
    """A transcript's text in the target language: as a whole, and by utterance, in order."""

    transcript: Transcript
    text: str = attrs.field(repr=False)
    utterances: tuple[Utterance, ...] = attrs.field(default=(), repr=False)
    target_language: str = ""
    billed_characters: int
    translation_s: float

    @property
    def header(self) -> FragmentHeader:
        """The fragment's."""
        return self.transcript.header


@attrs.frozen(kw_only=True)
class Speech:
    """The dub of a fragment: mono, exactly as long as the fragment, at the fragment's rate.

    `raw_duration_ms` is the synthesis before fitting, `speed_ratio` = target ÷ raw, and
    `variance` the share of the target by which it was still too long after fitting.
    """

    translation: Translation
    pcm: Samples = attrs.field(repr=False, eq=False)
    sample_rate_hz: int
    raw_duration_ms: int
    speed_ratio: float
    tempo: float
    variance: float
    partial: bool
    warnings: tuple[str, ...] = ()
    tts_s: float
    lag_ms: int = 0
    """How long after its source the dub of what was said last ends."""
    fallback: "FragmentFailed | None" = attrs.field(default=None, repr=False)
    """Why the original is heard instead of a dub, where it is."""
    checked: int = 0
    """How often speech for it was listened to again; `defective` times something was wrong with it."""
    defective: int = 0

    @property
    def header(self) -> FragmentHeader:
        """The fragment's."""
        return self.translation.header

    @property
    def target_language(self) -> str:
        """The one that is spoken."""
        return self.translation.target_language

    @property
    def outcome(self) -> str:
        """What it counts as: `success`, or `partial` where some of the dub is missing, or all of it."""
        return "partial" if self.partial or self.fallback is not None else "success"


@attrs.frozen(kw_only=True)
class FragmentFailed:
    """A fragment that will not be dubbed, and why; passed on untouched by every later stage."""

    header: FragmentHeader
    stage: Stage
    code: ErrorCode
    message: str
    retryable: bool
    target_language: str = ""
    """The language that failed; empty where all have."""
    source: Samples | None = attrs.field(default=None, repr=False, eq=False)
    """The fragment's own sound, mono, where it could be read; `answer` is the layout it goes back in."""
    answer: AudioFormat | None = None
    transcript: Transcript | None = attrs.field(default=None, repr=False)
    translation: Translation | None = attrs.field(default=None, repr=False)

    @property
    def outcome(self) -> str:
        """What it counts as."""
        return "failed"


Result = Speech | FragmentFailed
"""What becomes of a fragment in one language."""

Results = tuple[Result, ...]
"""What leaves the line, once for each admitted fragment: a result for each target language, in order."""


@attrs.frozen(kw_only=True)
class StreamSummary:
    """What a stream has done."""

    stream_id: str
    success_count: int
    partial_count: int
    failed_count: int
    total_duration_ms: int
    avg_processing_time_ms: float
    p95_processing_time_ms: float

    @property
    def total_fragments(self) -> int:
        """All that were admitted and answered."""
        return self.success_count + self.partial_count + self.failed_count


class SeamPolicy(StrEnum):
    """What is done with the words that a fragment's end cuts."""

    CARRY = "carry"
    """They are decided with the next fragment, whose recognition hears what was before it."""
    FIXED = "fixed"
    """Each fragment is recognised by itself."""


@attrs.frozen(kw_only=True)
class Bed:
    """The original underneath the dub: at full level, and by `level_db` (below 0) softer where anyone speaks.

    `ramp_ms`: how long it takes to go down, and to come up again.
    """

    level_db: float = -18.0
    ramp_ms: int = 200


@attrs.frozen(kw_only=True)
class StreamConfig:
    """What a stream was opened with. Languages are normalised tags, lower case (`en`, `pt-br`).

    `further_targets`: languages that it is dubbed into besides `target_language`. `voice_by_language` goes
    before `voice`. `verify`: the share of fragments whose dub is listened to again, 0 … 1.
    """

    stream_id: str
    source_language: str
    target_language: str
    further_targets: tuple[str, ...] = ()
    voice_by_language: Mapping[str, str] = attrs.field(factory=dict)
    seam: SeamPolicy = SeamPolicy.FIXED
    bed: Bed | None = None
    verify: float = 0.0
    voice: str | None = None
    formality: str | None = None
    domain_hints: tuple[str, ...] = attrs.field(default=(), repr=False)
    chunk_duration_ms: int = 6000
    label: AudioFormat
    """How the client says it will encode its audio; the answers use it."""
    max_inflight: int = 3
    timeout_ms: int = 8000

    @property
    def targets(self) -> tuple[str, ...]:
        """All target languages, the first one first."""
        return (self.target_language, *self.further_targets)

    @property
    def answer_languages(self) -> tuple[str, ...]:
        """What tells a fragment's answers apart: their languages; nothing, "", where there is one of them."""
        return self.targets if self.further_targets else ("",)


def primary_language(tag: str) -> str:
    """The language of a tag without region or script: `pt-br` → `pt`."""
    return tag.replace("_", "-").split("-", 1)[0].lower()
