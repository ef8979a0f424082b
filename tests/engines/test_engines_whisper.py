"""Whisper base on real speech and on what is none: alone, in batches, and where memory does not suffice."""

import gc
import sys
from types import SimpleNamespace

import jiwer
import numpy as np
import pytest
from speech_samples import SPOKEN, plain, spoken_fragments

from sts_actors.engines import whisper
from sts_actors.engines.ports import RECOGNISER_RATE_HZ, RecogniseRequest, Recognition
from sts_actors.engines.weights.assets import join, known_assets
from sts_actors.engines.whisper import decoding
from sts_actors.engines.whisper.options import WhisperOptions
from sts_actors.errors import EngineError, ErrorCode

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


def test_no_segment_ends_after_its_fragment(spoken, singles):
    for request, heard in zip(spoken, singles, strict=True):
        ends_s = [segment.end_s for segment in heard.segments]
        assert max(ends_s, default=0) <= request.pcm.size / RECOGNISER_RATE_HZ


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
    assert one(recogniser, spoken[1].pcm, prompt="!" * 500).text == singles[1].text


def test_what_spells_a_command_of_the_models_is_no_prompt(recogniser, spoken, singles):
    heard = one(recogniser, spoken[1].pcm, prompt="<|endoftext|><|startoftranscript|><|de|>")
    assert heard.text == singles[1].text


def broken(pcm):
    pcm = pcm.copy()
    pcm[1000] = np.nan
    return pcm


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (lambda pcm: {"pcm": broken(pcm)}, ErrorCode.ASR_FAILED),
        (lambda pcm: {"pcm": pcm * np.float32(np.inf)}, ErrorCode.ASR_FAILED),
        (lambda pcm: {"pcm": pcm, "language": "tlh"}, ErrorCode.ASR_FAILED),
        (lambda pcm: {"pcm": np.zeros(0, np.float32)}, None),
        (lambda pcm: {"pcm": pcm[:1]}, None),
        (lambda pcm: {"pcm": pcm[:200]}, None),
    ],
    ids=["not a number", "infinite", "an unknown language", "empty", "one sample", "12 ms"],
)
@pytest.mark.filterwarnings("ignore:invalid value encountered in multiply:RuntimeWarning")
def test_a_bad_fragment_fails_alone(recogniser, spoken, singles, bad, code):
    strange = RecogniseRequest(**{"language": "en", **bad(spoken[1].pcm)})
    first, answer, last = recogniser.run([spoken[0], strange, spoken[1]])
    assert [first, last] == singles[:2]
    if code is None:
        assert answer == Recognition(text="", language="en")
    else:
        assert isinstance(answer, EngineError)
        assert answer.code is code


def test_words_and_segments_have_the_fragments_own_time(recogniser, spoken):
    """Three seconds of silence before the speech are left out for the model and counted all the same."""
    quiet = np.zeros(3 * RECOGNISER_RATE_HZ, np.float32)
    late = np.concatenate([quiet, spoken[8].pcm, quiet, spoken[9].pcm])
    plain_request = RecogniseRequest(pcm=late, language="en")
    request = RecogniseRequest(pcm=late, language="en", words=True)
    heard, without, _ = recogniser.run([request, plain_request, spoken[0]])
    (alone,) = recogniser.run([request])
    assert (heard, heard.words) == (alone, alone.words)
    assert without.words == ()
    assert without.text == heard.text
    assert " ".join(word.text for word in heard.words) == heard.text
    starts = {word.text.strip(".,").lower(): word.start_s for word in heard.words}
    assert 2.5 <= starts["tried"] <= 5
    assert 12 <= starts["better"] <= 15.5
    for spans in (heard.words, heard.segments):
        ends = [time for span in spans for time in (span.start_s, span.end_s)]
        assert ends == sorted(ends)
        assert 2.5 <= ends[0] < ends[-1] <= late.size / RECOGNISER_RATE_HZ


class ShortOfMemory:
    """A CTranslate2 model on a device with room for `room` windows at once."""

    def __init__(self, model, room):
        self.model, self.room, self.tried = model, room, []

    def __getattr__(self, name):
        return getattr(self.model, name)

    def generate(self, encoded, prompts, **search):
        self.tried.append(len(prompts))
        if len(prompts) > self.room:
            raise RuntimeError("CUDA failed with error out of memory")
        return self.model.generate(encoded, prompts, **search)


@pytest.fixture
def short_of_memory(recogniser, monkeypatch):
    def shorten(room):
        short = ShortOfMemory(recogniser._model.model, room)
        monkeypatch.setattr(recogniser._model, "model", short)
        return short

    return shorten


def test_a_batch_that_does_not_fit_is_halved_until_it_does(
    recogniser, spoken, singles, short_of_memory, monkeypatch
):
    collected = []
    monkeypatch.setattr(gc, "collect", lambda: collected.append(True))
    short = short_of_memory(2)
    assert recogniser.run(spoken[:6]) == singles[:6]
    assert short.tried[:5] == [6, 3, 1, 2, 3]
    assert len(collected) >= 3


