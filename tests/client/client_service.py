"""A toy dubbing service on python-socketio's AsyncServer: it keeps the contract and dubs by reversing."""

import asyncio
import base64
import time

import socketio

LANGUAGES = {"en", "es", "pt"}


def equip_service(sio: socketio.AsyncServer) -> None:
    sio.inits = []
    sio.ends = []
    streams: dict[str, dict] = {}

    @sio.on("stream:init")
    async def init(sid, data):
        sio.inits.append(data)
        if data["target_language"] not in LANGUAGES:
            told = {"code": "UNSUPPORTED_LANGUAGE", "message": "no voice for it", "retryable": False}
            await sio.emit("error", {**told, "severity": "error"}, to=sid)
            return
        stream_id = data.get("stream_id", "made-by-the-service")
        streams[sid] = {"id": stream_id, "done": 0, "ms": 0, "pending": set()}
        await sio.emit("warning", {"code": "QUOTA_NEAR_LIMIT", "message": "80 % used"}, to=sid)
        ready = {
            "stream_id": stream_id,
            "session_id": f"s-{sid}",
            "max_inflight": data.get("max_inflight", 3),
        }
        await sio.emit("stream:ready", {**ready, "capabilities": ["asr", "translation", "tts"]}, to=sid)

    @sio.on("fragment:data")
    async def fragment(sid, data):
        stream = streams[sid]
        acked = {"fragment_id": data["fragment_id"], "status": "queued", "timestamp": int(time.time() * 1000)}
        await sio.emit("fragment:ack", {**acked, "queue_position": len(stream["pending"])}, to=sid)
        task = asyncio.create_task(dub(sid, data))
        stream["pending"].add(task)
        await task
        stream["pending"].discard(task)

    async def dub(sid, data):
        await asyncio.sleep(0.02)
        stream = streams[sid]
        stream["done"] += 1
        stream["ms"] += data["duration_ms"]
        answer = {
            "fragment_id": data["fragment_id"],
            "stream_id": stream["id"],
            "sequence_number": data["sequence_number"],
            "processing_time_ms": 20,
        }
        audio = base64.b64decode(data["audio"])
        if not audio:
            why = {"stage": "asr", "code": "INVALID_AUDIO_FORMAT", "message": "empty", "retryable": False}
            await sio.emit("fragment:processed", {**answer, "status": "failed", "error": why}, to=sid)
            return
        await sio.emit(
            "fragment:processed",
            {
                **answer,
                "status": "success",
                "dubbed_audio": base64.b64encode(audio[::-1]).decode(),
                "dubbed_audio_info": {"format": "pcm_s16le", "sample_rate_hz": 16000, "channels": 1},
                "transcript": "olleh",
                "translated_text": "hello",
                "stage_timings": {"asr_ms": 5, "translation_ms": 5, "tts_ms": 10},
                "metadata": {"original_duration_ms": data["duration_ms"], **data.get("metadata", {})},
            },
            to=sid,
        )

    @sio.on("stream:end")
    async def end(sid, *args):
        sio.ends.append(args)
        stream = streams[sid]
        while stream["pending"]:
            await asyncio.wait(set(stream["pending"]))
        counts = {"success_count": stream["done"], "partial_count": 0, "failed_count": 0}
        times = {"avg_processing_time_ms": 20.0, "p95_processing_time_ms": 20.0}
        total = {"total_fragments": stream["done"], "total_duration_ms": stream["ms"]}
        told = {"stream_id": stream["id"], **total, **counts, **times, "statistics": {**counts, **times}}
        await sio.emit("stream:complete", told, to=sid)
