"""Ports: what the line asks of an engine, and what an engine must be.

An **engine** is a synchronous object that serves batches; it lives where blocking is allowed (a worker
process, or for the fake engines the event loop's own process) and never sees Trio. The line holds an
**asker** for each port: an async callable that puts one request into the model's queue and waits for its
own answer. Everything here pickles, so that requests and answers can cross a pipe.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, TypeVar

import attrs

from sts_actors.errors import EngineError
from sts_actors.messages import Samples, Word

Q = TypeVar("Q")
A = TypeVar("A")
Q_contra = TypeVar("Q_contra", contravariant=True)
A_co = TypeVar("A_co", covariant=True)

RECOGNISER_RATE_HZ = 16_000
"""Every recogniser takes mono audio at this rate."""

MAX_PROMPT_CHARACTERS = 4096
"""More hints than any recogniser takes."""


@attrs.frozen(kw_only=True)
class EngineInfo:
    """What a loaded engine can do; asked for once, when it is ready.

    `pairs` lists `(source, target)` language codes (ISO 639-1, lower case), `languages` single ones;
    an empty tuple means that the engine sets no limit. `voices` maps a voice to its language
    ("" = any); `default_voices` a language to the voice used when the client names none.
    `speed_range` is the span of the synthesiser's own speed knob. One that `clones` speaks in the voice of
    any recording.
    """

    name: str
    licence: str = ""
    pairs: tuple[tuple[str, str], ...] = ()
    languages: tuple[str, ...] = ()
    voices: dict[str, str] = attrs.field(factory=dict)
    default_voices: dict[str, str] = attrs.field(factory=dict)
    speed_range: tuple[float, float] = (1.0, 1.0)
    clones: bool = False


@attrs.frozen(kw_only=True)
class RecogniseRequest:
    """Mono float32 samples, shape `(frames,)`, at `RECOGNISER_RATE_HZ`.

    `prefix` is what has been decided already of what `pcm` begins with: the answer holds what comes after it.
    Where no voice is heard after `since_s`, in seconds from the start, the answer is empty.
    """

    pcm: Samples = attrs.field(repr=False, eq=False)
    language: str
    prompt: str = attrs.field(default="", repr=False)
    prefix: str = attrs.field(default="", repr=False)
    since_s: float = 0.0
    words: bool = False


@attrs.frozen(kw_only=True)
class Segment:
    """What was said in one go; times are seconds from the fragment's start."""

    text: str = attrs.field(repr=False)
    start_s: float
    end_s: float


@attrs.frozen(kw_only=True)
class Recognition:
    """What was heard; `text` is empty for silence, noise and music.

    `words` are there where they were asked for, and so is `voice`: from when to when somebody is heard to
    speak, in seconds from the fragment's start, in order.
    """

    text: str = attrs.field(repr=False)
    language: str
    words: tuple[Word, ...] = attrs.field(default=(), repr=False)
    segments: tuple[Segment, ...] = attrs.field(default=(), repr=False)
    voice: tuple[tuple[float, float], ...] = attrs.field(default=(), repr=False)


@attrs.frozen(kw_only=True)
class TranslateRequest:
    """One text; `context` is what was said before it, in the source language, and is not translated.

    The languages are primary codes. `target_locale` is the target as the worker named it (`pt-BR`,
    `zh-Hant`), or "", for engines that tell regions apart. Where the text goes on with a sentence,
    `sentence_start` is that sentence's beginning and `spoken` what has been said of it in the target
    language: the answer is the rest alone. One that is to be `shorter` takes less time to say, as far as the
    engine can make it so.
    """

    text: str = attrs.field(repr=False)
    source_language: str
    target_language: str
    target_locale: str = ""
    context: str = attrs.field(default="", repr=False)
    sentence_start: str = attrs.field(default="", repr=False)
    spoken: str = attrs.field(default="", repr=False)
    shorter: bool = False
    formality: str | None = None


@attrs.frozen(kw_only=True)
class TranslatedText:
    """A translation and what it cost. One that `can_be_shorter` is worth asking for again as `shorter`."""

    text: str = attrs.field(repr=False)
    billed_characters: int = 0
    can_be_shorter: bool = False


@attrs.frozen
class VoiceReference:
    """A recording of the speaker, named by its content: `sha256` is that of the file's bytes, in hex."""

    path: Path
    sha256: str


@attrs.frozen(kw_only=True)
class SynthesiseRequest:
    """One text to speak; `speed` > 1 is faster, within the engine's `speed_range`.

    With a `reference`, which only an engine that clones is given, the voice is that of the recording and
    `voice` is its name. Equal requests sound alike; one with another `attempt` is drawn anew.
    """

    text: str = attrs.field(repr=False)
    language: str
    voice: str
    speed: float = 1.0
    reference: VoiceReference | None = None
    attempt: int = 0


@attrs.frozen(kw_only=True)
class SynthesisedAudio:
    """Mono float32 samples, shape `(frames,)`.

    `defects` says what is wrong with them, in a few words each, where the engine can tell: another `attempt`
    at the same request may come out better.
    """

    pcm: Samples = attrs.field(repr=False, eq=False)
    sample_rate_hz: int
    defects: tuple[str, ...] = ()


class Engine(Protocol[Q_contra, A_co]):
    """A loaded model. `run` answers each request with a value or an `EngineError`, in order.

    A bad item fails alone: `run` raises only where the whole batch is lost.
    """

    @property
    def info(self) -> EngineInfo:
        """What it can do."""

    def run(self, batch: Sequence[Q_contra]) -> Sequence[A_co | EngineError]:
        """Serve a batch; every item shares one language, unless the engine mixes them."""


class Asker(Protocol[Q_contra, A_co]):
    """The line's side of a port.

    Raises:
        ServiceError: the engine's own error for this request; `TIMEOUT` once `deadline` has passed;
            `MODEL_UNAVAILABLE` where the model died with the request in hand.
    """

    async def __call__(self, request: Q_contra, /, *, stream: str, deadline: float) -> A_co:
        """Ask for one inference on behalf of `stream`, worth having until `deadline` (Trio's clock)."""


Recogniser = Engine[RecogniseRequest, Recognition]
Translator = Engine[TranslateRequest, TranslatedText]
Synthesiser = Engine[SynthesiseRequest, SynthesisedAudio]
