"""What the media workers already deployed do, on python-socketio's asyncio client.

They open a WebSocket and never poll; send a nested `stream:init`; number their fragments from 0; send raw
ADTS AAC that they call `m4a`; keep three in flight at most; give a fragment up after eight seconds; stop at
`pause` and go on at `none` alone; and leave right after `stream:end`, without waiting for anything. The
service must serve them as they are.
"""

import asyncio
import base64
from typing import Any

import attrs
import socketio

IN_FLIGHT = 3
TIMER_S = 8.0
READY_S = 10.0
RATE_HZ = 48_000


@attrs.define(kw_only=True)
class Report:
    """What the worker saw.

    Attributes:
        ready: the payload of `stream:ready`; None where none came in time.
        acked: fragment ids of `fragment:ack`.
        processed: payloads of `fragment:processed`, in the order they came.
        given_up: numbers of fragments that were not answered within the timer.
        levels: actions of `backpressure`, in the order they came.
        errors: payloads of `error`.
        transports: what the connection went over.
    """

    ready: dict[str, Any] | None = None
    acked: list[str] = attrs.field(factory=list)
    processed: list[dict[str, Any]] = attrs.field(factory=list, repr=False)
    given_up: list[int] = attrs.field(factory=list)
    levels: list[str] = attrs.field(factory=list)
    errors: list[dict[str, Any]] = attrs.field(factory=list)
    transport: str = ""


def init_payload(stream_id: str) -> dict[str, Any]:
    """The nested `stream:init`."""
    return {
        "stream_id": stream_id,
        "worker_id": "media-worker-1",
        "config": {
            "source_language": "en",
            "target_language": "es",
            "voice_profile": "default",
            "chunk_duration_ms": 6000,
            "sample_rate_hz": RATE_HZ,
            "channels": 2,
            "format": "m4a",
        },
    }


def fragment_payload(stream_id: str, number: int, adts: bytes, duration_ms: int) -> dict[str, Any]:
    """A fragment whose `audio` is an object."""
    return {
        "fragment_id": f"{stream_id}-{number}",
        "stream_id": stream_id,
        "sequence_number": number,
        "timestamp": number * duration_ms,
        "audio": {
            "format": "m4a",
            "sample_rate_hz": RATE_HZ,
            "channels": 2,
            "duration_ms": duration_ms,
            "data_base64": base64.b64encode(adts).decode("ascii"),
        },
        "metadata": {"pts_ns": number * duration_ms * 1_000_000},
    }


async def dub_fragments(url: str, stream_id: str, fragments: list[bytes], duration_ms: int) -> Report:
    """Send the fragments as room allows, then end and leave. Runs under asyncio."""
    report = Report()
    ready, may_send = asyncio.Event(), asyncio.Event()
    may_send.set()
    room = asyncio.Semaphore(IN_FLIGHT)
    answered: dict[int, asyncio.Event] = {number: asyncio.Event() for number in range(len(fragments))}
    worker = socketio.AsyncClient(reconnection=False, handle_sigint=False)

    def on_ready(data: dict[str, Any]) -> None:
        report.ready = data
        ready.set()

    def on_processed(data: dict[str, Any]) -> None:
        report.processed.append(data)
        answered[data["sequence_number"]].set()

    def on_backpressure(data: dict[str, Any]) -> None:
        report.levels.append(data["action"])
        if data["action"] == "pause":
            may_send.clear()
        elif data["action"] == "none":
            may_send.set()

    worker.on("stream:ready", on_ready)
    worker.on("fragment:ack", lambda data: report.acked.append(data["fragment_id"]))
    worker.on("fragment:processed", on_processed)
    worker.on("backpressure", on_backpressure)
    worker.on("error", report.errors.append)

    async def send(number: int) -> None:
        await worker.emit(
            "fragment:data", fragment_payload(stream_id, number, fragments[number], duration_ms)
        )
        try:
            await asyncio.wait_for(answered[number].wait(), TIMER_S)
        except TimeoutError:
            report.given_up.append(number)
        finally:
            room.release()

    await worker.connect(url, transports=["websocket"])
    report.transport = worker.transport()
    await worker.emit("stream:init", init_payload(stream_id))
    await asyncio.wait_for(ready.wait(), READY_S)
    async with asyncio.TaskGroup() as tasks:
        for number in range(len(fragments)):
            await may_send.wait()
            await room.acquire()
            tasks.create_task(send(number))
    await worker.emit("stream:end", {"stream_id": stream_id, "reason": "source ended"})
    await worker.disconnect()
    return report
