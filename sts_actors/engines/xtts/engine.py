"""The XTTS engine: requests of many streams in one batch, long ones in pieces, each piece looked at."""

import zlib
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from sts_actors.engines import memory
from sts_actors.engines.faults import as_engine_error, is_out_of_memory
from sts_actors.engines.ports import EngineInfo, SynthesisedAudio, SynthesiseRequest, VoiceReference
from sts_actors.engines.speech_guard import defects
from sts_actors.engines.xtts.checkpoint import load_model, lower_precision
from sts_actors.engines.xtts.decoding import Decoding, Item
from sts_actors.engines.xtts.sampling import Sampling
from sts_actors.engines.xtts.text import character_limit, split_for, spoken_languages, tokens_of
from sts_actors.engines.xtts.vocoder import GrowingSound, vocode
from sts_actors.engines.xtts.voices import Voice, Voices
from sts_actors.errors import ConfigError, EngineError, ErrorCode
from sts_actors.messages import Samples

SPEED_RANGE = (0.9, 1.15)
"""Where stretched latents still sound like the speaker."""
LICENCE = "CPML (weights: non-commercial; the operator has to accept it), MPL-2.0 (code)"
CHUNK_CODES = 20
"""A stream's piece of sound: some 0.9 s."""


@attrs.frozen(kw_only=True)
class XttsOptions:
    """How the engine runs.

    Attributes:
        device: `cpu`, `cuda`, `cuda:1` …
        compute_type: of the decoder's numbers: `float32`, `float16`, `bfloat16`; the vocoder's are float32.
        threads: on a CPU.
        most_items: pieces of text decoded at once.
        temperature: 0 chooses the likeliest code each time.
        seed: equal seeds speak an equal request alike.
        guard: look at what comes out.
    """

    device: str = "cpu"
    compute_type: str = "float32"
    threads: int = 2
    most_items: int = 16
    temperature: float = 0.75
    seed: int = 0
    guard: bool = True


@attrs.define(eq=False)
class _Job:
    """A request under way: its voice, and an item for each piece of its text."""

    request: SynthesiseRequest
    voice: Voice
    items: list[Item]
    error: EngineError | None = None


