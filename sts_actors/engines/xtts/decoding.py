"""Codes of many texts in one batch, each as if it were alone: upstream decodes one text at a time.

A prompt is a voice's conditioning latents and its text's embeddings. Prompts of different lengths share a
batch by padding on the left, and a mask hides the padding; XTTS adds positions to the inputs alone, so the
cached keys and values carry none and may be shifted and trimmed. Each item counts its own positions, is
penalised for its own codes and draws its own random numbers. An item that ends leaves the batch at once,
and another takes its place.

The GPT's last hidden state of each step is what the vocoder takes: upstream's second pass over the finished
codes computes the same again.
"""

from collections.abc import Iterable
from typing import Any

import attrs

from sts_actors.engines.xtts.sampling import Sampling, choose, noise

PADDING_ID = 1
"""The id that upstream puts in the place of a prompt: its penalty on repetition counts it as seen."""


@attrs.define(eq=False)
class Item:
    """One text on its way.

    Attributes:
        prompt: conditioning latents and text embeddings, `(positions, channels)`.
        seed: of its random numbers.
        codes: what was decoded so far; the last one is the stop code where it ended by itself.
        latents: the vocoder's input, a `(channels,)` for each code.
        cut_off: it came to the longest that the model can.
    """

    prompt: Any = attrs.field(repr=False)
    seed: int = 0
    codes: list[int] = attrs.field(factory=list, init=False)
    latents: list[Any] = attrs.field(factory=list, init=False, repr=False)
    cut_off: bool = attrs.field(default=False, init=False)
    _noise: Any = attrs.field(default=None, init=False, repr=False)


