"""The panels of the dashboard: what is shown of a service, and by which expressions."""

from typing import Any

import attrs

I = 'instance=~"$instance"'  # noqa: E741 - it stands in every expression
RATE = "$__rate_interval"


@attrs.frozen
class Line:
    """An expression and what its series are called."""

    expression: str
    legend: str = ""


@attrs.frozen(kw_only=True)
class Panel:
    """`kind` is `lines`, `stat` or `heat`; `warn` is where a figure turns bad."""

    title: str
    means: str
    lines: tuple[Line, ...]
    unit: str = "short"
    kind: str = "lines"
    width: int = 8
    most: float | None = None
    warn: float | None = None


@attrs.frozen
class Row:
    """Panels under one heading."""

    title: str
    panels: tuple[Panel, ...]


def total(metric: str, by: str = "", **labels: str) -> str:
    """The sum over all instances that are looked at."""
    return f"sum{f' by ({by})' if by else ''} ({metric}{{{_match(labels)}}})"


def rate(metric: str, by: str = "", **labels: str) -> str:
    """How fast a counter grows, in one second."""
    return f"sum{f' by ({by})' if by else ''} (rate({metric}{{{_match(labels)}}}[{RATE}]))"


def quantile(share: float, metric: str, by: str = "") -> str:
    """Of a histogram: what so large a share is below."""
    return f"histogram_quantile({share:g}, {rate(f'{metric}_bucket', by=f'le, {by}' if by else 'le')})"


def mean(metric: str, by: str = "") -> str:
    """Of a histogram."""
    return f"{rate(f'{metric}_sum', by)} / {rate(f'{metric}_count', by)}"


def quantiles(metric: str, *shares: float) -> tuple[Line, ...]:
    """A line for each."""
    return tuple(Line(quantile(share, metric), f"{share:.0%}") for share in shares)


def _match(labels: dict[str, str]) -> str:
    return ",".join([I, *(f'{name}="{value}"' for name, value in labels.items())])


def stat(title: str, means: str, expression: str, **fields: Any) -> Panel:
    """One figure."""
    return Panel(title=title, means=means, lines=(Line(expression),), kind="stat", width=3, **fields)


