"""The embedded engines on their real weights."""

import jiwer
import numpy as np
import pytest

from sts_actors.audio.pcm import resample
from sts_actors.audio.wav import read_wav
from sts_actors.engines import firefox, kokoro, whisper
from sts_actors.engines.kokoro_voices import find_voices
from sts_actors.engines.ports import (
    RECOGNISER_RATE_HZ,
    RecogniseRequest,
    SynthesiseRequest,
    TranslateRequest,
)
from sts_actors.engines.weights.assets import package_file
from sts_actors.errors import EngineError, ErrorCode
from sts_actors.profiles import needed_assets, prepare
from sts_actors.settings import load_settings

pytestmark = pytest.mark.models
SENTENCE = "O presidente disse na segunda-feira que a equipe vai jogar o jogo final na próxima semana."


@pytest.fixture(scope="module")
def folders():
    """Where each asset is."""
    settings = load_settings(profile="embedded", environment={})
    prepare(settings)
    from sts_actors.engines.weights.assets import asset_folder

    return {asset.name: asset_folder(asset) for asset in needed_assets(settings)}


@pytest.fixture(scope="module")
def recogniser(folders):
    return whisper.load(folders["whisper-base"], "cpu", "int8", 2)


@pytest.fixture(scope="module")
def synthesiser(folders):
    return kokoro.load(folders["kokoro"] / "model.onnx", find_voices(), 2)


@pytest.fixture(scope="module")
def translator():
    return firefox.load()


def hear(recogniser, pcm, language="en"):
    (heard,) = recogniser.run([RecogniseRequest(pcm=pcm, language=language)])
    return heard.text


def speak(synthesiser, text, **fields):
    request = {"language": "pt", "voice": "", **fields}
    (audio,) = synthesiser.run([SynthesiseRequest(text=text, **request)])
    return audio


def translate(translator, text, source="en", target="pt"):
    request = TranslateRequest(text=text, source_language=source, target_language=target)
    (translated,) = translator.run([request])
    return translated


def times(seconds):
    return np.arange(round(seconds * RECOGNISER_RATE_HZ)) / RECOGNISER_RATE_HZ


def quiet_noise():
    return np.random.default_rng(1).normal(0, 0.02, 6 * RECOGNISER_RATE_HZ)


@pytest.mark.parametrize(
    "sound",
    [
        np.zeros(6 * RECOGNISER_RATE_HZ),
        np.zeros(0),
        quiet_noise(),
        0.3 * np.sin(2 * np.pi * 440 * times(6)),
        0.3 * np.sin(2 * np.pi * 50 * times(6)),
    ],
    ids=["silence", "nothing", "noise", "a tone", "hum"],
)
def test_what_is_no_speech_has_no_words(recogniser, sound):
    assert hear(recogniser, sound.astype(np.float32)) == ""


def test_whole_speech_is_recognised(recogniser):
    samples, rate_hz = read_wav(package_file("moonshine_voice", "assets/beckett.wav").read_bytes())
    heard = hear(recogniser, resample(samples[:, 0], rate_hz, RECOGNISER_RATE_HZ)).lower()
    assert "fail again" in heard
    assert "fail better" in heard


def test_a_request_that_cannot_be_served_fails_alone(recogniser):
    speech = 0.1 * np.random.default_rng(2).normal(0, 1, RECOGNISER_RATE_HZ).astype(np.float32)
    good = RecogniseRequest(pcm=np.zeros(16000, np.float32), language="en")
    bad = RecogniseRequest(pcm=speech, language="klingon")
    results = recogniser.run([good, bad, good])
    assert [isinstance(result, EngineError) for result in results] == [False, True, False]
    assert results[1].code is ErrorCode.ASR_FAILED


def test_english_becomes_portuguese_and_back(translator):
    assert "melhor" in translate(translator, "It was the best of times.").text
    back = translate(translator, "Era a época da luz.", "pt", "en").text.lower()
    assert "light" in back


def test_a_text_that_is_empty_or_far_too_long_costs_no_translation(translator):
    assert translate(translator, " ").text == ""
    assert translate(translator, "word " * 1000).code is ErrorCode.TRANSLATION_FAILED


def test_what_is_spoken_is_heard_again(recogniser, synthesiser):
    audio = speak(synthesiser, SENTENCE)
    heard = hear(recogniser, resample(audio.pcm, audio.sample_rate_hz, RECOGNISER_RATE_HZ), "pt")
    assert jiwer.wer(plain(SENTENCE), plain(heard)) <= 0.25


def plain(text):
    return " ".join(text.lower().replace("-", " ").replace(".", " ").replace(",", " ").split())


def test_a_faster_voice_takes_less_time(synthesiser):
    slow, fast = (speak(synthesiser, SENTENCE, speed=speed).pcm.size for speed in (1.0, 1.3))
    assert fast < 0.9 * slow


def test_punctuation_alone_has_no_sound(synthesiser):
    assert speak(synthesiser, "...").pcm.size == 0


@pytest.mark.parametrize("fields", [{"language": "de"}, {"voice": "nobody"}])
def test_a_language_or_voice_that_is_not_there_fails_alone(synthesiser, fields):
    failed = speak(synthesiser, SENTENCE, **fields)
    assert isinstance(failed, EngineError)
    assert failed.code is ErrorCode.SYNTHESIS_FAILED


def test_each_language_has_a_voice_of_its_own_that_is_installed(synthesiser):
    info = synthesiser.info
    assert set(info.default_voices) == set(info.languages)
    assert set(info.default_voices.values()) <= set(info.voices)


def test_whisper_says_what_failed_and_what_ran_out_of_memory(recogniser):
    quiet = np.zeros(RECOGNISER_RATE_HZ, np.float32)
    endless = np.broadcast_to(np.float32(0.5), (2**46,))
    strange = RecogniseRequest(pcm=quiet + 0.1, language="klingon")
    results = recogniser.run(
        [strange, RecogniseRequest(pcm=endless, language="en"), RecogniseRequest(pcm=quiet, language="en")]
    )
    assert [r.code if isinstance(r, EngineError) else r.text for r in results] == [
        ErrorCode.ASR_FAILED,
        ErrorCode.GPU_OOM,
        "",
    ]


def test_kokoro_says_which_language_or_voice_it_has_not(synthesiser):
    requests = [
        SynthesiseRequest(text="words", language="pt", voice="nobody"),
        SynthesiseRequest(text="words", language="tlh", voice=""),
    ]
    results = synthesiser.run(requests)
    assert [result.code for result in results] == [ErrorCode.SYNTHESIS_FAILED] * 2