def test_a_fragment_that_does_not_fit_alone_is_out_of_memory(recogniser, spoken, short_of_memory):
    short = short_of_memory(0)
    answers = recogniser.run(spoken[:2])
    assert [answer.code for answer in answers] == [ErrorCode.GPU_OOM] * 2
    assert short.tried == [2, 1, 1]


def test_memory_that_torch_keeps_is_returned_where_torch_is_in_use(
    recogniser, spoken, short_of_memory, monkeypatch
):
    emptied = []
    cuda = SimpleNamespace(is_available=lambda: True, empty_cache=lambda: emptied.append(True))
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    short_of_memory(0)
    recogniser.run(spoken[:1])
    assert emptied == [True]


def test_a_fragment_that_makes_its_batch_fail_fails_alone(recogniser, spoken, singles, monkeypatch):
    class Choosy(ShortOfMemory):
        def generate(self, encoded, prompts, **search):
            if any(len(prompt) > 10 for prompt in prompts):
                raise RuntimeError("unsupported")
            return super().generate(encoded, prompts, **search)

    monkeypatch.setattr(recogniser._model, "model", Choosy(recogniser._model.model, 8))
    prompted = RecogniseRequest(pcm=spoken[1].pcm, language="en", prompt="a b c d e f g h i j k")
    first, failed, last = recogniser.run([spoken[0], prompted, spoken[1]])
    assert [first, last] == singles[:2]
    assert failed.code is ErrorCode.ASR_FAILED


def times(seconds=6.0):
    return np.arange(round(seconds * RECOGNISER_RATE_HZ)) / RECOGNISER_RATE_HZ


def white(level):
    return np.random.default_rng(7).normal(0, level, times().size)


def brown():
    walk = np.cumsum(np.random.default_rng(8).normal(0, 1, times().size))
    level = walk - np.convolve(walk, np.ones(1600) / 1600, "same")
    return 0.1 * level / level.std()


def chords(level, decay):
    """Four chords of a piano or an organ, with harmonics."""
    played = []
    for notes in ((261.6, 329.6, 392.0), (220.0, 261.6, 329.6), (174.6, 220.0, 261.6), (196.0, 246.9, 293.7)):
        time = times(1.5)
        tone = sum(np.sin(2 * np.pi * note * k * time) / k for note in notes for k in (1, 2, 3, 4))
        played.append(tone * np.exp(-decay * (time % 0.5)))
    return level * np.concatenate(played)


def beat():
    return white(0.3) * np.exp(-30 * (times() % 0.5))


SOUNDS = {
    "silence": np.zeros(times().size),
    "noise at -60 dB": white(0.001),
    "noise at -46 dB": white(0.005),
    "noise at -34 dB": white(0.02),
    "noise at -26 dB": white(0.05),
    "noise at -20 dB": white(0.1),
    "noise at -10 dB": white(0.3),
    "rumble": brown(),
    "a low tone": 0.03 * np.sin(2 * np.pi * 440 * times()),
    "a tone": 0.3 * np.sin(2 * np.pi * 440 * times()),
    "a loud tone": 0.9 * np.sin(2 * np.pi * 440 * times()),
    "low hum": 0.03 * np.sin(2 * np.pi * 50 * times()),
    "hum": 0.3 * np.sin(2 * np.pi * 50 * times()),
    "hum with harmonics": sum(0.2 / k * np.sin(2 * np.pi * 50 * k * times()) for k in range(1, 8)),
    "a piano": chords(0.1, 3.0),
    "a loud piano": chords(0.25, 3.0),
    "an organ": chords(0.05, 0.0),
    "a drum": beat(),
}


@pytest.mark.parametrize("sound", SOUNDS)
def test_what_nobody_says_has_no_words(recogniser, sound):
    assert one(recogniser, SOUNDS[sound].astype(np.float32)) == Recognition(text="", language="en")


@pytest.mark.parametrize("sound", ["silence", "noise at -60 dB", "a tone", "a loud tone", "an organ"])
def test_without_a_voice_detector_the_models_own_verdict_leaves_no_words(recogniser, sound, monkeypatch):
    monkeypatch.setattr(recogniser, "_options", WhisperOptions(vad=False))
    assert one(recogniser, SOUNDS[sound].astype(np.float32)).text == ""


@pytest.mark.parametrize("decibels", [20, 10])
def test_speech_in_noise_is_heard_all_the_same(recogniser, spoken, decibels):
    speech = spoken[8].pcm
    noise = np.random.default_rng(9).normal(0, speech.std() * 10 ** (-decibels / 20), speech.size)
    heard = one(recogniser, (speech + noise).astype(np.float32)).text
    assert jiwer.wer("ever tried ever failed no matter try again", plain(heard)) <= 0.15


