"""Voices as the model takes them: computed once for each recording, and kept on disk.

The name of a kept file holds what it was computed from: the recording's hash, and that of the weights and
settings that listened to it. Whatever changes, changes the name.
"""

import hashlib
import logging
import os
import tempfile
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from sts_actors.audio.pcm import downmix
from sts_actors.audio.wav import read_wav
from sts_actors.engines.ports import VoiceReference
from sts_actors.errors import EngineError, ErrorCode, ServiceError

log = logging.getLogger(__name__)

KEPT_IN_MEMORY = 256
"""Voices; each takes some 130 kB."""


@attrs.frozen(eq=False)
class Voice:
    """`latents` condition the GPT, `(1, positions, channels)`; `speaker` the vocoder, `(1, channels, 1)`."""

    latents: Any = attrs.field(repr=False)
    speaker: Any = attrs.field(repr=False)


class Voices:
    """The voices of a loaded model: those that came with it, and those of recordings."""

    def __init__(self, model: Any, cache: Path) -> None:
        import torch  # noqa: PLC0415 - heavy, and only where the engine runs

        self._torch = torch
        self._model = model
        self._cache = cache
        self._fingerprint = fingerprint(model)
        self._known: OrderedDict[str, Voice] = OrderedDict()
        self.computed = 0
        """Recordings that were listened to: neither memory nor disk had them."""
        manager = model.speaker_manager
        self._built_in: dict[str, Any] = {} if manager is None else dict(manager.speakers)

    @property
    def built_in(self) -> tuple[str, ...]:
        """The names of the voices that came with the model."""
        return tuple(self._built_in)

    def get(self, name: str, reference: VoiceReference | None) -> Voice:
        """The voice of a recording, or the built-in one of this name.

        Raises:
            EngineError: `SYNTHESIS_FAILED`: the recording cannot be read any more, or there is no such voice.
        """
        if reference is None:
            if name not in self._built_in:
                raise EngineError(ErrorCode.SYNTHESIS_FAILED, f"the model has no voice {name!r}")
            given = self._built_in[name]
            return self._placed(given["gpt_cond_latent"], given["speaker_embedding"])
        if reference.sha256 not in self._known:
            self._known[reference.sha256] = self._read(reference.sha256) or self._listen(reference)
            while len(self._known) > KEPT_IN_MEMORY:
                self._known.popitem(last=False)
        self._known.move_to_end(reference.sha256)
        return self._known[reference.sha256]

    def _placed(self, latents: Any, speaker: Any) -> Voice:
        place = {"device": self._model.device, "dtype": self._torch.float32}
        as_tensor = self._torch.as_tensor
        return Voice(as_tensor(latents).to(**place), as_tensor(speaker).to(**place))

    def _listen(self, reference: VoiceReference) -> Voice:
        its = self._model.config
        try:
            samples, rate = read_wav(reference.path.read_bytes())
            samples = downmix(samples)
        except (OSError, ServiceError) as error:
            raise EngineError(
                ErrorCode.SYNTHESIS_FAILED, f"the voice's recording {reference.path.name} is gone: {error}"
            ) from None
        if its.sound_norm_refs and samples.size:
            samples = samples / max(float(np.abs(samples).max()), 1e-6) * 0.75
        audio = self._torch.from_numpy(np.ascontiguousarray(samples))[None]
        latents = self._model.get_gpt_cond_latents(
            audio.to(self._model.device),
            rate,
            length=min(its.gpt_cond_len, its.max_ref_len),
            chunk_length=its.gpt_cond_chunk_len,
        )
        speaker = self._model.get_speaker_embedding(audio[:, : rate * its.max_ref_len], rate)
        self.computed += 1
        voice = self._placed(latents, speaker)
        self._keep(reference.sha256, voice)
        return voice

    def _path(self, sha256: str) -> Path:
        return self._cache / f"{self._fingerprint[:16]}-{sha256[:32]}.npz"

    def _read(self, sha256: str) -> Voice | None:
        try:
            # Opened here: numpy leaves a broken file open.
            with self._path(sha256).open("rb") as file, np.load(file, allow_pickle=False) as kept:
                return self._placed(kept["latents"], kept["speaker"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            log.warning("a kept voice is broken and is computed again: %s", error)
            return None

    def _keep(self, sha256: str, voice: Voice) -> None:
        path = self._path(sha256)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix=".", suffix=".npz", dir=path.parent)
            try:
                with os.fdopen(handle, "wb") as file:
                    np.savez(
                        file,
                        allow_pickle=False,
                        latents=voice.latents.cpu().numpy(),
                        speaker=voice.speaker.cpu().numpy(),
                    )
                Path(name).replace(path)
            finally:
                Path(name).unlink(missing_ok=True)
        except OSError as error:
            log.warning("a voice cannot be kept for the next start: %s", error)


def fingerprint(model: Any) -> str:
    """SHA-256 of all that makes a voice of a recording: weights that listen, and how much they listen to."""
    its = model.config
    heard = (its.gpt_cond_len, its.gpt_cond_chunk_len, its.max_ref_len, its.sound_norm_refs)
    digest = hashlib.sha256(repr(heard).encode())
    parts = {
        "encoder": model.gpt.conditioning_encoder,
        "perceiver": getattr(model.gpt, "conditioning_perceiver", None),
        "speaker": model.hifigan_decoder.speaker_encoder,
    }
    for name, part in parts.items():
        for key, tensor in () if part is None else part.state_dict().items():
            digest.update(f"{name}.{key}".encode())
            digest.update(tensor.detach().float().cpu().numpy().tobytes())
    digest.update(model.mel_stats.cpu().numpy().tobytes())
    return digest.hexdigest()
