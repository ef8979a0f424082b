"""Recognition with Whisper through faster-whisper (CTranslate2)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sts_actors.engines.faults import as_engine_error
from sts_actors.engines.ports import RECOGNISER_RATE_HZ, EngineInfo, RecogniseRequest, Recognition
from sts_actors.errors import EngineError, ErrorCode
from sts_actors.messages import Word

BEAM_SIZE = 5
MAX_NO_SPEECH = 0.6
MIN_LOGPROB = -1.0
"""A segment that is both likely no speech and badly decoded is a hallucination: Whisper's own thresholds."""
MIN_PEAK = 10 ** (-60 / 20)
"""Quieter than -60 dBFS throughout is silence, whatever a model would make of it."""


class Whisper:
    """A loaded Whisper model; `run` serves one request after the other."""

    def __init__(self, folder: Path, *, device: str, compute_type: str, threads: int) -> None:
        from faster_whisper import WhisperModel  # noqa: PLC0415 - heavy, and only where the engine runs

        self._model: Any = WhisperModel(
            str(folder), device=device, compute_type=compute_type, cpu_threads=threads, local_files_only=True
        )
        self._warm_up()
        self.info = EngineInfo(
            name=f"whisper {folder.name}",
            licence="MIT",
            languages=tuple(sorted(self._model.supported_languages)),
        )

    def _warm_up(self) -> None:
        """Load the voice detector and plan the kernels now: the first fragment should not pay for them."""
        noise = np.random.default_rng(0).normal(0, 0.01, RECOGNISER_RATE_HZ).astype(np.float32)
        for detect in (True, False):
            segments, _ = self._model.transcribe(noise, language="en", beam_size=BEAM_SIZE, vad_filter=detect)
            list(segments)

    def run(self, batch: Sequence[RecogniseRequest]) -> list[Recognition | EngineError]:
        """Recognise each request; one that fails fails alone, as `ASR_FAILED` or `GPU_OOM`."""
        return [self._one(request) for request in batch]

    def _one(self, request: RecogniseRequest) -> Recognition | EngineError:
        try:
            if not request.pcm.size or float(np.abs(request.pcm).max()) < MIN_PEAK:
                return Recognition(text="", language=request.language)
            segments, _ = self._model.transcribe(
                request.pcm,
                language=request.language,
                beam_size=BEAM_SIZE,
                vad_filter=True,
                condition_on_previous_text=False,
                initial_prompt=request.prompt or None,
                word_timestamps=request.words,
            )
            # Decoding happens here, while the generator is drained.
            kept = [segment for segment in segments if _is_speech(segment)]
        except (RuntimeError, ValueError, MemoryError) as error:
            return as_engine_error(error, ErrorCode.ASR_FAILED, "recognition")
        return Recognition(
            text=" ".join(segment.text.strip() for segment in kept),
            language=request.language,
            words=tuple(
                Word(text=word.word.strip(), start_s=float(word.start), end_s=float(word.end))
                for segment in kept
                for word in segment.words or ()
            ),
        )


def _is_speech(segment: Any) -> bool:
    return not (segment.no_speech_prob > MAX_NO_SPEECH and segment.avg_logprob < MIN_LOGPROB)


def load(folder: Path, device: str, compute_type: str, threads: int) -> Whisper:
    """Load the model in `folder`; for a worker process."""
    return Whisper(folder, device=device, compute_type=compute_type, threads=threads)
