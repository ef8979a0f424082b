"""Batches of XTTS: each item as if it were alone. The measure is upstream's own code, one text at a time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sts_actors.engines.xtts.decoding import Decoding, Item
from sts_actors.engines.xtts.sampling import Sampling, choose, noise
from sts_actors.engines.xtts.vocoder import vocode

TEXTS = [
    ("hello there.", "en"),
    ("one two three four five six", "en"),
    ("a", "en"),
    ("the quick brown fox jumps over the lazy dog and runs away", "en"),
    ("b c d", "es"),
    ("o que é isso aí, então?", "pt"),
    ("guten morgen, wie geht es dir heute", "de"),
    ("et voilà", "fr"),
]


@pytest.fixture(scope="module")
def alone(greedy):
    """What upstream makes of each text, greedily: latents and samples."""
    model = greedy._model
    voice = greedy.voices.get("Ana", None)
    found = []
    for text, language in TEXTS:
        said = model.inference(
            text,
            language,
            voice.latents,
            voice.speaker,
            do_sample=False,
            repetition_penalty=float(model.config.repetition_penalty),
        )
        found.append((said["gpt_latents"][0], said["wav"]))
    return found


def item(engine, number, seed=0):
    text, language = TEXTS[number]
    tokens = engine._model.tokenizer.encode(text.strip().lower(), lang=language)
    return Item(engine._prompt(engine.voices.get("Ana", None), tokens), seed=seed)


def decoding(engine, *, most=16, **sampling):
    penalty = float(engine._model.config.repetition_penalty)
    return Decoding(
        engine._model.gpt, Sampling(**{"greedy": True, "repetition_penalty": penalty} | sampling), most=most
    )


def assert_as_alone(done, expected):
    latents, _ = expected
    mine = np.stack([latent.numpy() for latent in done.latents])
    assert mine.shape == latents.shape
    assert np.abs(mine - latents).max() <= 1e-4


def test_a_batch_sounds_as_what_upstream_makes_of_each_text_alone(greedy, alone):
    items = [item(greedy, number) for number in range(len(TEXTS))]
    decoding(greedy).decode(items)
    assert len({len(done.codes) for done in items}) > 4
    for done, (_, sound) in zip(items, alone, strict=True):
        heard = vocode(greedy._model, done.latents, greedy.voices.get("Ana", None).speaker, 1.0)
        assert heard.shape == sound.shape
        assert np.abs(heard - sound).max() <= 1e-4


@pytest.mark.parametrize("boost", [1.0, 2.0, 3.0, 4.0, 6.0, 9.0])
@pytest.mark.parametrize("code", [0, 1])
def test_a_code_that_is_likely_is_penalised_from_when_upstream_does_it(greedy, monkeypatch, code, boost):
    import torch

    gpt = greedy._model.gpt
    likelier = gpt.mel_head.bias.detach().clone()
    likelier[code] += boost
    monkeypatch.setattr(gpt.mel_head.bias, "data", likelier)
    penalty = float(greedy._model.config.repetition_penalty)
    text, language = TEXTS[1]
    tokens = greedy._model.tokenizer.encode(text, lang=language)
    with torch.inference_mode():
        theirs = gpt.generate(
            cond_latents=greedy.voices.get("Ana", None).latents,
            text_inputs=torch.tensor([tokens]),
            do_sample=False,
            num_beams=1,
            repetition_penalty=penalty,
        )
    one = item(greedy, 1)
    decoding(greedy).decode([one])
    assert one.codes == theirs[0].tolist()


@settings(max_examples=25, deadline=None)
@given(
    numbers=st.lists(st.integers(0, len(TEXTS) - 1), min_size=1, max_size=10),
    most=st.integers(1, 10),
)
def test_each_item_of_a_batch_is_what_upstream_makes_of_it_alone(greedy, alone, numbers, most):
    items = [item(greedy, number) for number in numbers]
    decoding(greedy, most=most).decode(items)
    for done, number in zip(items, numbers, strict=True):
        assert_as_alone(done, alone[number])


@pytest.mark.parametrize("most", [1, 2, 3])
def test_no_more_items_are_decoded_at_once_than_memory_was_reckoned_for(greedy, most):
    batch = decoding(greedy, most=most)
    batch.join(item(greedy, number) for number in range(6))
    running, ended = [], []
    while len(ended) < 6:
        ended += batch.step()
        running.append(batch.running)
    assert max(running) == most


@settings(max_examples=30, deadline=None)
@given(joins=st.lists(st.tuples(st.integers(0, 30), st.integers(0, len(TEXTS) - 1)), min_size=2, max_size=10))
def test_an_item_that_joins_while_others_are_under_way_is_the_same_and_harms_none(greedy, alone, joins):
    batch = decoding(greedy)
    items = [(step, number, item(greedy, number)) for step, number in joins]
    ended = []
    for step in range(31):
        batch.join(one for at, _, one in items if at == step)
        ended += batch.step() if batch.running or any(at == step for at, _, _ in items) else []
    while batch.running:
        ended += batch.step()
    assert sorted(map(id, ended)) == sorted(id(one) for _, _, one in items)
    for _, number, one in items:
        assert_as_alone(one, alone[number])


def test_an_item_that_has_ended_leaves_the_batch_and_nobody_carries_its_columns(greedy, alone):
    batch = decoding(greedy)
    lengths = [len(latents) for latents, _ in alone]
    longest_prompt = max(range(len(TEXTS)), key=lambda number: item(greedy, number).prompt.shape[0])
    others = [number for number in range(len(TEXTS)) if lengths[number] > lengths[longest_prompt]]
    items = {number: item(greedy, number) for number in (longest_prompt, *others)}
    batch.join(items.values())
    running = []
    while True:
        ended = batch.step()
        running.append(batch.running)
        if items[longest_prompt] in ended:
            break
    widest = max(items[number].prompt.shape[0] for number in others)
    # The prompt, the start, and each code but the last.
    assert batch.columns == widest + len(running)
    assert batch.running == len(others)
    while batch.running:
        batch.step()
        running.append(batch.running)
    assert running == sorted(running, reverse=True)
    assert batch.columns == 0


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_what_an_item_draws_at_random_does_not_depend_on_its_company(greedy, seed):
    drawn = {"greedy": False, "temperature": 0.9, "top_k": 50, "top_p": 0.85}
    single = item(greedy, 3, seed)
    decoding(greedy, **drawn).decode([single])
    items = [item(greedy, number, 100 + number) for number in range(6)]
    shared = item(greedy, 3, seed)
    decoding(greedy, most=4, **drawn).decode([*items[:3], shared, *items[3:]])
    assert shared.codes == single.codes


def test_each_code_of_an_item_is_drawn_with_random_numbers_of_its_own(greedy, monkeypatch):
    rows = []

    def spy(torch, scores, seen, drawn, sampling):
        rows.extend(tuple(row.tolist()) for row in drawn)
        return choose(torch, scores, seen, drawn, sampling)

    monkeypatch.setattr("sts_actors.engines.xtts.decoding.choose", spy)
    items = [item(greedy, 1, 7), item(greedy, 3, 8)]
    decoding(greedy, greedy=False).decode(items)
    assert len(rows) == sum(len(one.codes) for one in items)
    assert len(set(rows)) == len(rows)


def test_another_seed_draws_other_codes(greedy):
    items = [item(greedy, 3, seed) for seed in range(4)]
    decoding(greedy, greedy=False, temperature=1.0).decode(items)
    assert len({tuple(one.codes) for one in items}) > 1


def test_an_item_without_an_end_is_cut_off_at_the_longest_that_the_model_can(greedy, monkeypatch):
    gpt = greedy._model.gpt
    monkeypatch.setattr(gpt, "stop_audio_token", -1)
    items = [item(greedy, 0), item(greedy, 1)]
    decoding(greedy).decode(items)
    assert [len(one.codes) for one in items] == [gpt.max_gen_mel_tokens] * 2
    assert all(one.cut_off for one in items)


def test_an_item_that_comes_to_its_end_is_not_cut_off(greedy):
    one = item(greedy, 0)
    decoding(greedy).decode([one])
    assert not one.cut_off
    assert one.codes[-1] == greedy._model.gpt.stop_audio_token


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    temperature=st.floats(0.3, 1.5),
    top_k=st.integers(1, 80),
    top_p=st.floats(0.1, 1.0),
    penalty=st.floats(1.0, 10.0),
    lowered=st.sampled_from([0.0, 8.0]),
)
def test_codes_are_drawn_from_what_transformers_itself_leaves_standing(
    seed, temperature, top_k, top_p, penalty, lowered
):
    import torch
    from transformers import (
        LogitsProcessorList,
        RepetitionPenaltyLogitsProcessor,
        TemperatureLogitsWarper,
        TopKLogitsWarper,
        TopPLogitsWarper,
    )

    generator = torch.Generator().manual_seed(seed)
    scores = 3 * torch.randn(3, 60, generator=generator) - lowered
    past = torch.randint(0, 60, (3, 8), generator=generator)
    theirs = LogitsProcessorList(
        [
            RepetitionPenaltyLogitsProcessor(penalty),
            TemperatureLogitsWarper(temperature),
            TopKLogitsWarper(top_k),
            TopPLogitsWarper(top_p),
        ]
    )(past, scores.clone())
    seen = torch.zeros(3, 60, dtype=torch.bool).scatter(1, past, True)
    sampling = Sampling(temperature=temperature, top_k=top_k, top_p=top_p, repetition_penalty=penalty)
    for attempt in range(8):
        drawn = noise(torch, (3, 60), seed + attempt, "cpu")
        codes = choose(torch, scores, seen, drawn, sampling)
        # As `torch.multinomial` would: the same probabilities against the same noise.
        assert codes.tolist() == (theirs.softmax(-1) / drawn).argmax(-1).tolist()


def test_draws_follow_the_probabilities():
    import torch

    scores = torch.tensor([[0.0, 1.0, 2.0, 3.0]])
    seen = torch.zeros_like(scores, dtype=torch.bool)
    drawn = noise(torch, (20_000, 4), 7, "cpu")
    codes = choose(
        torch, scores.expand(20_000, 4), seen.expand(20_000, 4), drawn, Sampling(temperature=1.0, top_p=1.0)
    )
    shares = torch.bincount(codes, minlength=4) / 20_000
    assert torch.allclose(shares, scores.softmax(-1)[0], atol=0.015)