class Decoding:
    """A batch under way; `gpt` is upstream's, in evaluation mode. Not thread-safe."""

    def __init__(self, gpt: Any, sampling: Sampling, *, most: int = 16) -> None:
        """`most` items are decoded at once; more wait."""
        import torch  # noqa: PLC0415 - heavy, and only where the engine runs
        from transformers import DynamicCache  # noqa: PLC0415

        self._torch = torch
        self._new_cache = DynamicCache
        self._gpt = gpt
        self._sampling = sampling
        self._most = most
        self._waiting: list[Item] = []
        self._running: list[Item] = []
        self._cache: Any = None
        self._mask: Any = None
        self._seen: Any = None

    @property
    def running(self) -> int:
        """How many items the next step decodes, but for those that wait."""
        return len(self._running)

    @property
    def columns(self) -> int:
        """How many positions the cache holds for each running item."""
        return 0 if self._cache is None else int(self._cache.get_seq_length())

    def join(self, items: Iterable[Item]) -> None:
        """Let items take part from the next step on, as soon as there is room."""
        self._waiting.extend(items)

    def decode(self, items: Iterable[Item]) -> None:
        """Decode `items` to their ends."""
        self.join(items)
        while self._waiting or self._running:
            self.step()

    def step(self) -> list[Item]:
        """One code more for each running item, and the first for those that find room; who ended with it."""
        with self._torch.inference_mode():
            ended = self._advance() if self._running else []
            room = self._most - len(self._running)
            if room > 0 and self._waiting:
                newcomers, self._waiting = self._waiting[:room], self._waiting[room:]
                ended += self._admit(newcomers)
            return ended

    def _advance(self) -> list[Item]:
        torch, gpt = self._torch, self._gpt
        codes = torch.tensor([item.codes[-1] for item in self._running], device=self._mask.device)
        positions = torch.tensor([len(item.codes) for item in self._running], device=self._mask.device)
        inputs = gpt.mel_embedding(codes) + gpt.mel_pos_embedding.emb(positions)
        self._mask = torch.cat([self._mask, self._mask.new_ones(len(self._running), 1)], dim=1)
        hidden = self._forward(inputs[:, None], self._mask, self._cache)
        self._choose(self._running, hidden, self._seen)
        return self._let_go()

    def _admit(self, newcomers: list[Item]) -> list[Item]:
        """Run the newcomers' prompts, decode their first codes, and put them beside those under way."""
        torch, gpt = self._torch, self._gpt
        prompts = [item.prompt for item in newcomers]
        device, steps = prompts[0].device, gpt.max_gen_mel_tokens
        start = gpt.mel_embedding(torch.tensor([gpt.start_audio_token], device=device))
        start = start + gpt.mel_pos_embedding.emb(torch.tensor([0], device=device))
        longest = max(prompt.shape[0] for prompt in prompts) + 1
        inputs = start.new_zeros(len(prompts), longest, start.shape[-1])
        mask = torch.zeros(len(prompts), longest, dtype=torch.long, device=device)
        for row, prompt in enumerate(prompts):
            inputs[row, longest - 1 - prompt.shape[0] : -1] = prompt
            inputs[row, -1:] = start
            mask[row, longest - 1 - prompt.shape[0] :] = 1
        cache = self._new_cache()
        hidden = self._forward(inputs, mask, cache)
        seen = torch.zeros(len(prompts), gpt.num_audio_tokens, dtype=torch.bool, device=device)
        seen[:, [PADDING_ID, gpt.start_audio_token]] = True
        for item in newcomers:
            if not self._sampling.greedy:
                item._noise = noise(torch, (steps, gpt.num_audio_tokens), item.seed, device)  # noqa: SLF001
        self._choose(newcomers, hidden, seen)
        if self._running:
            width = max(mask.shape[1], self._mask.shape[1])
            self._mask = torch.cat([_widen(torch, self._mask, width, 1), _widen(torch, mask, width, 1)])
            for old, new in zip(self._cache.layers, cache.layers, strict=True):
                for name in ("keys", "values"):
                    pair = [_widen(torch, getattr(layer, name), width, 2) for layer in (old, new)]
                    setattr(old, name, torch.cat(pair))
            self._seen = torch.cat([self._seen, seen])
        else:
            self._mask, self._cache, self._seen = mask, cache, seen
        self._running += newcomers
        return self._let_go()

    def _forward(self, inputs: Any, mask: Any, cache: Any) -> Any:
        out = self._gpt.gpt(inputs_embeds=inputs, attention_mask=mask, past_key_values=cache, use_cache=True)
        return self._gpt.final_norm(out.last_hidden_state[:, -1])

    def _choose(self, items: list[Item], hidden: Any, seen: Any) -> None:
        torch = self._torch
        drawn = None
        if not self._sampling.greedy:
            drawn = torch.stack([item._noise[len(item.codes)] for item in items])  # noqa: SLF001
        codes = choose(torch, self._gpt.mel_head(hidden), seen, drawn, self._sampling)
        seen.scatter_(1, codes[:, None], True)  # noqa: FBT003 - the value to scatter
        for item, code, latent in zip(items, codes.tolist(), hidden.float(), strict=True):
            item.codes.append(code)
            item.latents.append(latent)

    def _let_go(self) -> list[Item]:
        """Take the rows of items that have ended out of the batch, and then the columns that nobody needs."""
        torch, gpt = self._torch, self._gpt
        ended = []
        for item in self._running:
            stopped = item.codes[-1] == gpt.stop_audio_token
            if stopped or len(item.codes) >= gpt.max_gen_mel_tokens:
                item.cut_off = not stopped
                item._noise = None  # noqa: SLF001
                ended.append(item)
        if not ended:
            return ended
        stay = [row for row, item in enumerate(self._running) if item not in ended]
        self._running = [self._running[row] for row in stay]
        if not stay:
            self._cache = self._mask = self._seen = None
            return ended
        rows = torch.tensor(stay, device=self._mask.device)
        mask = self._mask[rows]
        dead = int(mask.any(dim=0).long().argmax())
        self._mask, self._seen = mask[:, dead:], self._seen[rows]
        for layer in self._cache.layers:
            layer.keys, layer.values = layer.keys[rows, :, dead:], layer.values[rows, :, dead:]
        return ended


def _widen(torch: Any, tensor: Any, width: int, dim: int) -> Any:
    """`tensor` with zeros before it along `dim`, so that it is `width` long there."""
    missing = width - tensor.shape[dim]
    if not missing:
        return tensor
    shape = list(tensor.shape)
    shape[dim] = missing
    return torch.cat([tensor.new_zeros(shape), tensor], dim=dim)
