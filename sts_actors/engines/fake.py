"""Engines that only pretend: deterministic, quick, without models. For load tests, CI and demos.

What they recognise comes from the audio, what they speak says what it was made from: a fragment that got the
wrong neighbour's text or voice shows at once (see `marks`).
"""

import re
import zlib
from collections.abc import Sequence

import numpy as np

from sts_actors.engines.marks import MARK_S, mark, read_mark
from sts_actors.engines.ports import (
    RECOGNISER_RATE_HZ,
    EngineInfo,
    RecogniseRequest,
    Recognition,
    SynthesisedAudio,
    SynthesiseRequest,
    TranslatedText,
    TranslateRequest,
    VoiceReference,
)
from sts_actors.messages import Samples, Word

RATE_HZ = 16_000
SPEED_RANGE = (0.8, 1.3)
WORDS_PER_S = 2.5
CHARACTERS_PER_S = 14.0
_SILENCE = 10 ** (-60 / 20)
_VOCABULARY = [
    "river",
    "mountain",
    "window",
    "garden",
    "letter",
    "bridge",
    "winter",
    "summer",
    "morning",
    "evening",
    "paper",
    "stone",
    "music",
    "silver",
    "market",
    "island",
    "forest",
    "harbour",
    "candle",
    "village",
]
_MARKED = re.compile(r"stream (\d+) fragment (\d+)")


class FakeRecogniser:
    """Hears `stream 3 fragment 17` in marked audio, words drawn from its loudness in any other."""

    info = EngineInfo(name="fake recogniser")

    def run(self, batch: Sequence[RecogniseRequest]) -> list[Recognition]:
        """Recognise each request."""
        return [self._one(request) for request in batch]

    @staticmethod
    def _one(request: RecogniseRequest) -> Recognition:
        words = hear(request.pcm)
        length_s = request.pcm.shape[0] / RECOGNISER_RATE_HZ
        if not words or request.since_s >= length_s:
            return Recognition(text="", language=request.language)
        step_s = length_s / len(words)
        # Of what is given already, each word takes the place of one that would be heard there.
        known = len(request.prefix.split())
        timed = tuple(
            Word(text=word, start_s=index * step_s, end_s=(index + 1) * step_s)
            for index, word in enumerate(words)
            if index >= known
        )
        return Recognition(
            text=" ".join(word.text for word in timed),
            language=request.language,
            words=timed if request.words else (),
            voice=((0.0, length_s),) if request.words else (),
        )


def hear(pcm: Samples) -> list[str]:
    """The words of mono samples at `RECOGNISER_RATE_HZ`; none in silence."""
    if not pcm.size or float(np.abs(pcm).max()) < _SILENCE:
        return []
    marked = read_mark(pcm, RECOGNISER_RATE_HZ)
    if marked is not None:
        return f"stream {marked[0]} fragment {marked[1]}".split()
    frames = round(RECOGNISER_RATE_HZ / WORDS_PER_S)
    starts = range(0, max(pcm.shape[0] - frames + 1, 1), frames)
    # Coarse steps of loudness: what encoding and resampling change does not change the words.
    levels = [int(np.log2(float(np.abs(pcm[start : start + frames]).mean()) + 1e-6) * 2) for start in starts]
    return [
        _VOCABULARY[zlib.crc32(f"{index} {level}".encode()) % len(_VOCABULARY)]
        for index, level in enumerate(levels)
    ]


class FakeTranslator:
    """Puts the target language before the text."""

    info = EngineInfo(name="fake translator")

    def run(self, batch: Sequence[TranslateRequest]) -> list[TranslatedText]:
        """Translate each request."""
        return [
            TranslatedText(
                text=f"{request.target_language}: {request.text}", billed_characters=len(request.text)
            )
            for request in batch
        ]


class FakeSynthesiser:
    """Speaks in tones: a mark where the text names one, pitched by the words where not.

    In the voice of a recording the pitch is the recording's: of all that is no mark, and after a mark.
    """

    info = EngineInfo(
        name="fake synthesiser",
        voices={"tone": ""},
        speed_range=SPEED_RANGE,
        clones=True,
    )

    def run(self, batch: Sequence[SynthesiseRequest]) -> list[SynthesisedAudio]:
        """Speak each request, for as long as a voice would take."""
        return [self._one(request) for request in batch]

    @staticmethod
    def _one(request: SynthesiseRequest) -> SynthesisedAudio:
        seconds = max(len(request.text) / CHARACTERS_PER_S / request.speed, MARK_S)
        named = _MARKED.search(request.text)
        reference = request.reference
        hz = 200 + zlib.crc32(request.text.encode()) % 400 if reference is None else voice_hz(reference)
        times = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
        pcm = (0.3 * np.sin(2 * np.pi * hz * times)).astype(np.float32)
        if named is not None:
            marked = mark(int(named[1]), int(named[2]), sample_rate_hz=RATE_HZ, duration_s=seconds)
            after = round(MARK_S * RATE_HZ) if reference is not None else pcm.size
            pcm[:after] = marked[:after]
        return SynthesisedAudio(pcm=pcm, sample_rate_hz=RATE_HZ)


def voice_hz(reference: VoiceReference) -> int:
    """The pitch of a cloned voice: one of 64, by the recording's content."""
    return 300 + 25 * (int(reference.sha256[:8], 16) % 64)
