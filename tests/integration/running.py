"""Helpers of the integration tests: a running service, a connected worker."""

from contextlib import asynccontextmanager
from functools import partial

import trio

from sts_actors.app import run_service
from sts_actors.audio.pcm import decode_s16le, encode_s16le
from sts_actors.client import Processed, StreamInit, open_client, open_dubbing_stream
from sts_actors.engines.marks import mark, read_mark
from sts_actors.settings import load_settings

RATE_HZ = 16_000
QUICK = {"fake_asr_latency_s": 0.0, "fake_translation_latency_s": 0.0, "fake_tts_latency_s": 0.0}


@asynccontextmanager
async def running(**overrides):
    """A service of the fake profile on a free loopback port; settings by name."""
    settings = load_settings(profile="fake", overrides={"port": 0, **overrides}, environment={})
    async with trio.open_nursery() as nursery:
        service = await nursery.start(partial(run_service, settings))
        await service.wait_ready()
        yield service
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def dubbing(service, **init):
    """A worker with an open stream."""
    asked = {"source_language": "en", "target_language": "pt", "sample_rate_hz": RATE_HZ, **init}
    async with open_client(service.url) as client:
        yield await open_dubbing_stream(client, StreamInit(**asked))


def marked(stream, fragment, duration_s=1.0):
    """Raw PCM that says who it is."""
    samples = mark(stream, fragment, sample_rate_hz=RATE_HZ, duration_s=duration_s)
    return bytes(encode_s16le(samples[:, None]))


def who_speaks(audio):
    """Whose dub it is."""
    return read_mark(decode_s16le(audio, 1)[:, 0], RATE_HZ)


async def dub(stream, number, fragments, *, duration_s=1.0):
    """Send marked fragments as the service has room, and return all answers."""
    answers = []

    async def send():
        for fragment in range(fragments):
            await stream.wait_for_room()
            await stream.send_fragment(
                fragment, marked(number, fragment, duration_s), round(duration_s * 1000)
            )
        await stream.end()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(send)
        answers.extend([event async for event in stream.events if isinstance(event, Processed)])
    return answers


async def http_get(service, path):
    """Status line and body of a plain HTTP request."""
    host, port = service.url.removeprefix("http://").split(":")
    async with await trio.open_tcp_stream(host, int(port)) as connection:
        request = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        await connection.send_all(request.encode())
        data = b""
        async for piece in connection:
            data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    return int(head.split()[1]), body