FAILED = f"({rate('sts_fragments_total', outcome='failed')} + {rate('sts_original_audio_total')})"
NOW = Row(
    "Now",
    (
        stat("Ready", "Instances that say so of all.", f"avg(sts_ready{{{I}}})", unit="percentunit"),
        stat("Streams", "Open ones.", total("sts_streams")),
        stat(
            "Streams taken",
            "Of those that may be open.",
            f"{total('sts_streams')} / {total('sts_capacity_streams')}",
            unit="percentunit",
            warn=0.9,
        ),
        stat("In flight", "Fragments admitted and not yet answered.", total("sts_fragments_in_flight")),
        stat(
            "Dubbed at once",
            "Seconds of source dubbed in a second: streams that are kept up with.",
            rate("sts_dubbed_audio_seconds_total"),
        ),
        stat(
            "Failed",
            "Share of fragments, those answered with the original included.",
            f"{FAILED} / {rate('sts_fragments_total')}",
            unit="percentunit",
            warn=0.05,
        ),
        stat(
            "Answer",
            "95 % of the answers come within.",
            quantile(0.95, "sts_fragment_processing_seconds"),
            unit="s",
            warn=6,
        ),
        Panel(
            title="Version",
            means="Instances of each.",
            lines=(Line(f"count by (version) (sts_build_info{{{I}}})", "{{version}}"),),
            kind="stat",
            width=3,
        ),
    ),
)
QUALITY = Row(
    "Dubs",
    (
        Panel(
            title="Lag of the dub",
            means="How much later than its source a dub ends (seams carried; 0 with fixed ones).",
            lines=quantiles("sts_stream_lag_seconds", 0.5, 0.9, 0.99),
            unit="s",
        ),
        Panel(
            title="Real-time factor",
            means="From receipt to answer, by what the fragment lasts. Above 1, dubs fall behind.",
            lines=quantiles("sts_real_time_factor", 0.5, 0.9, 0.99),
            unit="percentunit",
            warn=1,
        ),
        Panel(
            title="Outcomes",
            means="Fragments answered in a second.",
            lines=(
                Line(rate("sts_fragments_total", "outcome"), "{{outcome}}"),
                Line(rate("sts_original_audio_total"), "original heard"),
            ),
            unit="reqps",
        ),
        Panel(
            title="Partial",
            means="Share of dubs that were cut or replaced by the original.",
            lines=(
                Line(
                    f"{rate('sts_fragments_total', outcome='partial')} / {rate('sts_fragments_total')}",
                    "partial",
                ),
            ),
            unit="percentunit",
            most=1,
        ),
        Panel(
            title="Tempo",
            means="How much faster dubs are than their synthesis; 1.2 is the most.",
            lines=(Line(mean("sts_dub_tempo_ratio"), "mean"), *quantiles("sts_dub_tempo_ratio", 0.9)),
        ),
        Panel(
            title="Cut off",
            means="Share of a fragment that its dub was still too long by.",
            lines=(Line(mean("sts_dub_overrun_ratio"), "mean"), *quantiles("sts_dub_overrun_ratio", 0.99)),
            unit="percentunit",
        ),
        Panel(
            title="Dubs listened to again",
            means="What the recogniser heard in those that were checked.",
            lines=(Line(rate("sts_dub_checks_total", "outcome"), "{{outcome}}"),),
            unit="reqps",
        ),
        Panel(
            title="Errors",
            means="Failures by stage and code.",
            lines=(Line(rate("sts_fragment_errors_total", "stage, code"), "{{stage}} {{code}}"),),
            unit="reqps",
        ),
        Panel(
            title="Refused",
            means="Streams and fragments refused at the edge.",
            lines=(Line(rate("sts_rejected_total", "reason"), "{{reason}}"),),
            unit="reqps",
        ),
    ),
)
TIMES = Row(
    "Where the time goes",
    (
        Panel(
            title="From receipt to answer",
            means="All stages, all waiting.",
            lines=quantiles("sts_fragment_processing_seconds", 0.5, 0.9, 0.99),
            unit="s",
        ),
        Panel(
            title="Answers by time",
            means="Brighter is more.",
            lines=(Line(rate("sts_fragment_processing_seconds_bucket", "le"), "{{le}}"),),
            unit="s",
            kind="heat",
        ),
        Panel(
            title="Stages, 90 %",
            means="Of one fragment, waiting for the model included.",
            lines=(
                Line(quantile(0.9, "sts_asr_duration_seconds"), "asr"),
                Line(quantile(0.9, "sts_translation_duration_seconds"), "translation"),
                Line(quantile(0.9, "sts_tts_duration_seconds"), "tts"),
            ),
            unit="s",
        ),
        Panel(
            title="Waiting for a model, 90 %",
            means="In its queue, until a batch was begun.",
            lines=(Line(quantile(0.9, "sts_queue_wait_seconds", "stage"), "{{stage}}"),),
            unit="s",
        ),
        Panel(
            title="Requests that wait",
            means="In each model's queue.",
            lines=(Line(total("sts_queue_waiting", "stage"), "{{stage}}"),),
        ),
        Panel(
            title="Left unserved",
            means="Dropped as too late, or left by their stream.",
            lines=(
                Line(rate("sts_queue_expired_total", "stage"), "{{stage}} too late"),
                Line(rate("sts_queue_withdrawn_total", "stage"), "{{stage}} left"),
            ),
            unit="reqps",
        ),
    ),
)
DEVICE = Row(
    "Device and models",
    (
        Panel(
            title="Tokens in use",
            means="Share of the device's inference tokens, over time.",
            lines=(
                Line(f"{rate('sts_engine_token_seconds_total')} / {total('sts_capacity_tokens')}", "in use"),
                Line(f"{total('sts_engine_tokens', state='used')} / {total('sts_capacity_tokens')}", "now"),
            ),
            unit="percentunit",
            most=1,
        ),
        Panel(
            title="Batch size",
            means="Requests of one inference, in the mean.",
            lines=(Line(mean("sts_batch_size", "stage"), "{{stage}}"),),
        ),
        Panel(
            title="Served",
            means="Requests handed to each model in a second.",
            lines=(Line(rate("sts_queue_served_total", "stage"), "{{stage}}"),),
            unit="reqps",
        ),
        Panel(
            title="GPU",
            means="Share of time in which it computed, as its driver says.",
            lines=(
                Line(
                    f"max by (instance, device) (sts_gpu_utilization_ratio{{{I}}})", "{{instance}} {{device}}"
                ),
            ),
            unit="percentunit",
            most=1,
        ),
        Panel(
            title="GPU memory",
            means="In use, whoever holds it, and all there is.",
            lines=(
                Line(
                    f"max by (instance, device) (sts_gpu_memory_used_bytes{{{I}}})",
                    "{{instance}} {{device}} used",
                ),
                Line(
                    f"max by (instance, device) (sts_gpu_memory_total_bytes{{{I}}})",
                    "{{instance}} {{device}} all",
                ),
            ),
            unit="bytes",
        ),
        Panel(
            title="Memory of the models",
            means="What their processes hold.",
            lines=(Line(total("sts_model_memory_bytes", "stage, memory"), "{{stage}} {{memory}}"),),
            unit="bytes",
        ),
        Panel(
            title="Models loaded",
            means="0: it is loading, or has died.",
            lines=(Line(f"min by (stage) (sts_model_loaded{{{I}}})", "{{stage}}"),),
            most=1,
        ),
        Panel(
            title="Restarts",
            means="Actors and models started anew, in five minutes.",
            lines=(Line(f"sum by (actor) (increase(sts_actor_restarts_total{{{I}}}[5m]))", "{{actor}}"),),
        ),
        Panel(
            title="Slowed down for memory",
            means="1: streams are told to slow down.",
            lines=(Line(f"max by (instance) (sts_memory_pressure{{{I}}})", "{{instance}}"),),
            most=1,
        ),
    ),
)
INSIDE = Row(
    "Inside",
    (
        Panel(
            title="Run loop, 99 %",
            means="How long a pass takes: what comes meanwhile is that late.",
            lines=(Line(quantile(0.99, "sts_event_loop_lag_seconds"), "99%"),),
            unit="s",
            warn=0.1,
        ),
        Panel(
            title="Stalls",
            means="Steps of over 0.1 s, in five minutes; /debug/tasks names the culprit.",
            lines=(Line(f"sum(increase(sts_event_loop_stalls_total{{{I}}}[5m]))", "stalls"),),
        ),
        Panel(
            title="Who uses the loop",
            means="Share of one core, the ten busiest kinds of task.",
            lines=(Line(f"topk(10, {rate('sts_task_busy_seconds_total', 'role')})", "{{role}}"),),
            unit="percentunit",
        ),
        Panel(
            title="Channels",
            means="Items between actors, by kind of channel. The stage after a full one is the slow one.",
            lines=(Line(total("sts_channel_fill", "channel"), "{{channel}}"),),
        ),
        Panel(
            title="Who waits to send",
            means="Actors held up by the next one.",
            lines=(Line(total("sts_channel_waiting_senders", "channel"), "{{channel}}"),),
        ),
        Panel(
            title="Characters billed by DeepL",
            means="In an hour.",
            lines=(Line(f"sum(increase(sts_deepl_characters_total{{{I}}}[1h]))", "characters"),),
        ),
        Panel(
            title="DeepL's quota",
            means="Share of the billing period's characters that is used, by whomever.",
            lines=(
                Line(
                    f"max(sts_deepl_quota_used_characters{{{I}}} / sts_deepl_quota_limit_characters{{{I}}})",
                    "used",
                ),
            ),
            unit="percentunit",
            most=1,
            warn=0.9,
        ),
        Panel(
            title="DeepL left alone",
            means="1: its breaker is open.",
            lines=(Line(f"max by (stage) (sts_breaker_open{{{I}}})", "{{stage}}"),),
            most=1,
        ),
        Panel(
            title="Recordings lost",
            means="Files of recorded streams that did not get to the disk.",
            lines=(Line(total("sts_artifacts_lost"), "files"),),
        ),
    ),
)
ROWS = (NOW, QUALITY, TIMES, DEVICE, INSIDE)
