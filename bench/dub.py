"""One live stream through the embedded engines: latency per fragment and stage, and the loop's answers.

While `two_cities.wav` is dubbed at the pace it was spoken, a second task asks `GET /health` ten times a
second: its latency shows whether inference ever holds the event loop.
"""

import argparse
import json
import sys
import time
import wave
from functools import partial
from statistics import median

import trio

from sts_actors.app import run_service
from sts_actors.client import Processed, StreamInit, open_client, open_dubbing_stream
from sts_actors.engines.weights.assets import package_file
from sts_actors.profiles import prepare
from sts_actors.settings import load_settings
from sts_actors.tally import percentile

FRAGMENT_S = 6.0
HEALTH_EVERY_S = 0.1


def read_fragments(path):
    """The sample as fragments of raw 16-bit PCM, and its rate."""
    with wave.open(str(path)) as sample:
        frames = round(FRAGMENT_S * sample.getframerate())
        count = -(-sample.getnframes() // frames)
        return [sample.readframes(frames) for _ in range(count)], sample.getframerate()


async def ask_health(url, latencies):
    """Time `GET /health` until cancelled."""
    host, port = url.removeprefix("http://").split(":")
    request = f"GET /health HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
    while True:
        started = time.perf_counter()
        async with await trio.open_tcp_stream(host, int(port)) as stream:
            await stream.send_all(request)
            async for _ in stream:
                pass
        latencies.append((time.perf_counter() - started) * 1000)
        await trio.sleep(HEALTH_EVERY_S)


async def dub(url, fragments, rate_hz):
    """Send the fragments at their pace, and return each answer with its latency in ms."""
    sent, answers = {}, []
    init = StreamInit(
        source_language="en", target_language="pt", sample_rate_hz=rate_hz, max_inflight=10, timeout_ms=30_000
    )
    async with open_client(url) as client, trio.open_nursery() as nursery:
        stream = await open_dubbing_stream(client, init)

        async def send():
            start = trio.current_time()
            spoken_s = 0.0
            for number, pcm in enumerate(fragments):
                spoken_s += len(pcm) / 2 / rate_hz
                await trio.sleep_until(start + spoken_s)
                sent[number] = time.perf_counter()
                await stream.send_fragment(number, pcm, round(len(pcm) / 2 / rate_hz * 1000))
            await stream.end()

        nursery.start_soon(send)
        async for event in stream.events:
            if isinstance(event, Processed):
                latency = (time.perf_counter() - sent[event.sequence_number]) * 1000
                answers.append((event, latency))
    return answers


async def main(profile):
    settings = load_settings(profile=profile, overrides={"port": 0}, environment={})
    prepare(settings)
    fragments, rate_hz = read_fragments(package_file("moonshine_voice", "assets/two_cities.wav"))
    health = []
    async with trio.open_nursery() as nursery:
        started = time.perf_counter()
        service = await nursery.start(partial(run_service, settings))
        await service.wait_ready()
        ready_s = time.perf_counter() - started
        nursery.start_soon(ask_health, service.url, health)
        answers = await dub(service.url, fragments, rate_hz)
        nursery.cancel_scope.cancel()
    latencies = [latency for _, latency in answers]
    stages = {
        stage: round(median(answer.stage_timings.get(stage, 0) for answer, _ in answers))
        for stage in ("asr_ms", "translation_ms", "tts_ms")
    }
    json.dump(
        {
            "profile": profile,
            "fragments": len(answers),
            "failed": sum(answer.status == "failed" for answer, _ in answers),
            "models_ready_s": round(ready_s, 2),
            "fragment_p50_ms": round(median(latencies)),
            "fragment_p95_ms": round(percentile(latencies, 0.95)),
            "stage_medians_ms": stages,
            "health_asked": len(health),
            "health_p50_ms": round(median(health), 2),
            "health_p99_ms": round(percentile(health, 0.99), 2),
            "health_max_ms": round(max(health), 2),
        },
        sys.stdout,
        indent=2,
    )
    print()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", default="embedded")
    trio.run(main, parser.parse_args().profile)
