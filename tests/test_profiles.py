"""From settings to engines."""

import hashlib

import pytest
from hollow_whisper import hollow_whisper

from sts_actors import profiles
from sts_actors.dubbing import Dubbing
from sts_actors.engines import kokoro_voices as voices
from sts_actors.engines import whisper
from sts_actors.engines.weights.assets import AssetFile
from sts_actors.engines.weights.hub import hub_models, write_manifest
from sts_actors.engines.whisper.options import WhisperOptions
from sts_actors.errors import ConfigError, ErrorCode, ServiceError, Stage
from sts_actors.messages import AudioFormat, Bed, Container, SeamPolicy, StreamConfig
from sts_actors.metrics import Metrics
from sts_actors.models import open_models
from sts_actors.profiles import model_specs, needed_assets, needed_models, prepare
from sts_actors.settings import load_settings


def settings(profile, **environment):
    return load_settings(profile=profile, environment=environment)


def test_the_fake_profile_needs_no_data_and_opens_every_stage():
    assert needed_assets(settings("fake")) == ()
    assert set(model_specs(settings("fake"))) == set(Stage)


def test_the_embedded_profile_needs_its_two_models():
    assert {asset.name for asset in needed_assets(settings("embedded"))} == {"whisper-base", "kokoro"}


def test_the_production_profile_says_in_one_line_what_is_missing(tmp_path):
    with pytest.raises(ConfigError) as caught:
        model_specs(settings("production", ASR_MODEL_SIZE=str(tmp_path)))
    assert "\n" not in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_what_the_operator_says_of_recognition_goes_to_its_worker(tmp_path, monkeypatch):
    opened = {}
    monkeypatch.setattr(profiles, "in_process", lambda name, *args, **more: opened.setdefault(name, args))
    its = settings(
        "fake",
        ASR_ENGINE="whisper",
        ASR_MODEL_SIZE=str(hollow_whisper(tmp_path)),
        ASR_DEVICE="auto",
        ASR_COMPUTE_TYPE="float16",
        ASR_THREADS="3",
        ASR_BEAM_SIZE="2",
        ASR_VAD="off",
        ASR_NO_SPEECH_THRESHOLD="0.5",
        ASR_LOGPROB_THRESHOLD="-0.7",
    )
    monkeypatch.setattr(profiles, "find_spec", lambda name: object())
    model_specs(its)
    options = WhisperOptions(beam_size=2, vad=False, no_speech_threshold=0.5, logprob_threshold=-0.7)
    assert opened["asr"] == (whisper.load, tmp_path, "auto", "float16", 3, options)


def test_whispers_own_options_are_the_defaults_of_the_settings():
    its = settings("fake")
    assert WhisperOptions() == WhisperOptions(
        beam_size=its.asr_beam_size,
        vad=its.asr_vad,
        no_speech_threshold=its.asr_no_speech_threshold,
        logprob_threshold=its.asr_logprob_threshold,
    )


def test_weights_that_nobody_has_accepted_are_asked_for_with_the_command(tmp_path, monkeypatch):
    monkeypatch.setenv("STS_CACHE_DIR", str(tmp_path / "cache"))
    hollow_whisper(tmp_path)
    with pytest.raises(ConfigError, match=r"run: sts-actors models fetch xtts --accept-licence"):
        model_specs(settings("production", ASR_MODEL_SIZE=str(tmp_path), DEEPL_AUTH_KEY="key"))


