"""Settings: defaults, profile, file, environment, command line, in that order; validated at the start.

Each setting stands once, in `Settings`, with its place in the TOML files, its environment variables and
what is allowed. `config/defaults.toml` holds the default values.
"""

import os
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs

from sts_actors.config_files import read_config
from sts_actors.errors import ConfigError

PROFILES = ("embedded", "production", "fake")
_BOOLEANS = {
    "1": True,
    "true": True,
    "yes": True,
    "on": True,
    "0": False,
    "false": False,
    "no": False,
    "off": False,
}


def _setting(
    path: str,
    *env: str,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    **field: Any,
) -> Any:
    metadata = {"path": path, "env": env, "low": low, "high": high, "choices": choices}
    return attrs.field(metadata=metadata, **field)


@attrs.frozen(kw_only=True)
class Settings:
    """The effective settings; units stand in the names."""

    profile: str
    host: str = _setting("server.host", "HOST")
    port: int = _setting("server.port", "PORT", low=0, high=65535)
    auth_token: str = _setting("server.auth_token", "STS_AUTH_TOKEN", repr=False)
    allow_public_without_token: bool = _setting(
        "server.allow_public_without_token", "STS_ALLOW_PUBLIC_WITHOUT_TOKEN"
    )
    cors_allowed_origins: str = _setting("server.cors_allowed_origins", "CORS_ALLOWED_ORIGINS")
    max_concurrent_streams: int = _setting("server.max_concurrent_streams", "MAX_CONCURRENT_STREAMS", low=1)
    auto_disconnect_delay_s: float = _setting(
        "server.auto_disconnect_delay_s", "AUTO_DISCONNECT_DELAY", low=0
    )
    drain_timeout_s: float = _setting("server.drain_timeout_s", "DRAIN_TIMEOUT", low=0)
    ping_interval_s: float = _setting("server.ping_interval_s", "WS_PING_INTERVAL", low=0.1)
    ping_timeout_s: float = _setting("server.ping_timeout_s", "WS_PING_TIMEOUT", low=0.1)
    max_buffer_bytes: int = _setting("server.max_buffer_bytes", "WS_MAX_BUFFER_SIZE", low=65536)
    log_level: str = _setting(
        "server.log_level", "LOG_LEVEL", choices=("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
    )
    max_inflight: int = _setting("stream.max_inflight", "MAX_INFLIGHT", low=1, high=10)
    fragment_timeout_ms: int = _setting(
        "stream.fragment_timeout_ms", "FRAGMENT_TIMEOUT_MS", low=1000, high=30_000
    )
    resume_window_s: float = _setting("stream.resume_window_s", "RESUME_WINDOW", low=0)
    resume_buffer_bytes: int = _setting("stream.resume_buffer_bytes", "RESUME_BUFFER_SIZE", low=65536)
    answer_margin_ms: int = _setting("stream.answer_margin_ms", low=0, high=999)
    duration_variance_success_max: float = _setting(
        "stream.duration_variance_success_max", "DURATION_VARIANCE_SUCCESS_MAX", low=0
    )
    duration_variance_partial_max: float = _setting(
        "stream.duration_variance_partial_max", "DURATION_VARIANCE_PARTIAL_MAX", low=0
    )
    duration_policy: str = _setting("stream.duration_policy", "DURATION_POLICY", choices=("fail", "fit"))
    backpressure_low: int = _setting("backpressure.low", "BACKPRESSURE_THRESHOLD_LOW", low=1)
    backpressure_medium: int = _setting("backpressure.medium", "BACKPRESSURE_THRESHOLD_MEDIUM", low=1)
    backpressure_high: int = _setting("backpressure.high", "BACKPRESSURE_THRESHOLD_HIGH", low=1)
    backpressure_critical: int = _setting("backpressure.critical", "BACKPRESSURE_THRESHOLD_CRITICAL", low=1)
    device_tokens: int = _setting("scheduler.device_tokens", "DEVICE_TOKENS", low=1)
    asr_tokens: int = _setting("scheduler.asr_tokens", "ASR_TOKENS", low=1)
    translation_tokens: int = _setting("scheduler.translation_tokens", low=1)
    tts_tokens: int = _setting("scheduler.tts_tokens", "TTS_TOKENS", low=1)
    asr_batch: int = _setting("scheduler.asr_batch", "ASR_BATCH", low=1)
    translation_batch: int = _setting("scheduler.translation_batch", low=1)
    tts_batch: int = _setting("scheduler.tts_batch", "TTS_BATCH", low=1)
    engine_grace_s: float = _setting("scheduler.engine_grace_s", "ENGINE_GRACE", low=0)
    asr_engine: str = _setting("asr.engine", "ASR_ENGINE", choices=("whisper", "fake"))
    asr_model: str = _setting("asr.model", "ASR_MODEL_SIZE")
    asr_device: str = _setting("asr.device", "ASR_DEVICE")
    asr_compute_type: str = _setting("asr.compute_type", "ASR_COMPUTE_TYPE")
    asr_threads: int = _setting("asr.threads", "ASR_THREADS", low=1)
    asr_timeout_ms: int = _setting("asr.timeout_ms", "ASR_TIMEOUT_MS", low=1)
    translation_engine: str = _setting(
        "translation.engine", "TRANSLATION_ENGINE", choices=("firefox", "deepl", "fake")
    )
    translation_timeout_ms: int = _setting("translation.timeout_ms", "TRANSLATION_TIMEOUT_MS", low=1)
    deepl_auth_key: str = _setting(
        "translation.deepl_auth_key", "DEEPL_AUTH_KEY", "DEEPL_API_KEY", repr=False
    )
    deepl_server_url: str = _setting("translation.deepl_server_url", "DEEPL_SERVER_URL")
    deepl_glossary: str = _setting("translation.deepl_glossary", "DEEPL_GLOSSARY_ID")
    deepl_calls_at_once: int = _setting(
        "translation.deepl_calls_at_once", "DEEPL_CALLS_AT_ONCE", low=1, high=64
    )
    tts_engine: str = _setting("tts.engine", "TTS_ENGINE", choices=("kokoro", "xtts", "fake"))
    tts_device: str = _setting("tts.device", "TTS_DEVICE")
    tts_threads: int = _setting("tts.threads", "TTS_THREADS", low=1)
    tts_timeout_ms: int = _setting("tts.timeout_ms", "TTS_TIMEOUT_MS", low=1)
    fake_seed: int = _setting("fake.seed", "FAKE_SEED")
    fake_in_process: bool = _setting("fake.in_process", "FAKE_IN_PROCESS")
    fake_asr_latency_s: float = _setting("fake.asr_latency_s", "FAKE_ASR_LATENCY", low=0)
    fake_translation_latency_s: float = _setting(
        "fake.translation_latency_s", "FAKE_TRANSLATION_LATENCY", low=0
    )
    fake_tts_latency_s: float = _setting("fake.tts_latency_s", "FAKE_TTS_LATENCY", low=0)


def load_settings(
    *,
    profile: str = "embedded",
    config_file: Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Settings:
    """The effective settings.

    Args:
        profile: one of `PROFILES`.
        config_file: a TOML file laid out as `config/defaults.toml`; any part of it.
        overrides: values by field name that win over all else: the command line's.
        environment: variables by name; the process's own by default.

    Raises:
        ConfigError: one line that names the setting, its value, where it came from and what is allowed.
    """
    if profile not in PROFILES:
        raise ConfigError(f"unknown profile {profile!r}: use one of {', '.join(PROFILES)}")
    environment = os.environ if environment is None else environment
    sources = [
        (_flatten(_parse_toml(read_config("defaults.toml"), "defaults.toml")), "defaults.toml"),
        (_flatten(_parse_toml(read_config(f"profiles/{profile}.toml"), profile)), f"profile {profile}"),
    ]
    if config_file is not None:
        sources.append((_flatten(_parse_toml(_read(config_file), str(config_file))), str(config_file)))
    fields = {field.name: field for field in attrs.fields(Settings) if field.name != "profile"}
    by_path = {field.metadata["path"]: name for name, field in fields.items()}
    values: dict[str, Any] = {"profile": profile}
    for table, source in sources:
        for path, value in table.items():
            if path not in by_path:
                raise ConfigError(f"{source}: there is no setting {path}")
            values[by_path[path]] = _check(fields[by_path[path]], value, f"{source}: {path}")
    for name, field in fields.items():
        for variable in field.metadata["env"]:
            if environment.get(variable, "") != "":
                values[name] = _check(field, _from_text(field, environment[variable], variable), variable)
                break
        if overrides and overrides.get(name) is not None:
            values[name] = _check(field, overrides[name], f"--{name.replace('_', '-')}")
    return Settings(**values)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from None


def _parse_toml(data: bytes, source: str) -> dict[str, Any]:
    try:
        return tomllib.loads(data.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{source} is not valid TOML: {error}") from None


def _flatten(table: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for section, content in table.items():
        if isinstance(content, dict):
            flat |= {f"{section}.{key}": value for key, value in content.items()}
        else:
            flat[section] = content
    return flat


def _from_text(field: "attrs.Attribute[Any]", raw: str, source: str) -> Any:
    parsers: dict[Any, Callable[[str], Any]] = {
        int: int,
        float: float,
        bool: lambda text: _BOOLEANS[text.lower()],
    }
    try:
        return parsers.get(field.type, str)(raw)
    except (KeyError, ValueError):
        raise ConfigError(f"{source}={_shown(field, raw)}: must be {_allowed(field)}") from None


def _check(field: "attrs.Attribute[Any]", value: Any, source: str) -> Any:
    if field.type is float and type(value) is int:
        value = float(value)
    limits = field.metadata
    good = type(value) is field.type
    if good and limits["choices"]:
        good = value in limits["choices"]
    if good and limits["low"] is not None:
        # Written so that NaN fails too.
        good = limits["low"] <= value
    if good and limits["high"] is not None:
        good = value <= limits["high"]
    if not good:
        raise ConfigError(f"{source}={_shown(field, value)}: must be {_allowed(field)}")
    return value


def _shown(field: "attrs.Attribute[Any]", value: object) -> str:
    # A setting kept out of `repr` is a secret, and no secret stands in an error.
    return repr(value) if field.repr else "(hidden)"


def _allowed(field: "attrs.Attribute[Any]") -> str:
    limits = field.metadata
    if limits["choices"]:
        return f"one of {', '.join(limits['choices'])}"
    kinds = {int: "an integer", float: "a number", bool: "true or false", str: "a text"}
    kind = kinds[field.type] if field.type in kinds else str(field.type)
    if limits["low"] is not None and limits["high"] is not None:
        return f"{kind} from {limits['low']} to {limits['high']}"
    return f"{kind} of at least {limits['low']}" if limits["low"] is not None else kind
