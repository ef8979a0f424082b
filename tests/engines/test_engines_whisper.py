"""Whisper base on real speech and on what is none: alone, in batches, and where memory does not suffice."""

import jiwer
import numpy as np
import pytest
from speech_samples import SPOKEN, plain, spoken_fragments

from sts_actors.engines import whisper
from sts_actors.engines.assets import join, known_assets
from sts_actors.engines.ports import RecogniseRequest

pytestmark = pytest.mark.models
LONG = ", ".join(f"Sydney Carton the {number}th" for number in range(150))
"""More than a prompt takes."""


@pytest.fixture(scope="module")
def folder():
    return join(known_assets()["whisper-base"])


@pytest.fixture(scope="module")
def recogniser(folder):
    return whisper.load(folder, "cpu", "int8", 2)


@pytest.fixture(scope="module")
def spoken():
    """Fragments of both recordings: eight of the first, two of the second."""
    return [
        RecogniseRequest(pcm=pcm, language="en")
        for name in ("two_cities", "beckett")
        for pcm in spoken_fragments(name)
    ]


@pytest.fixture(scope="module")
def singles(recogniser, spoken):
    """What is heard of each fragment alone."""
    return [recogniser.run([request])[0] for request in spoken]


def one(recogniser, pcm, **fields):
    (heard,) = recogniser.run([RecogniseRequest(pcm=pcm, language="en", **fields)])
    return heard


def in_batches(recogniser, requests, size):
    for start in range(0, len(requests), size):
        yield from recogniser.run(requests[start : start + size])


@pytest.mark.parametrize("size", [2, 4, 8])
def test_a_batch_hears_exactly_what_each_of_its_fragments_is_heard_to_say_alone(
    recogniser, spoken, singles, size
):
    assert list(in_batches(recogniser, spoken, size)) == singles


def test_three_words_of_a_hundred_at_most_are_misheard_in_six_second_fragments(singles):
    heard = " ".join(recognition.text for recognition in singles[:8])
    assert jiwer.wer(plain(SPOKEN), plain(heard)) <= 0.026


def test_two_words_of_a_hundred_at_most_are_misheard_of_more_than_thirty_seconds(recogniser, spoken):
    whole = np.concatenate([request.pcm for request in spoken[:8]])
    heard = one(recogniser, whole)
    assert jiwer.wer(plain(SPOKEN), plain(heard.text)) <= 0.018
    assert heard.segments[-1].end_s > 30


def test_beckett_is_heard_word_for_word_across_a_cut(singles):
    said = "Ever tried. Ever failed. No matter. Try again. Fail again. Fail better."
    assert jiwer.wer(plain(said), plain(" ".join(heard.text for heard in singles[8:]))) <= 0.1


def test_prompts_of_different_streams_stay_apart_in_a_batch(recogniser, spoken):
    # Names that the model would spell otherwise, in prompts of different lengths.
    prompts = ["", "wisdome, foolishnesse", "incredulitie", "", "wisdome, foolishnesse", LONG]
    requests = [
        RecogniseRequest(pcm=request.pcm, language="en", prompt=prompt)
        for request, prompt in zip(spoken, prompts, strict=False)
    ]
    alone = [recogniser.run([request])[0] for request in requests]
    assert recogniser.run(requests) == alone
    assert recogniser.run(requests[::-1]) == alone[::-1]


def test_a_prompt_changes_how_a_word_is_spelt(recogniser, spoken):
    assert "Foolishnesse" in one(recogniser, spoken[1].pcm, prompt="the age of Foolishnesse, Beliefe").text


def test_a_prompt_that_leads_astray_is_left_out(recogniser, spoken, singles):
    assert one(recogniser, spoken[1].pcm, prompt="x" * 3000).text == singles[1].text
