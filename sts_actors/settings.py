"""Settings: defaults, profile, file, environment, command line, in that order; validated at the start.

Each setting stands once, in `Settings`, with its place in the TOML files, its environment variables, what is
allowed and what it means. `config/defaults.toml` holds the default values.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

from sts_actors.errors import ConfigError
from sts_actors.setting_files import read_files
from sts_actors.setting_values import SettingError, check, from_text, setting

PROFILES = ("embedded", "production", "fake")


@attrs.frozen(kw_only=True)
class Settings:
    """The effective settings; units stand in the names."""

    profile: str
    host: str = setting("server.host", "HOST", means="address to listen on")
    port: int = setting("server.port", "PORT", low=0, high=65535, means="0 takes a free one")
    auth_token: str = setting(
        "server.auth_token", "STS_AUTH_TOKEN", repr=False, means="what workers must present; never shown"
    )
    allow_public_without_token: bool = setting(
        "server.allow_public_without_token",
        "STS_ALLOW_PUBLIC_WITHOUT_TOKEN",
        means="listen beyond this machine without a token",
    )
    cors_allowed_origins: str = setting(
        "server.cors_allowed_origins",
        "CORS_ALLOWED_ORIGINS",
        means="origins of pages that may connect, with commas between; `*` is any, none is the service's own",
    )
    max_concurrent_streams: int = setting(
        "server.max_concurrent_streams", "MAX_CONCURRENT_STREAMS", low=1, means="more are refused"
    )
    auto_disconnect_delay_s: float = setting(
        "server.auto_disconnect_delay_s",
        "AUTO_DISCONNECT_DELAY",
        low=0,
        means="from `stream:complete` to closing",
    )
    drain_timeout_s: float = setting(
        "server.drain_timeout_s",
        "DRAIN_TIMEOUT",
        low=0,
        means="how long an ended stream may take for what is in flight",
    )
    ping_interval_s: float = setting(
        "server.ping_interval_s", "WS_PING_INTERVAL", low=0.1, means="Engine.IO ping"
    )
    ping_timeout_s: float = setting(
        "server.ping_timeout_s",
        "WS_PING_TIMEOUT",
        low=0.1,
        means="a worker silent for interval + timeout is cut",
    )
    max_buffer_bytes: int = setting(
        "server.max_buffer_bytes", "WS_MAX_BUFFER_SIZE", low=65536, means="largest packet a worker may send"
    )
    log_level: str = setting(
        "server.log_level",
        "LOG_LEVEL",
        choices=("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"),
        means="the least that is logged",
    )
    gpu_monitoring_interval_s: float = setting(
        "server.gpu_monitoring_interval_s",
        "GPU_MONITORING_INTERVAL",
        low=0.1,
        means="between two looks at the devices' memory",
    )
    memory_check: bool = setting(
        "memory.check",
        "STS_MEMORY_CHECK",
        means="refuse to start where the models do not fit into the memory that is free",
    )
    memory_floor_mb: int = setting(
        "memory.floor_mb",
        "GPU_MEMORY_FLOOR_MB",
        low=0,
        means="MiB of a GPU that are to stay free; below, streams are told to slow down",
    )
    max_inflight: int = setting(
        "stream.max_inflight", "MAX_INFLIGHT", low=1, high=10, means="told to workers that name none"
    )
    fragment_timeout_ms: int = setting(
        "stream.fragment_timeout_ms",
        "FRAGMENT_TIMEOUT_MS",
        low=1000,
        high=30_000,
        means="for workers that name none",
    )
    resume_window_s: float = setting(
        "stream.resume_window_s",
        "RESUME_WINDOW",
        low=0,
        means="how long a resumable stream waits for its worker",
    )
    resume_buffer_bytes: int = setting(
        "stream.resume_buffer_bytes",
        "RESUME_BUFFER_SIZE",
        low=65536,
        means="results kept for one that may come back",
    )
    answer_margin_ms: int = setting(
        "stream.answer_margin_ms", low=0, high=999, means="answers go out this long before the timeout"
    )
    duration_variance_success_max: float = setting(
        "stream.duration_variance_success_max",
        "DURATION_VARIANCE_SUCCESS_MAX",
        low=0,
        means="share of the fragment by which a dub may be too long",
    )
    duration_variance_partial_max: float = setting(
        "stream.duration_variance_partial_max",
        "DURATION_VARIANCE_PARTIAL_MAX",
        low=0,
        means="the same for `partial`",
    )
    duration_policy: str = setting(
        "stream.duration_policy",
        "DURATION_POLICY",
        choices=("fail", "fit"),
        means="`fit`: never fail for length, cut",
    )
    stretcher: str = setting(
        "stream.stretcher",
        "STRETCHER",
        choices=("atempo", "rubberband"),
        means="what makes a dub faster at kept pitch; `rubberband` needs the extra `rubberband`",
    )
    fallback_mode: str = setting(
        "stream.fallback_mode",
        "FALLBACK_MODE",
        choices=("silence", "original"),
        means="what a place without a dub sounds like; read and checked, without effect yet",
    )
    backpressure_low: int = setting(
        "backpressure.low", "BACKPRESSURE_THRESHOLD_LOW", low=1, means="up to here `none`"
    )
    backpressure_medium: int = setting(
        "backpressure.medium", "BACKPRESSURE_THRESHOLD_MEDIUM", low=1, means="up to here `slow_down`"
    )
    backpressure_high: int = setting(
        "backpressure.high", "BACKPRESSURE_THRESHOLD_HIGH", low=1, means="up to here `pause`"
    )
    backpressure_critical: int = setting(
        "backpressure.critical", "BACKPRESSURE_THRESHOLD_CRITICAL", low=1, means="from here refused"
    )
    device_tokens: int = setting(
        "scheduler.device_tokens", "DEVICE_TOKENS", low=1, means="tokens of the device"
    )
    asr_tokens: int = setting("scheduler.asr_tokens", "ASR_TOKENS", low=1, means="cost of one recognition")
    translation_tokens: int = setting("scheduler.translation_tokens", low=1, means="cost of one translation")
    tts_tokens: int = setting("scheduler.tts_tokens", "TTS_TOKENS", low=1, means="cost of one synthesis")
    asr_batch: int = setting("scheduler.asr_batch", "ASR_BATCH", low=1, means="requests in one call")
    translation_batch: int = setting("scheduler.translation_batch", low=1, means="the same")
    tts_batch: int = setting("scheduler.tts_batch", "TTS_BATCH", low=1, means="the same")
    engine_grace_s: float = setting(
        "scheduler.engine_grace_s",
        "ENGINE_GRACE",
        low=0,
        means="a call that is so late is taken for hung: its process is killed and the model loaded anew",
    )
    asr_engine: str = setting(
        "asr.engine", "ASR_ENGINE", choices=("whisper", "fake"), means="what recognises"
    )
    asr_model: str = setting(
        "asr.model", "ASR_MODEL_SIZE", means="a name, or a folder with a converted model"
    )
    asr_device: str = setting(
        "asr.device", "ASR_DEVICE", choices=("cpu", "cuda", "auto"), means="`auto`: cuda where there is one"
    )
    asr_compute_type: str = setting(
        "asr.compute_type",
        "ASR_COMPUTE_TYPE",
        choices=(
            "default",
            "auto",
            "int8",
            "int8_float32",
            "int8_float16",
            "int8_bfloat16",
            "int16",
            "float16",
            "bfloat16",
            "float32",
        ),
        means="of the numbers; `auto`: the quickest of the device, `default`: as the model was saved",
    )
    asr_threads: int = setting("asr.threads", "ASR_THREADS", low=1, means="of the recogniser")
    asr_beam_size: int = setting(
        "asr.beam_size", "ASR_BEAM_SIZE", low=1, high=20, means="hypotheses followed; more is slower"
    )
    asr_vad: bool = setting("asr.vad", "ASR_VAD", means="leave out what a voice detector hears no voice in")
    asr_no_speech_threshold: float = setting(
        "asr.no_speech_threshold",
        "ASR_NO_SPEECH_THRESHOLD",
        low=0,
        high=1,
        means="probability of no speech above which badly decoded sound has none",
    )
    asr_logprob_threshold: float = setting(
        "asr.logprob_threshold",
        "ASR_LOGPROB_THRESHOLD",
        high=0,
        means="mean log-probability of a token below which sound is badly decoded",
    )
    asr_timeout_ms: int = setting(
        "asr.timeout_ms", "ASR_TIMEOUT_MS", low=1, means="bounds one fragment in this stage"
    )
    translation_engine: str = setting(
        "translation.engine",
        "TRANSLATION_ENGINE",
        choices=("firefox", "deepl", "fake"),
        means="`deepl` needs the extra `deepl`",
    )
    translation_timeout_ms: int = setting(
        "translation.timeout_ms", "TRANSLATION_TIMEOUT_MS", low=1, means="idem"
    )
    deepl_auth_key: str = setting(
        "translation.deepl_auth_key",
        "DEEPL_AUTH_KEY",
        "DEEPL_API_KEY",
        repr=False,
        means="the service's key, never shown; one that ends in `:fx` belongs to the free service",
    )
    deepl_server_url: str = setting(
        "translation.deepl_server_url", "DEEPL_SERVER_URL", means="another server than the key's"
    )
    deepl_glossary: str = setting(
        "translation.deepl_glossary",
        "DEEPL_GLOSSARY_ID",
        means="the id of a glossary for every pair, or `en-pt=ID,en-de=ID`",
    )
    deepl_calls_at_once: int = setting(
        "translation.deepl_calls_at_once",
        "DEEPL_CALLS_AT_ONCE",
        low=1,
        high=64,
        means="more wait; they spend no tokens of the device",
    )
    tts_engine: str = setting(
        "tts.engine",
        "TTS_ENGINE",
        choices=("kokoro", "xtts", "fake"),
        means="what speaks; `xtts` needs the extra `xtts`",
    )
    tts_model: str = setting(
        "tts.model", "TTS_MODEL", means="of `xtts`: `xtts_v2`, or a folder with a checkpoint"
    )
    tts_device: str = setting("tts.device", "TTS_DEVICE", means="`cpu` or `cuda`")
    tts_compute_type: str = setting(
        "tts.compute_type",
        "TTS_COMPUTE_TYPE",
        choices=("float32", "float16", "bfloat16"),
        means="of the numbers of `xtts`'s decoder",
    )
    tts_items_at_once: int = setting(
        "tts.items_at_once",
        "TTS_ITEMS_AT_ONCE",
        low=1,
        means="sentences that `xtts` decodes at once; more wait in the batch",
    )
    tts_temperature: float = setting(
        "tts.temperature",
        "TTS_TEMPERATURE",
        low=0,
        high=2,
        means="of `xtts`: 0 speaks a text alike each time",
    )
    tts_seed: int = setting("tts.seed", "TTS_SEED", means="of `xtts`: equal seeds speak a text alike")
    tts_guard: bool = setting(
        "tts.guard",
        "TTS_GUARD",
        means="`xtts` looks at what it has spoken; what is spoilt is drawn anew or refused",
    )
    tts_threads: int = setting("tts.threads", "TTS_THREADS", low=1, means="of the synthesiser")
    tts_timeout_ms: int = setting("tts.timeout_ms", "TTS_TIMEOUT_MS", low=1, means="idem")
    voice_profiles_path: str = setting(
        "tts.voice_profiles_path",
        "VOICE_PROFILES_PATH",
        means="a file of voice profiles, read anew when it changes; empty is none",
    )
    artifacts_enabled: bool = setting(
        "artifacts.enabled",
        "ENABLE_ARTIFACT_LOGGING",
        means="write what goes in and out of each stream to disk",
    )
    artifacts_path: str = setting(
        "artifacts.path", "ARTIFACTS_PATH", means="where to; made if it is not there"
    )
    artifacts_retention_hours: float = setting(
        "artifacts.retention_hours", "ARTIFACT_RETENTION_HOURS", low=0, means="older ones are deleted"
    )
    artifacts_max_count: int = setting(
        "artifacts.max_count", "ARTIFACT_MAX_COUNT", low=1, means="fragments kept; the oldest go first"
    )
    artifacts_max_bytes: int = setting(
        "artifacts.max_bytes", "ARTIFACT_MAX_BYTES", low=65536, means="bytes kept; the oldest go first"
    )
    fake_seed: int = setting("fake.seed", "FAKE_SEED", means="equal seeds draw equal latencies")
    fake_in_process: bool = setting(
        "fake.in_process", "FAKE_IN_PROCESS", means="in worker processes, as real engines are"
    )
    fake_asr_latency_s: float = setting(
        "fake.asr_latency_s", "FAKE_ASR_LATENCY", low=0, means="mean of the made-up latency"
    )
    fake_translation_latency_s: float = setting(
        "fake.translation_latency_s", "FAKE_TRANSLATION_LATENCY", low=0, means="the same"
    )
    fake_tts_latency_s: float = setting("fake.tts_latency_s", "FAKE_TTS_LATENCY", low=0, means="the same")


@attrs.frozen
class Effective:
    """The settings, and where each came from, by field name: `environment PORT`, `profile fake`, `--port`."""

    settings: Settings
    sources: Mapping[str, str]


def load_settings(
    *,
    profile: str = "embedded",
    config_file: Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Settings:
    """The effective settings; arguments and errors as `load_effective`."""
    return load_effective(
        profile=profile, config_file=config_file, overrides=overrides, environment=environment
    ).settings


def load_effective(
    *,
    profile: str = "embedded",
    config_file: Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Effective:
    """The effective settings with their sources.

    Args:
        profile: one of `PROFILES`.
        config_file: a TOML file laid out as `config/defaults.toml`; any part of it.
        overrides: values by field name that win over all else: the command line's.
        environment: variables by name; the process's own by default.

    Raises:
        ConfigError: one fault each line, with the setting, its value, where it came from and what is allowed.
    """
    if profile not in PROFILES:
        raise ConfigError(f"unknown profile {profile!r}: use one of {', '.join(PROFILES)}")
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    faults: list[str] = []
    given = _given(profile, config_file, overrides or {}, os.environ if environment is None else environment)
    for name, value, source in given:
        if isinstance(value, SettingError):
            faults.append(str(value))
            continue
        values[name], sources[name] = value, source
    faults += _disagreements(values, sources)
    if faults:
        raise ConfigError(*faults)
    return Effective(Settings(profile=profile, **values), sources)


def setting_fields() -> "dict[str, attrs.Attribute[Any]]":
    """Every setting by name, but for the profile, which chooses among their values."""
    return {field.name: field for field in attrs.fields(Settings) if field.name != "profile"}


def _given(
    profile: str, config_file: Path | None, overrides: Mapping[str, Any], environment: Mapping[str, str]
) -> Iterator[tuple[str, Any, str]]:
    """Each value that a source gives, checked, the weakest source first; a `SettingError` for a bad one."""
    fields = setting_fields()
    by_path = {field.metadata["path"]: name for name, field in fields.items()}
    for source, given in read_files(profile, config_file):
        if isinstance(given, SettingError):
            yield "", given, source
            continue
        for path, value in given.items():
            if path not in by_path:
                yield "", SettingError(f"{source}: there is no setting {path}"), source
                continue
            yield by_path[path], check(fields[by_path[path]], value, f"{source}: {path}"), source
    for name, field in fields.items():
        variable = next((v for v in field.metadata["env"] if environment.get(v, "") != ""), None)
        if variable is not None:
            yield name, from_text(field, environment[variable], variable), f"environment {variable}"
        if overrides.get(name) is not None:
            option = f"--{name.replace('_', '-')}"
            yield name, check(field, overrides[name], option), option


_ASCENDING = (
    ("backpressure_low", "backpressure_medium"),
    ("backpressure_medium", "backpressure_high"),
    ("backpressure_high", "backpressure_critical"),
    ("duration_variance_success_max", "duration_variance_partial_max"),
)


def _disagreements(values: Mapping[str, Any], sources: Mapping[str, str]) -> Iterator[str]:
    """Settings that are fine alone and make no sense together."""
    fields = setting_fields()
    for lower, higher in _ASCENDING:
        if lower in values and higher in values and values[lower] > values[higher]:
            low, high = fields[lower].metadata["path"], fields[higher].metadata["path"]
            yield (
                f"{low}={values[lower]} ({sources[lower]}): "
                f"must not be above {high}={values[higher]} ({sources[higher]})"
            )
