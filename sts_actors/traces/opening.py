"""From settings to traces: who makes them and where they go, by the standard `OTEL_*` variables."""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import attrs
import trio

from sts_actors import __version__
from sts_actors.errors import ConfigError
from sts_actors.settings import Settings
from sts_actors.traces.traceparent import drawn
from sts_actors.witness import Witness

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

SHUTDOWN_S = 5.0
"""How long the last spans may take to get to where they go."""


@attrs.frozen(kw_only=True)
class Traces:
    """Who makes spans of what is told, and who says which fragments are traced."""

    witness: Witness = attrs.field(factory=Witness)
    new_trace: Callable[[], str] = lambda: ""


@asynccontextmanager
async def open_traces(settings: Settings) -> AsyncIterator[Traces]:
    """Trace the share of fragments that the settings name, for the length of the block.

    Raises:
        ConfigError: there is no OpenTelemetry to do so.
    """
    if not settings.trace_ratio or os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        yield Traces()
        return
    try:
        provider, witness = await trio.to_thread.run_sync(_open, trio.current_time())
    except ImportError as error:
        raise ConfigError(
            f"traces need OpenTelemetry ({error}); run: pip install 'sts_actors[otel]', or set TRACE_RATIO=0"
        ) from None
    try:
        yield Traces(witness=witness, new_trace=drawn(settings.trace_ratio))
    finally:
        # It waits for its own thread, and that one for the network.
        with trio.move_on_after(SHUTDOWN_S, shield=True):
            await trio.to_thread.run_sync(provider.shutdown, abandon_on_cancel=True)


def _open(now: float) -> "tuple[TracerProvider, Witness]":
    # Here, for they are there only where they are wanted.
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.sampling import ALWAYS_ON  # noqa: PLC0415

    from sts_actors.traces.spans import GivenIds, WallClock  # noqa: PLC0415
    from sts_actors.traces.witness import TraceWitness  # noqa: PLC0415

    ids = GivenIds()
    own = Resource({"service.name": "sts-actors", "service.version": __version__})
    provider = TracerProvider(
        sampler=ALWAYS_ON,  # what is not to be sampled has no traceparent
        resource=own.merge(OTELResourceDetector().detect()),
        id_generator=ids,
        shutdown_on_exit=False,
    )
    provider.add_span_processor(_processor())
    return provider, TraceWitness(provider.get_tracer("sts_actors", __version__), ids, WallClock(now))


def _processor() -> "SpanProcessor":
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    return BatchSpanProcessor(OTLPSpanExporter())
