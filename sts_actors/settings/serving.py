"""The server, its streams, and when they are full."""

import attrs

from sts_actors.settings.values import setting


@attrs.frozen(kw_only=True, slots=False)  # one of several bases
class ServingSettings:
    """See the module; units stand in the names."""

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
        means="how long an ended stream may take for what is in flight; so all of them after SIGTERM",
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
        means="the least that is logged; DEBUG shows what was said",
    )
    log_format: str = setting(
        "server.log_format",
        "LOG_FORMAT",
        choices=("auto", "json", "console"),
        means="`auto`: text on a terminal, else JSON",
    )
    trace_ratio: float = setting(
        "server.trace_ratio",
        "TRACE_RATIO",
        low=0,
        high=1,
        means="share of fragments that are traced; above 0 needs the extra `otel`",
    )
    gpu_monitoring_interval_s: float = setting(
        "server.gpu_monitoring_interval_s",
        "GPU_MONITORING_INTERVAL",
        low=0.1,
        means="between two looks at the devices' memory",
    )
    console_audio_bytes: int = setting(
        "console.audio_bytes",
        "CONSOLE_AUDIO_BYTES",
        low=0,
        means="sound that the console keeps for playing, of all streams together; the oldest goes first",
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
        means="`original`: a fragment whose dub fails is answered with its own sound, as `partial`",
    )
    seam: str = setting(
        "stream.seam",
        "SEAM",
        choices=("carry", "fixed"),
        means="for workers that say nothing: words cut by a fragment's end go with the next one, or do not",
    )
    bed: str = setting(
        "stream.bed",
        "BED",
        choices=("none", "duck"),
        means="for workers that say nothing: the original softly under the dub",
    )
    bed_level_db: float = setting(
        "stream.bed_level_db", "BED_LEVEL_DB", low=-60, high=0, means="how soft where somebody speaks"
    )
    bed_ramp_ms: int = setting(
        "stream.bed_ramp_ms", "BED_RAMP_MS", low=10, high=2000, means="how long it takes to get there"
    )
    verify: float = setting(
        "stream.verify",
        "VERIFY",
        low=0,
        high=1,
        means="for workers that say nothing: share of dubs that are recognised again and compared",
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