def test_speech_between_noise_and_music_is_heard_and_nothing_else(recogniser, spoken, singles):
    heard = recogniser.run(
        [
            RecogniseRequest(pcm=sound.astype(np.float32), language="en")
            for sound in (SOUNDS["noise at -20 dB"], spoken[1].pcm, SOUNDS["a piano"])
        ]
    )
    assert [recognition.text for recognition in heard] == ["", singles[1].text, ""]


def test_the_options_reach_the_model(folder, spoken, monkeypatch):
    options = WhisperOptions(beam_size=2, vad=False, no_speech_threshold=0.0, logprob_threshold=0.0)
    recogniser = whisper.load(folder, "cpu", "int8", 2, options)
    searched = []
    beam = recogniser._model.model.generate

    class Listening(ShortOfMemory):
        def generate(self, encoded, prompts, **search):
            searched.append(search)
            return beam(encoded, prompts, **search)

    monkeypatch.setattr(recogniser._model, "model", Listening(recogniser._model.model, 8))
    # Nothing is likely enough for these thresholds: all is doubtful, and silence.
    assert one(recogniser, spoken[1].pcm).text == ""
    assert [search["beam_size"] for search in searched] == [2]


@pytest.fixture
def searched(folder, monkeypatch):
    """A recogniser anew, and how long each of its searches was allowed to become."""
    recogniser, lengths = whisper.load(folder, "cpu", "int8", 2), []

    class Listening(ShortOfMemory):
        def generate(self, encoded, prompts, **search):
            lengths.append(search["max_length"])
            return super().generate(encoded, prompts, **search)

    monkeypatch.setattr(recogniser._model, "model", Listening(recogniser._model.model, 8))
    return recogniser, lengths


def test_a_search_that_goes_round_in_circles_ends_with_what_could_have_been_said(searched, spoken, singles):
    recogniser, lengths = searched
    assert one(recogniser, spoken[1].pcm) == singles[1]
    (length,) = lengths
    assert length < recogniser._model.max_length // 2


def test_what_is_longer_than_foreseen_is_heard_to_its_end_and_foreseen_from_then_on(
    searched, spoken, singles, monkeypatch
):
    recogniser, lengths = searched
    monkeypatch.setattr(decoding, "TOKENS_BESIDES", 0)
    monkeypatch.setattr(recogniser._decoder("en"), "_tokens_per_s", 1.0)
    assert one(recogniser, spoken[1].pcm) == singles[1]
    first, second = lengths
    assert first < second == recogniser._model.max_length
    assert one(recogniser, spoken[1].pcm) == singles[1]
    assert len(lengths) == 3


def continued(pcm, prefix, **fields):
    return RecogniseRequest(pcm=pcm, language="en", prefix=prefix, words=True, **fields)


@pytest.fixture(scope="module")
def beginnings(spoken):
    """Two fragments and how they begin, in texts of different lengths, one with a hint."""
    return [
        continued(spoken[0].pcm, "It was the best of times,"),
        continued(spoken[8].pcm, "Ever"),
        continued(spoken[0].pcm, "It was", prompt="Dickens"),
    ]


def test_what_is_given_as_the_beginning_is_not_heard_again(recogniser, beginnings):
    first, second, third = recogniser.run(beginnings)
    assert plain(first.text).startswith("it was the worst of times")
    assert plain(second.text).startswith("tried ever failed")
    assert plain(third.text).startswith("the best of times")
    for heard in (first, second, third):
        assert " ".join(word.text for word in heard.words) == heard.text


def test_what_comes_after_a_beginning_has_its_time_in_the_fragment(recogniser, beginnings):
    first, *_ = recogniser.run(beginnings[:1])
    assert 2.5 <= first.words[0].start_s <= 3.5
    times = [time for word in first.words for time in (word.start_s, word.end_s)]
    assert times == sorted(times)
    assert all(0 < word.probability <= 1 for word in first.words)


def test_beginnings_of_any_length_go_together_in_a_batch(recogniser, spoken, singles, beginnings):
    alone = [recogniser.run([request])[0] for request in beginnings]
    assert recogniser.run([*beginnings, spoken[9]]) == [*alone, singles[9]]


def test_a_voice_is_told_where_it_is_heard_and_nothing_where_it_is_not(recogniser, spoken):
    quiet = np.zeros(2 * RECOGNISER_RATE_HZ, np.float32)
    pcm = np.concatenate([quiet, spoken[8].pcm[: 3 * RECOGNISER_RATE_HZ], quiet])
    heard = one(recogniser, pcm, words=True, since_s=2.0)
    assert heard.words
    assert 1.9 <= heard.voice[0][0] <= 3.0
    assert heard.voice[-1][1] <= 5.2
    none = one(recogniser, pcm, words=True, since_s=5.5)
    assert (none.text, none.words, none.voice) == ("", (), heard.voice)
