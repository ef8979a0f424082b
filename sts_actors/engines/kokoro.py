"""Synthesis with Kokoro-82M through kokoro-onnx."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sts_actors.engines.faults import as_engine_error
from sts_actors.engines.ports import EngineInfo, SynthesisedAudio, SynthesiseRequest
from sts_actors.errors import EngineError, ErrorCode

RATE_HZ = 24_000
SPEED_RANGE = (0.8, 1.3)
"""Where a round trip through recognition still gives the words back."""
LANGUAGES = {"en": "en-us", "pt": "pt-br", "es": "es", "fr": "fr-fr", "it": "it"}
"""Language codes to those of the phonemizer."""
PREFERRED_VOICES = {
    "en": ("af_heart", "jm_kumo"),
    "pt": ("pf_dora", "jm_kumo"),
    "es": ("ef_dora", "jm_kumo"),
    "fr": ("ff_siwis", "jm_kumo"),
    "it": ("if_sara", "jm_kumo"),
}
"""The first that is installed speaks for a language; `jm_kumo` comes with the model, and has an accent."""
_VOICE_LANGUAGES = {
    "a": "en",
    "b": "en",
    "e": "es",
    "f": "fr",
    "h": "hi",
    "i": "it",
    "j": "",
    "p": "pt",
    "z": "zh",
}
"""By the first letter of a voice's name; the Japanese ones stand in for any."""


class Kokoro:
    """A loaded Kokoro model with its voices."""

    def __init__(self, model: Path, voices: Path, *, threads: int) -> None:
        import onnxruntime  # noqa: PLC0415 - heavy, and only where the engine runs
        from kokoro_onnx import Kokoro as Model  # noqa: PLC0415 - idem

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        self._model: Any = Model.from_session(session, str(voices))
        names = sorted(self._model.voices.keys())
        self.info = EngineInfo(
            name="kokoro",
            licence="Apache-2.0 (weights), GPL-3.0 (phonemizer)",
            languages=tuple(LANGUAGES),
            voices={name: voice_language(name) for name in names},
            default_voices={
                language: next(name for name in (*wanted, *names) if name in names)
                for language, wanted in PREFERRED_VOICES.items()
            },
            speed_range=SPEED_RANGE,
        )

        self._warm_up()

    def _warm_up(self) -> None:
        """Load the phonemizer and grow the session's memory now, with a sentence of a fragment's length."""
        voice = self.info.default_voices["pt"]
        sentence = "uma frase que dura quase tanto quanto um fragmento inteiro de uma transmissão"
        self._model.create(sentence, voice=voice, lang=LANGUAGES["pt"])

    def run(self, batch: Sequence[SynthesiseRequest]) -> list[SynthesisedAudio | EngineError]:
        """Speak each text; one that fails fails alone, as `SYNTHESIS_FAILED`."""
        return [self._one(request) for request in batch]

    def _one(self, request: SynthesiseRequest) -> SynthesisedAudio | EngineError:
        language = LANGUAGES.get(request.language)
        if language is None:
            return EngineError(ErrorCode.SYNTHESIS_FAILED, f"kokoro does not speak {request.language}")
        if not any(character.isalnum() for character in request.text):
            # Punctuation alone has no sound.
            return SynthesisedAudio(pcm=np.zeros(0, np.float32), sample_rate_hz=RATE_HZ)
        voice = request.voice or self.info.default_voices[request.language]
        slowest, fastest = SPEED_RANGE
        try:
            samples, rate = self._model.create(
                request.text, voice=voice, speed=min(max(request.speed, slowest), fastest), lang=language
            )
        except (RuntimeError, ValueError, KeyError, MemoryError) as error:
            return as_engine_error(error, ErrorCode.SYNTHESIS_FAILED, "synthesis")
        pcm = np.asarray(samples, np.float32)
        if not np.isfinite(pcm).all():
            return EngineError(ErrorCode.SYNTHESIS_FAILED, "synthesis gave no usable sound")
        return SynthesisedAudio(pcm=np.clip(pcm, -1, 1), sample_rate_hz=int(rate))


def voice_language(name: str) -> str:
    """The language of a voice; "" for one that stands in for any."""
    return _VOICE_LANGUAGES.get(name[:1], "")


def load(model: Path, voices: Path, threads: int) -> Kokoro:
    """Load the model; for a worker process."""
    return Kokoro(model, voices, threads=threads)
