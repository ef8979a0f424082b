"""The XTTS engine through its production loading code, on a tiny checkpoint of the real architecture."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_xtts import LANGUAGES, write_checkpoint

from sts_actors.audio.wav import write_wav
from sts_actors.engines.ports import SynthesisedAudio, SynthesiseRequest, VoiceReference
from sts_actors.engines.xtts import XttsOptions, load
from sts_actors.engines.xtts.engine import CHUNK_CODES, SPEED_RANGE
from sts_actors.errors import EngineError, ErrorCode

WORDS = [
    "river",
    "mountain",
    "window",
    "garden",
    "letter",
    "bridge",
    "winter",
    "summer",
    "morning",
    "evening",
]
LOUDLY = XttsOptions(threads=1, guard=False)


def request(text="hello there", language="en", voice="Ana", **more):
    return SynthesiseRequest(text=text, language=language, voice=voice, **more)


def recording(path, seed=0, seconds=4.0):
    """A reference: noise in syllables, as nobody speaks."""
    rng = np.random.default_rng(seed)
    times = np.arange(round(22_050 * seconds)) / 22_050
    sound = 0.2 * rng.normal(size=times.size) * (np.sin(2 * np.pi * (3 + seed) * times) > 0)
    data = write_wav(sound.astype(np.float32)[:, None], 22_050)
    path.write_bytes(data)
    return VoiceReference(path=path, sha256=hashlib.sha256(data).hexdigest())


def test_requests_in_one_batch_sound_as_they_do_alone_whatever_language_voice_and_speed(greedy, tmp_path):
    reference = recording(tmp_path / "one.wav")
    batch = [
        request("hello there, my friend"),
        request("o que é isso", "pt", speed=1.1),
        request("once more. with feeling.", voice="guest", reference=reference),
        request("b", "de", speed=0.9),
    ]
    together = greedy.run(batch)
    for one, audio in zip(batch, together, strict=True):
        (alone,) = greedy.run([one])
        assert audio.sample_rate_hz == 24_000
        assert audio.pcm.shape == alone.pcm.shape
        assert np.abs(audio.pcm - alone.pcm).max() <= 1e-4


@settings(max_examples=6, deadline=None)
@given(
    words=st.lists(st.sampled_from(WORDS), min_size=1, max_size=12),
    speed=st.sampled_from([SPEED_RANGE[0], 1.0, 1.07, SPEED_RANGE[1]]),
)
def test_a_stream_of_pieces_joined_is_what_is_spoken_at_once(greedy, words, speed):
    asked = request(" ".join(words), speed=speed)
    pieces = list(greedy.stream(asked))
    (whole,) = greedy.run([asked])
    joined = np.concatenate(pieces)
    assert joined.shape == whole.pcm.shape
    assert np.abs(joined - whole.pcm).max() <= 1e-6


@pytest.mark.parametrize("speed", [0.9, 1.07, 1.15])
def test_speed_makes_the_same_words_shorter_or_longer(greedy, speed):
    (usual,) = greedy.run([request("one two three four five six")])
    (other,) = greedy.run([request("one two three four five six", speed=speed)])
    assert other.pcm.size == pytest.approx(usual.pcm.size / speed, rel=0.03)


def test_the_first_piece_of_a_stream_comes_before_the_text_is_decoded(greedy):
    gpt = greedy._model.gpt
    steps = []
    forward = gpt.gpt.forward

    def counted(*args, **kwargs):
        steps.append(1)
        return forward(*args, **kwargs)

    gpt.gpt.forward = counted
    try:
        pieces = greedy.stream(request("one two three four five six"))
        first = next(pieces)
        at_first = len(steps)
        rest = list(pieces)
    finally:
        gpt.gpt.forward = forward
    assert at_first == CHUNK_CODES < len(steps)
    assert first.size
    assert rest


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_language_of_the_checkpoint_is_spoken_under_its_own_mark(greedy, code, monkeypatch):
    language = code.split("-")[0]
    assert language in greedy.info.languages
    marks = []
    encode = greedy._model.tokenizer.tokenizer.encode

    class Spy:
        def encode(self, text):
            marks.append(text.split("]")[0] + "]")
            return encode(text)

    monkeypatch.setattr(greedy._model.tokenizer, "tokenizer", Spy())
    (audio,) = greedy.run([request("Hello, 12 of 3.", language)])
    assert isinstance(audio, SynthesisedAudio), audio
    assert marks == [f"[{code}]"]


def test_an_over_long_text_is_spoken_whole_sentence_by_sentence(greedy):
    sentences = [f"this is sentence {word} and it goes on for a while." for word in WORDS]
    (audio,) = greedy.run([request(" ".join(sentences))])
    # Pieces of at most 250 characters, each spoken as it would be alone.
    pieces = [" ".join(sentences[start : start + 4]) for start in range(0, len(sentences), 4)]
    assert all(len(piece) <= 250 for piece in pieces)
    alone = [greedy.run([request(piece)])[0].pcm for piece in pieces]
    assert np.abs(audio.pcm - np.concatenate(alone)).max() <= 1e-4


def test_a_text_whose_numbers_take_too_many_tokens_is_cut_smaller(greedy, monkeypatch):
    most = []
    prompt = greedy._prompt

    def counted(voice, tokens):
        most.append(len(tokens))
        return prompt(voice, tokens)

    monkeypatch.setattr(greedy, "_prompt", counted)
    # 200 characters that are spelt out as some 1,600.
    (audio,) = greedy.run([request(" ".join(["987654321"] * 20))])
    assert isinstance(audio, SynthesisedAudio)
    assert max(most) < greedy._model.args.gpt_max_text_tokens
    assert len(most) > 4


def test_a_bad_request_fails_alone(greedy, tmp_path):
    gone = recording(tmp_path / "gone.wav", 9)
    gone.path.unlink()
    answers = greedy.run(
        [
            request("good"),
            request("who?", voice="nobody"),
            request("   "),
            request("nuqneH", "tlh"),
            request("where", reference=gone),
            request("good"),
        ]
    )
    assert [isinstance(answer, SynthesisedAudio) for answer in answers] == [True] + [False] * 4 + [True]
    assert {answer.code for answer in answers[1:5]} == {ErrorCode.SYNTHESIS_FAILED}
    assert "'nobody'" in answers[1].message
    assert np.array_equal(answers[0].pcm, answers[5].pcm)


def test_a_voice_is_listened_to_once_and_found_on_disk_by_the_next_engine(tiny_checkpoint, tmp_path):
    reference = recording(tmp_path / "voice.wav")
    cache = tmp_path / "cache"
    first = load(tiny_checkpoint, cache, XttsOptions(threads=1, temperature=0, guard=False), (reference,))
    assert first.voices.computed == 1
    (heard,) = first.run([request(reference=reference)])
    (again,) = first.run([request(reference=reference)])
    assert first.voices.computed == 1
    second = load(tiny_checkpoint, cache, XttsOptions(threads=1, temperature=0, guard=False), (reference,))
    (elsewhere,) = second.run([request(reference=reference)])
    assert second.voices.computed == 0
    assert np.array_equal(heard.pcm, again.pcm)
    assert np.array_equal(heard.pcm, elsewhere.pcm)
    (kept,) = cache.iterdir()
    kept.write_bytes(kept.read_bytes()[:1000])
    third = load(tiny_checkpoint, cache, XttsOptions(threads=1, temperature=0, guard=False), (reference,))
    assert third.voices.computed == 1


def test_other_weights_listen_anew_and_other_recordings_sound_different(tiny_checkpoint, tmp_path):
    one, two = recording(tmp_path / "one.wav", 0), recording(tmp_path / "two.wav", 1)
    cache = tmp_path / "cache"
    engine = load(tiny_checkpoint, cache, LOUDLY, (one, two))
    voices = [engine.voices.get("", reference) for reference in (one, two)]
    assert np.abs((voices[0].latents - voices[1].latents).numpy()).max() > 1e-4
    other = load(write_checkpoint(tmp_path / "other", seed=5), cache, LOUDLY, (one,))
    assert other.voices.computed == 1
    assert len(list(cache.iterdir())) == 3


def test_no_more_of_a_recording_is_listened_to_than_the_checkpoint_says(greedy, tmp_path):
    longest = greedy._model.config.max_ref_len
    rng = np.random.default_rng(3)
    sound = (0.2 * rng.normal(size=22_050 * (longest + 2))).astype(np.float32)
    voices = []
    for number in range(2):
        sound[22_050 * longest :] = 0.1 * number
        data = write_wav(sound[:, None], 22_050)
        path = tmp_path / f"{number}.wav"
        path.write_bytes(data)
        reference = VoiceReference(path=path, sha256=hashlib.sha256(data).hexdigest())
        voices.append(greedy.voices.get("", reference))
    assert np.array_equal(voices[0].speaker, voices[1].speaker)
    assert np.array_equal(voices[0].latents, voices[1].latents)


def test_a_cache_that_cannot_be_written_costs_nothing_but_the_next_start(tiny_checkpoint, tmp_path, caplog):
    in_the_way = tmp_path / "cache"
    in_the_way.write_text("a file")
    engine = load(tiny_checkpoint, in_the_way, LOUDLY, (recording(tmp_path / "voice.wav"),))
    assert engine.voices.computed == 1
    assert "cannot be kept" in caplog.text


def test_equal_seeds_speak_alike_and_another_attempt_draws_anew(tiny_checkpoint, tmp_path):
    engine = load(tiny_checkpoint, tmp_path, XttsOptions(threads=1, temperature=1.0, seed=3, guard=False))
    asked = request("one two three four five six")
    first, again, retried = (
        engine.run([one])[0].pcm for one in (asked, asked, request(asked.text, attempt=1))
    )
    assert np.array_equal(first, again)
    assert first.shape != retried.shape or not np.array_equal(first, retried)
    other = load(tiny_checkpoint, tmp_path, XttsOptions(threads=1, temperature=1.0, seed=4, guard=False))
    different = other.run([asked])[0].pcm
    assert first.shape != different.shape or not np.array_equal(first, different)


def test_a_batch_too_large_for_the_memory_is_halved_until_it_fits(greedy, monkeypatch):
    batch = [request(f"hello {word}") for word in WORDS[:7]]
    expected = greedy.run(batch)
    tried = []
    forward = greedy._model.gpt.gpt.forward

    def small_memory(*args, inputs_embeds, **kwargs):
        tried.append(len(inputs_embeds))
        if len(inputs_embeds) > 2:
            raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB")
        return forward(*args, inputs_embeds=inputs_embeds, **kwargs)

    monkeypatch.setattr(greedy._model.gpt.gpt, "forward", small_memory)
    answers = greedy.run(batch)
    assert max(tried) == 7
    for answer, right in zip(answers, expected, strict=True):
        assert np.abs(answer.pcm - right.pcm).max() <= 1e-4


def test_a_request_that_no_memory_is_left_for_is_told_so_and_the_next_one_is_served(greedy, monkeypatch):
    def no_memory(*args, **kwargs):
        raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB")

    with monkeypatch.context() as patched:
        patched.setattr(greedy._model.gpt.gpt, "forward", no_memory)
        answers = greedy.run([request("one"), request("two")])
    assert [answer.code for answer in answers] == [ErrorCode.GPU_OOM] * 2
    assert all(isinstance(answer, EngineError) and answer.retryable for answer in answers)
    assert isinstance(greedy.run([request("one")])[0], SynthesisedAudio)


def test_the_guard_finds_that_a_babbling_voice_does_not_say_the_text(tiny_checkpoint, tmp_path):
    engine = load(tiny_checkpoint, tmp_path, XttsOptions(threads=1, temperature=0))
    text = "this is a sentence of many words that nobody can say in two seconds or a little more than that"
    (audio,) = engine.run([request(text)])
    assert any("words are missing" in defect for defect in audio.defects)


def test_the_guard_finds_a_text_without_an_end(tiny_checkpoint, tmp_path):
    engine = load(tiny_checkpoint, tmp_path, XttsOptions(threads=1, temperature=0))
    engine._model.gpt.stop_audio_token = -1
    (audio,) = engine.run([request("hello there, my friend")])
    assert "it did not come to an end" in audio.defects


@pytest.mark.parametrize("compute_type", ["float16", "bfloat16"])
def test_half_precision_speaks_too(tiny_checkpoint, tmp_path, compute_type):
    engine = load(tiny_checkpoint, tmp_path, XttsOptions(threads=1, compute_type=compute_type, guard=False))
    audio = engine.run([request("hello there"), request("one two three")])
    assert all(np.isfinite(one.pcm).all() and one.pcm.dtype == np.float32 for one in audio)


def test_what_it_can_do_is_told(greedy):
    info = greedy.info
    assert info.clones
    assert info.voices == {"Ana": ""}
    assert info.default_voices["pt"] == "Ana"
    assert info.speed_range == SPEED_RANGE
    assert "non-commercial" in info.licence