class Xtts:
    """A loaded checkpoint with its voices. One thread at a time."""

    def __init__(
        self, folder: Path, cache: Path, options: XttsOptions, references: Sequence[VoiceReference] = ()
    ) -> None:
        """Load, listen to `references` (or find what is kept of them in `cache`), and warm up.

        Raises:
            ConfigError: the checkpoint, the device or a recording is of no use: one line with the remedy.
        """
        self._model: Any = load_model(folder, options.device)
        import torch  # noqa: PLC0415 - heavy, and only where the engine runs

        self._torch = torch
        if options.device == "cpu":
            torch.set_num_threads(options.threads)
        self._options = options
        its = self._model.config
        self._sampling = Sampling(
            greedy=options.temperature == 0,
            temperature=options.temperature or 1.0,
            top_k=its.top_k,
            top_p=its.top_p,
            repetition_penalty=float(its.repetition_penalty),
        )
        self.voices = Voices(self._model, cache)
        for reference in references:
            try:
                self.voices.get("", reference)
            except EngineError as error:
                raise ConfigError(
                    f"{reference.path}: {error.message}; mend it or take it out of the voices"
                ) from None
        lower_precision(self._model.gpt, getattr(torch, options.compute_type))
        self.rate_hz = int(self._model.args.output_sample_rate)
        languages = spoken_languages(its.languages, self._model.tokenizer.tokenizer.get_vocab())
        names = self.voices.built_in
        self.info = EngineInfo(
            name=f"xtts {folder.name}",
            licence=LICENCE,
            languages=languages,
            voices=dict.fromkeys(names, ""),
            default_voices=dict.fromkeys(languages, names[0]) if names else {},
            speed_range=SPEED_RANGE,
            clones=True,
        )
        self._warm_up()

    def run(self, batch: Sequence[SynthesiseRequest]) -> list[SynthesisedAudio | EngineError]:
        """Speak each request; one that fails fails alone, as `SYNTHESIS_FAILED` or `GPU_OOM`."""
        jobs = [self._prepare(request) for request in batch]
        self._decode([job for job in jobs if isinstance(job, _Job)])
        return [job if isinstance(job, EngineError) else self._finish(job) for job in jobs]

    def stream(self, request: SynthesiseRequest) -> Iterator[Samples]:
        """Speak one request in pieces as they are decoded; joined they are what `run` makes of it.

        Raises:
            EngineError: as `run` answers; what came before is good.
        """
        job = self._prepare(request)
        if isinstance(job, EngineError):
            raise job
        for item in job.items:
            sound = GrowingSound(self._model, job.voice.speaker, request.speed)
            decoding = Decoding(self._model.gpt, self._sampling)
            decoding.join([item])
            ended = False
            while not ended:
                ended = bool(decoding.step())
                if ended or len(item.codes) % CHUNK_CODES == 0:
                    yield from sound.grow(item.latents, ended=ended)

    def _prepare(self, request: SynthesiseRequest) -> _Job | EngineError:
        try:
            voice = self.voices.get(request.voice, request.reference)
            tokenizer, language = self._model.tokenizer, request.language
            pieces = split_for(
                request.text.strip().lower(),
                character_limit(tokenizer, language),
                lambda text: tokens_of(text, language, partial(tokenizer.encode, lang=language)),
                self._model.args.gpt_max_text_tokens - 1,
            )
            # So that what one request draws depends on nothing but itself.
            told = f"{self._options.seed} {request.attempt} {request.voice} {request.language} {request.text}"
            items = [
                Item(self._prompt(voice, tokens), seed=zlib.crc32(f"{number} {told}".encode()))
                for number, tokens in enumerate(pieces)
            ]
        except EngineError as error:
            return error
        except Exception as error:  # noqa: BLE001 - spelling a text out is upstream's, and it fails in many ways
            return as_engine_error(error, ErrorCode.SYNTHESIS_FAILED, "synthesis")
        if not items:
            return EngineError(ErrorCode.SYNTHESIS_FAILED, "there is nothing to say")
        return _Job(request, voice, items)

    def _prompt(self, voice: Voice, tokens: list[int]) -> Any:
        torch, gpt = self._torch, self._model.gpt
        with torch.inference_mode():
            ids = torch.tensor(
                [[gpt.start_text_token, *tokens, gpt.stop_text_token]], device=voice.latents.device
            )
            text = gpt.text_embedding(ids) + gpt.text_pos_embedding(ids)
            return torch.cat([voice.latents.to(text.dtype), text], dim=1)[0]

    def _decode(self, jobs: Sequence[_Job]) -> None:
        """Decode all items of `jobs`; a batch that is too large for the memory is halved."""
        if not jobs:
            return
        decoding = Decoding(self._model.gpt, self._sampling, most=self._options.most_items)
        try:
            decoding.decode([item for job in jobs for item in job.items])
        except Exception as failure:  # noqa: BLE001 - of one item or the device: the items are told
            smaller = is_out_of_memory(failure) and len(jobs) > 1
            error = None if smaller else as_engine_error(failure, ErrorCode.SYNTHESIS_FAILED, "synthesis")
        else:
            return
        del decoding
        memory.release()
        for job in jobs:
            job.error = error
            job.items = [Item(item.prompt, seed=item.seed) for item in job.items]
        if smaller:
            half = len(jobs) // 2
            self._decode(jobs[:half])
            self._decode(jobs[half:])

    def _finish(self, job: _Job) -> SynthesisedAudio | EngineError:
        if job.error is not None:
            return job.error
        request = job.request
        try:
            pieces = [
                vocode(self._model, item.latents, job.voice.speaker, request.speed) for item in job.items
            ]
        except Exception as error:  # noqa: BLE001 - the device's, whatever it is
            return as_engine_error(error, ErrorCode.SYNTHESIS_FAILED, "synthesis")
        pcm = np.concatenate(pieces)
        return SynthesisedAudio(pcm=pcm, sample_rate_hz=self.rate_hz, defects=self._look_at(job, pcm))

    def _look_at(self, job: _Job, pcm: Samples) -> tuple[str, ...]:
        if not self._options.guard:
            return ()
        its = job.request
        codes = [code for item in job.items for code in item.codes]
        found = defects(pcm, self.rate_hz, its.text, speed=its.speed, codes=codes)
        endless = ("it did not come to an end",) if any(item.cut_off for item in job.items) else ()
        return endless + found

    def _warm_up(self) -> None:
        """Plan the kernels now: the first fragment should not pay for them."""
        gpt, torch = self._model.gpt, self._torch
        like = gpt.mel_embedding.weight
        nobody = Voice(
            torch.zeros(1, 1, like.shape[1], device=like.device),
            torch.zeros(1, self._model.args.d_vector_dim, 1, device=like.device),
        )
        decoding = Decoding(gpt, self._sampling)
        item = Item(self._prompt(nobody, [0]))
        decoding.join([item])
        for _ in range(3):
            if decoding.step():
                break
        vocode(self._model, item.latents, nobody.speaker, 1.0)


def load(
    folder: Path, cache: Path, options: XttsOptions, references: tuple[VoiceReference, ...] = ()
) -> Xtts:
    """Load the checkpoint in `folder`; for a worker process."""
    return Xtts(folder, cache, options, references)
