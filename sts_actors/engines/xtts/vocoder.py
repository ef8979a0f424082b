"""From latents to sound, each item by itself: a vocoder fed a padded batch leaves noise on the shorter."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from sts_actors.messages import Samples

SETTLED = 8
"""So many latents from the end of what is known, sound no longer changes when more come: the vocoder looks
some five ahead (its convolutions and the two interpolations before them)."""


def vocode(model: Any, latents: Sequence[Any], speaker: Any, speed: float) -> Samples:
    """Mono samples at the model's rate; `speed` stretches the latents, which keeps the pitch."""
    import torch  # noqa: PLC0415 - heavy, and only where the engine runs

    with torch.inference_mode():
        stacked = torch.stack(list(latents))[None]
        if speed != 1:
            stacked = torch.nn.functional.interpolate(
                stacked.transpose(1, 2), scale_factor=1 / speed, mode="linear"
            ).transpose(1, 2)
        sound = model.hifigan_decoder(stacked, g=speaker)
        samples: Samples = sound.flatten().float().cpu().numpy().astype(np.float32, copy=False)
        return samples


class GrowingSound:
    """The sound of latents that are still coming: what has settled comes out, once."""

    def __init__(self, model: Any, speaker: Any, speed: float) -> None:
        self._model = model
        self._speaker = speaker
        self._speed = speed
        self._given = 0

    def grow(self, latents: Sequence[Any], *, ended: bool) -> Iterator[Samples]:
        """What is new and settled in the sound of `latents`, all so far; everything once they ended."""
        if not ended and len(latents) <= SETTLED:
            return
        sound = vocode(self._model, latents, self._speaker, self._speed)
        settled = len(sound) if ended else len(sound) * (len(latents) - SETTLED) // len(latents)
        if settled > self._given:
            yield sound[self._given : settled]
            self._given = settled
