"""From scores to the next code of each item: every item with its own past and its own random numbers."""

from typing import Any

import attrs


@attrs.frozen(kw_only=True)
class Sampling:
    """How codes are drawn: a checkpoint's own values, or greedily.

    `temperature`, `top_k` and `top_p` count where codes are drawn at random; the penalty on codes that an
    item already has counts always.
    """

    greedy: bool = False
    temperature: float = 0.75
    top_k: int = 50
    top_p: float = 0.85
    repetition_penalty: float = 10.0


def noise(torch: Any, shape: tuple[int, int], seed: int, device: Any) -> Any:
    """An item's random numbers, `(steps, codes)`: what it draws is its own, whoever shares its batch."""
    generator = torch.Generator(device=device).manual_seed(seed)
    return torch.empty(shape, device=device).exponential_(generator=generator)


def choose(torch: Any, scores: Any, seen: Any, drawn: Any, sampling: Sampling) -> Any:
    """The next code of each item, `(items,)`.

    Args:
        torch: the library.
        scores: of each code, `(items, codes)`.
        seen: which codes each item has had, of the same shape.
        drawn: a row of each item's `noise`; not looked at where the choice is greedy.
        sampling: how to choose.
    """
    scores = scores.float()
    penalty = sampling.repetition_penalty
    scores = torch.where(seen, torch.where(scores < 0, scores * penalty, scores / penalty), scores)
    if sampling.greedy:
        return scores.argmax(dim=-1)
    scores = _likely(torch, scores / sampling.temperature, sampling)
    # The smallest of exponential times with these rates is a draw from these probabilities.
    return (scores.softmax(dim=-1) / drawn).argmax(dim=-1)


def _likely(torch: Any, scores: Any, sampling: Sampling) -> Any:
    if sampling.top_k > 0:
        least = scores.topk(min(sampling.top_k, scores.shape[-1])).values[:, -1:]
        scores = scores.masked_fill(scores < least, -torch.inf)
    if sampling.top_p < 1:
        ordered, order = scores.sort(descending=True)
        before = ordered.softmax(dim=-1).cumsum(dim=-1) - ordered.softmax(dim=-1)
        unlikely = torch.zeros_like(scores, dtype=torch.bool).scatter(1, order, before >= sampling.top_p)
        scores = scores.masked_fill(unlikely, -torch.inf)
    return scores
