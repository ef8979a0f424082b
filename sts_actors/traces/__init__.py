"""Traces: one for each fragment that is drawn, across its actors and the processes of the engines.

OpenTelemetry makes them. It comes with the extra `otel` and is imported only where traces are wanted.
"""

from sts_actors.traces.opening import Traces, open_traces

__all__ = ["Traces", "open_traces"]
