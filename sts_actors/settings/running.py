"""What engines share, what is kept on disk, and how the fake ones pretend."""

import attrs

from sts_actors.settings.values import setting


@attrs.frozen(kw_only=True, slots=False)  # one of several bases
class RunningSettings:
    """See the module; units stand in the names."""

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