def test_a_missing_key_of_deepl_is_one_line_that_names_its_variable():
    with pytest.raises(ConfigError, match="set DEEPL_AUTH_KEY") as caught:
        model_specs(settings("fake", TRANSLATION_ENGINE="deepl"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("variable", ["DEEPL_AUTH_KEY", "DEEPL_API_KEY"])
def test_deepl_takes_its_key_from_either_variable_and_spends_no_tokens_of_the_device(variable):
    its = settings("fake", **{"TRANSLATION_ENGINE": "deepl", variable: "top-secret"})
    spec = model_specs(its)[Stage.TRANSLATION]
    assert (spec.calls_at_once, spec.max_batch) == (8, 1)
    assert "top-secret" not in repr(its) + repr(spec)


def test_a_size_of_whisper_that_a_hub_has_is_loaded_from_where_it_was_fetched_to(monkeypatch, tmp_path):
    monkeypatch.setenv("STS_CACHE_DIR", str(tmp_path))
    with pytest.raises(ConfigError, match="run: sts-actors models fetch whisper-tiny"):
        model_specs(settings("fake", ASR_ENGINE="whisper", ASR_MODEL_SIZE="tiny"))
    tiny = hub_models()["whisper-tiny"]
    tiny.folder.mkdir(parents=True)
    (tiny.folder / "model.bin").write_bytes(b"weights")
    file = AssetFile(name="model.bin", size=7, sha256=hashlib.sha256(b"weights").hexdigest(), parts=())
    write_manifest(tiny, tiny.revision, (file,))
    loaded = []
    monkeypatch.setattr(profiles, "in_process", lambda *arguments, **_: loaded.append(arguments))
    model_specs(settings("fake", ASR_ENGINE="whisper", ASR_MODEL_SIZE="tiny"))
    assert tiny.folder in loaded[0]


def test_the_production_profile_needs_models_of_a_hub_unless_a_folder_is_named(tmp_path):
    names = [model.name for model in needed_models(settings("production"))]
    assert names == ["whisper-medium", "xtts"]
    mine = settings("production", ASR_MODEL_SIZE=str(tmp_path))
    assert [model.name for model in needed_models(mine)] == ["xtts"]


def test_a_missing_library_is_named_with_its_extra(monkeypatch):
    monkeypatch.setattr(profiles, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"faster_whisper is not installed; run: pip install .*embedded"):
        model_specs(settings("embedded"))


def test_a_stretcher_that_is_not_installed_is_named_with_its_extra_at_the_start(monkeypatch):
    monkeypatch.setattr(profiles, "find_spec", lambda name: None)
    assert model_specs(settings("fake"))
    with pytest.raises(ConfigError, match=r"pedalboard is not installed; run: pip install .*rubberband"):
        model_specs(settings("fake", STRETCHER="rubberband"))


async def test_a_stream_is_stretched_by_the_stretcher_of_the_settings():
    its = settings("fake", STRETCHER="rubberband")
    layout = AudioFormat(container=Container.PCM_S16LE, sample_rate_hz=16_000, channels=1)
    async with open_models(model_specs(its), device_tokens=8) as models:
        await models.wait_ready()
        config = StreamConfig(stream_id="s", source_language="en", target_language="pt", label=layout)
        dubbing = Dubbing(settings=its, models=models, metrics=Metrics())
        assert dubbing.collaborators(config).voicing.policy.stretcher == "rubberband"


async def test_a_stream_gets_what_the_settings_say_where_its_worker_says_nothing():
    its = settings(
        "fake", SEAM="carry", BED="duck", BED_LEVEL_DB="-12", VERIFY="0.25", FALLBACK_MODE="original"
    )
    async with open_models(model_specs(its), device_tokens=8) as models:
        dubbing = Dubbing(settings=its, models=models, metrics=Metrics())
        assert dubbing.defaults.seam is SeamPolicy.CARRY
        assert dubbing.defaults.bed == Bed(level_db=-12, ramp_ms=200)
        assert dubbing.defaults.verify == 0.25
        plain = Dubbing(settings=settings("fake"), models=models, metrics=Metrics())
        assert (plain.defaults.seam, plain.defaults.bed) == (SeamPolicy.FIXED, None)


async def test_each_target_language_is_spoken_by_its_own_voice_or_by_its_default():
    its = settings("fake", FALLBACK_MODE="original")
    layout = AudioFormat(container=Container.PCM_S16LE, sample_rate_hz=16_000, channels=1)
    async with open_models(model_specs(its), device_tokens=8) as models:
        await models.wait_ready()
        config = StreamConfig(
            stream_id="s",
            source_language="en",
            target_language="pt-br",
            further_targets=("es", "fr"),
            voice_by_language={"pt": "tone", "es": "tone"},
            label=layout,
        )
        its = Dubbing(settings=its, models=models, metrics=Metrics()).collaborators(config)
    voices = {target: voicing.voice for target, voicing in its.voicing_by_language.items()}
    assert voices == {"pt-br": "tone", "es": "tone", "fr": ""}
    assert its.original


def test_voices_that_cannot_be_fetched_are_done_without_and_said_so(monkeypatch):
    def unreachable(progress):
        raise ConfigError("npm could not fetch them")

    monkeypatch.setattr(voices, "fetch_voices", unreachable)
    said = []
    prepare(settings("embedded"), warn=said.append)
    assert len(said) == 1
    assert "npm could not fetch them" in said[0]


async def test_languages_and_voices_that_the_engines_lack_are_refused_with_those_they_have():
    specs = model_specs(settings("fake"))
    async with open_models(specs, device_tokens=8) as models:
        await models.wait_ready()
        assert models.missing == ()
        with pytest.raises(ServiceError, match="there is no voice 'nobody'; for pt there is tone") as caught:
            models.choose_voice("nobody", "pt")
        assert caught.value.code is ErrorCode.INVALID_VOICE_PROFILE
        assert models.choose_voice("tone", "pt").voice == "tone"
        assert {models.choose_voice(name, "pt").voice for name in (None, "", "default")} == {""}
        info = models._infos[Stage.TRANSLATION]
        models.loaded(Stage.TRANSLATION, type(info)(name="only", pairs=(("en", "pt"),)))
        models.check_languages("en", "pt")
        models.check_languages("fr", "fr")
        with pytest.raises(ServiceError, match="only does not translate en to ja; it does en to pt"):
            models.check_languages("en", "ja")
