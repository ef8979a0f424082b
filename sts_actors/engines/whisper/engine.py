"""Recognition with Whisper through faster-whisper (CTranslate2), several fragments in one call."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from sts_actors.engines import memory
from sts_actors.engines.faults import as_engine_error, is_out_of_memory
from sts_actors.engines.ports import RECOGNISER_RATE_HZ, EngineInfo, RecogniseRequest, Recognition, Segment
from sts_actors.engines.whisper.cublas import open_cublas
from sts_actors.engines.whisper.options import WhisperOptions
from sts_actors.errors import ConfigError, EngineError, ErrorCode
from sts_actors.messages import Word

_FAULTS = (RuntimeError, ValueError, MemoryError)
"""What the libraries raise for one call; anything else is a fault of ours."""


@attrs.define(eq=False)
class _Fragment:
    """One request on its way: decoded window by window until its features are used up."""

    request: RecogniseRequest
    speech: Any = None
    features: Any = None
    prompt: tuple[int, ...] = ()
    prefix: tuple[int, ...] = ()
    voice: tuple[tuple[float, float], ...] = ()
    done: int = 0
    segments: list[Segment] = attrs.field(factory=list)
    words: list[Word] = attrs.field(factory=list)
    error: EngineError | None = None

    @property
    def is_open(self) -> bool:
        return self.error is None and self.features is not None and self.done < self.features.shape[1]

    def fail(self, error: Exception) -> None:
        self.error = as_engine_error(error.with_traceback(None), ErrorCode.ASR_FAILED, "recognition")

    def answer(self) -> Recognition | EngineError:
        if self.error is not None:
            return self.error
        return Recognition(
            text=" ".join(segment.text for segment in self.segments),
            language=self.request.language,
            segments=tuple(self.segments),
            words=tuple(self.words),
            voice=self.voice,
        )


class Whisper:
    """A loaded Whisper model; `run` serves several requests at once."""

    def __init__(
        self, folder: Path, *, device: str, compute_type: str, threads: int, options: WhisperOptions
    ) -> None:
        from faster_whisper import WhisperModel  # noqa: PLC0415 - heavy, and only where the engine runs

        from sts_actors.engines.whisper import decoding, speech  # noqa: PLC0415 - idem

        self._decoding, self._speech = decoding, speech
        self._options = options
        if device != "cpu":
            open_cublas()
        try:
            self._model: Any = WhisperModel(
                str(folder),
                device=device,
                compute_type=compute_type,
                cpu_threads=threads,
                local_files_only=True,
            )
        except Exception as error:  # the libraries raise what they like, bare exceptions among it
            told = (
                f"cannot load {folder} on {device} as {compute_type}: {error}; set ASR_MODEL_SIZE to another "
                "model, or ASR_DEVICE and ASR_COMPUTE_TYPE to what this machine has"
            )
            # Memory may be there at the next try.
            raise (RuntimeError if is_out_of_memory(error) else ConfigError)(told) from error
        self._decoders: dict[str, decoding.Decoder] = {}
        self.info = EngineInfo(
            name=f"whisper {folder.name}",
            licence="MIT",
            languages=tuple(sorted(self._model.supported_languages)),
        )
        self._warm_up()

    def _warm_up(self) -> None:
        """Load the voice detector and plan the kernels now: the first fragment should not pay for them."""
        noise = np.random.default_rng(0).normal(0, 0.01, RECOGNISER_RATE_HZ).astype(np.float32)
        self._speech.find_speech(noise, detect=True)
        fragment = _Fragment(RecogniseRequest(pcm=noise, language="en"))
        self._open(fragment, self._speech.Speech(noise), self._decoder("en"))
        self._decode([fragment])

    def run(self, batch: Sequence[RecogniseRequest]) -> list[Recognition | EngineError]:
        """Recognise the requests together; one that fails fails alone, as `ASR_FAILED` or `GPU_OOM`.

        Each is heard as it would be alone. Where memory does not suffice for all, halves are tried.
        """
        fragments = [_Fragment(request) for request in batch]
        for fragment in fragments:
            try:
                decoder = self._decoder(fragment.request.language)
                speech = self._listen(fragment)
                if speech is not None:
                    self._open(fragment, speech, decoder)
            except _FAULTS as error:
                fragment.fail(error)
        while unfinished := [fragment for fragment in fragments if fragment.is_open]:
            for together in self._alike(unfinished):
                self._advance(together)
        return [fragment.answer() for fragment in fragments]

    def _listen(self, fragment: _Fragment) -> Any:
        """What is to be decoded of a fragment, or None."""
        request, detect = fragment.request, self._options.vad
        if request.words or request.since_s:
            fragment.voice = self._speech.find_voice(request.pcm, detect=detect)
            if request.since_s and not any(end_s > request.since_s for _, end_s in fragment.voice):
                return None
        # What is given as the beginning has the pauses in it.
        return self._speech.find_speech(request.pcm, detect=detect and not request.prefix)

    def _open(self, fragment: _Fragment, speech: Any, decoder: Any) -> None:
        fragment.prefix = decoder.prefix(fragment.request.prefix)
        fragment.prompt = decoder.prompt(fragment.request.prompt, timestamps=not fragment.prefix)
        fragment.speech = speech
        # The last frame is the extractor's own padding.
        fragment.features = self._model.feature_extractor(speech.pcm)[:, :-1]

    def _decoder(self, language: str) -> Any:
        if language not in self._decoders:
            self._decoders[language] = self._decoding.Decoder(self._model, language, self._options)
        return self._decoders[language]

    def _alike(self, fragments: Sequence[_Fragment]) -> list[list[_Fragment]]:
        """Those that can be decoded in one call: of one language, with prompts of one kind, padded alike."""
        groups: dict[tuple[str, int, bool, int], list[_Fragment]] = {}
        for fragment in fragments:
            window = self._window(fragment)
            key = (fragment.request.language, len(window.prompt), bool(window.prefix), window.room)
            groups.setdefault(key, []).append(fragment)
        return list(groups.values())

    def _window(self, fragment: _Fragment) -> Any:
        extractor = self._model.feature_extractor
        return self._decoding.Window(
            features=fragment.features[:, fragment.done : fragment.done + extractor.nb_max_frames],
            offset_s=fragment.done * extractor.time_per_frame,
            prompt=fragment.prompt,
            prefix=fragment.prefix,
            words=fragment.request.words,
        )

    def _advance(self, fragments: list[_Fragment]) -> None:
        """Decode a window of each, or fail those that cannot be, whatever their neighbours are."""
        try:
            self._decode(fragments)
        except _FAULTS as error:
            failed = error
        else:
            return
        if is_out_of_memory(failed):
            # The frames of the failed call still hold its arrays.
            failed.with_traceback(None)
            memory.release()
        if len(fragments) == 1:
            fragments[0].fail(failed)
            return
        half = len(fragments) // 2
        self._advance(fragments[:half])
        self._advance(fragments[half:])

    def _decode(self, fragments: list[_Fragment]) -> None:
        windows = [self._window(fragment) for fragment in fragments]
        heard = self._decoder(fragments[0].request.language).decode(windows)
        for fragment, window in zip(fragments, heard, strict=True):
            fragment.done = fragment.features.shape[1] if fragment.prefix else fragment.done + window.frames
            for found, kept in ((window.segments, fragment.segments), (window.words, fragment.words)):
                for each in found:
                    start_s, end_s = fragment.speech.original(each.start_s, each.end_s)
                    kept.append(attrs.evolve(each, start_s=start_s, end_s=end_s))


def load(
    folder: Path, device: str, compute_type: str, threads: int, options: WhisperOptions | None = None
) -> Whisper:
    """Load the model in `folder`; for a worker process."""
    return Whisper(
        folder,
        device=device,
        compute_type=compute_type,
        threads=threads,
        options=options or WhisperOptions(),
    )
