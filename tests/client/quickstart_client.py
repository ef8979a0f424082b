"""What a worker written after the quick start does, on python-socketio's asyncio client.

It connects by polling and lets the library upgrade; names itself in headers; sends a flat `stream:init`;
sends, when the stream is ready, a whole WAV file in base64 that it calls `pcm_s16le`, numbered 1; waits
for the result; and ends with a `stream:end` that carries nothing. Such workers are in the field: the
service must serve them as they are.
"""

import asyncio
import base64
from typing import Any

import attrs
import socketio

STREAM_ID = "quickstart-stream"
WORKER_ID = "quickstart-worker"
FRAGMENT_ID = "quickstart-fragment"


@attrs.define(kw_only=True)
class Report:
    """What the worker saw, in the order it came.

    Attributes:
        upgraded: whether the library ended up on WebSocket.
        order: names of all contract events.
        ready, ack, processed, complete: their payloads; None where none came.
        errors: payloads of `error`.
        dubbed: the decoded dub; empty where there is none.
    """

    upgraded: bool = False
    order: list[str] = attrs.field(factory=list)
    ready: dict[str, Any] | None = None
    ack: dict[str, Any] | None = None
    processed: dict[str, Any] | None = None
    complete: dict[str, Any] | None = None
    errors: list[dict[str, Any]] = attrs.field(factory=list)
    dubbed: bytes = attrs.field(default=b"", repr=False)


async def dub_one_fragment(  # noqa: C901 - a worker's handlers, as such workers write them
    url: str,
    wav: bytes,
    *,
    source_language: str = "en",
    target_language: str = "es",
    voice_profile: str | None = None,
    duration_ms: int = 6000,
    sample_rate_hz: int = 16_000,
    timeout_s: float = 30.0,
) -> Report:
    """Dub one WAV file as one fragment. Runs under asyncio.

    Args:
        url: the service, `http://host:port`.
        wav: the whole file, header included.
        source_language, target_language, voice_profile: for `stream:init`.
        duration_ms, sample_rate_hz: what the worker claims the file has.
        timeout_s: for each of ready, result and completion; a step without an answer ends the wait, not
            the run, and leaves its field None.
    """
    report = Report()
    settled = {name: asyncio.Event() for name in ("stream:ready", "fragment:processed", "stream:complete")}
    # No reconnection: a server that drops the worker is to be seen, not to be papered over.
    worker = socketio.AsyncClient(reconnection=False, handle_sigint=False)

    async def send_fragment() -> None:
        await worker.emit(
            "fragment:data",
            {
                "fragment_id": FRAGMENT_ID,
                "stream_id": STREAM_ID,
                "sequence_number": 1,
                "timestamp": 0,
                "audio": base64.b64encode(wav).decode("ascii"),
                "sample_rate": sample_rate_hz,
                "channels": 1,
                "format": "pcm_s16le",
                "duration_ms": duration_ms,
            },
        )

    @worker.on("stream:ready")
    async def on_ready(data: dict[str, Any]) -> None:
        report.order.append("stream:ready")
        report.ready = data
        await send_fragment()
        settled["stream:ready"].set()

    @worker.on("fragment:ack")
    def on_ack(data: dict[str, Any]) -> None:
        report.order.append("fragment:ack")
        report.ack = data

    @worker.on("fragment:processed")
    def on_processed(data: dict[str, Any]) -> None:
        report.order.append("fragment:processed")
        report.processed = data
        if data["status"] == "success":
            report.dubbed = base64.b64decode(data["dubbed_audio"])
        settled["fragment:processed"].set()

    @worker.on("stream:complete")
    def on_complete(data: dict[str, Any]) -> None:
        report.order.append("stream:complete")
        report.complete = data
        settled["stream:complete"].set()

    @worker.on("error")
    def on_error(data: dict[str, Any]) -> None:
        report.order.append("error")
        report.errors.append(data)

    async def wait_for(event: str) -> bool:
        try:
            await asyncio.wait_for(settled[event].wait(), timeout_s)
        except TimeoutError:
            return False
        return True

    init = {
        "source_language": source_language,
        "target_language": target_language,
        "chunk_duration_ms": duration_ms,
        "sample_rate_hz": sample_rate_hz,
        "channels": 1,
        "format": "pcm_s16le",
    }
    if voice_profile is not None:
        init["voice_profile"] = voice_profile
    await worker.connect(url, headers={"X-Stream-ID": STREAM_ID, "X-Worker-ID": WORKER_ID})
    try:
        report.upgraded = worker.transport() == "websocket"
        await worker.emit("stream:init", init)
        if await wait_for("stream:ready") and await wait_for("fragment:processed"):
            await worker.emit("stream:end")
            await wait_for("stream:complete")
    finally:
        await worker.disconnect()
    return report


@attrs.define(kw_only=True)
class BurstReport:
    """What a worker saw that sends all it has at once.

    Attributes:
        acked: fragment ids of `fragment:ack`.
        processed, errors: payloads, in the order they came.
        levels: actions of `backpressure`, in the order they came.
        complete: the payload of `stream:complete`.
        closed_after_s: from `stream:complete` to the end of the connection; None where it was not closed.
    """

    acked: list[str] = attrs.field(factory=list)
    processed: list[dict[str, Any]] = attrs.field(factory=list, repr=False)
    errors: list[dict[str, Any]] = attrs.field(factory=list)
    levels: list[str] = attrs.field(factory=list)
    complete: dict[str, Any] | None = None
    closed_after_s: float | None = None


async def burst(url: str, wavs: list[bytes], *, timeout_s: float = 30.0) -> BurstReport:
    """Send all fragments at once, numbered from 1, heedless of `max_inflight`; wait to be disconnected."""
    report = BurstReport()
    loop = asyncio.get_running_loop()
    ready, answered, closed = asyncio.Event(), asyncio.Event(), asyncio.Event()
    completed_at = 0.0
    worker = socketio.AsyncClient(reconnection=False, handle_sigint=False)

    def on_processed(data: dict[str, Any]) -> None:
        report.processed.append(data)
        if len(report.processed) == len(wavs):
            answered.set()

    def on_complete(data: dict[str, Any]) -> None:
        nonlocal completed_at
        report.complete = data
        completed_at = loop.time()

    def on_disconnect(*_reason: Any) -> None:
        report.closed_after_s = loop.time() - completed_at
        closed.set()

    worker.on("stream:ready", lambda _data: ready.set())
    worker.on("fragment:ack", lambda data: report.acked.append(data["fragment_id"]))
    worker.on("fragment:processed", on_processed)
    worker.on("backpressure", lambda data: report.levels.append(data["action"]))
    worker.on("error", report.errors.append)
    worker.on("stream:complete", on_complete)
    worker.on("disconnect", on_disconnect)
    await worker.connect(url, headers={"X-Stream-ID": "burst-stream"})
    try:
        await worker.emit("stream:init", {"source_language": "en", "target_language": "es"})
        await asyncio.wait_for(ready.wait(), timeout_s)
        for number, wav in enumerate(wavs, 1):
            audio = base64.b64encode(wav).decode("ascii")
            payload = {"fragment_id": f"burst-{number}", "sequence_number": number, "audio": audio}
            await worker.emit("fragment:data", payload)
        await asyncio.wait_for(answered.wait(), timeout_s)
        await worker.emit("stream:end")
        await asyncio.wait_for(closed.wait(), timeout_s)
    finally:
        await worker.disconnect()
    return report
