"""What the console costs the loop: `GET /console/overview` and a stream's page while many streams are open.

`python bench/console.py --streams 100`. All in one process, so a figure is the whole exchange,
client included; that of `/health` beside it is what an exchange costs by itself. On a machine that has
other work the processor's time says more than the clock.
"""

import argparse
import statistics
from contextlib import AsyncExitStack
from functools import partial
from time import perf_counter, thread_time

import orjson
import trio

from sts_actors.app import run_service
from sts_actors.client import Processed, StreamInit, open_client, open_dubbing_stream
from sts_actors.settings import load_settings

QUICK = {"fake_asr_latency_s": 0.0, "fake_translation_latency_s": 0.0, "fake_tts_latency_s": 0.0}
FRAGMENT = bytes(2 * 16_000)


async def get(service, path):
    """Body, seconds by the clock and of the processor of one request over a connection of its own."""
    host, port = service.url.removeprefix("http://").split(":")
    async with await trio.open_tcp_stream(host, int(port)) as connection:
        began, worked = perf_counter(), thread_time()
        await connection.send_all(
            f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
        )
        data = b"".join([piece async for piece in connection])
        return data.partition(b"\r\n\r\n")[2], perf_counter() - began, thread_time() - worked


async def worker(service, number, fragments, task_status):  # noqa: ASYNC114 - it is started by `start`
    """A stream that stays open once its fragments have been answered."""
    async with open_client(service.url) as client:
        stream = await open_dubbing_stream(
            client,
            StreamInit(
                stream_id=f"match-{number}",
                source_language="en",
                target_language="pt",
                sample_rate_hz=16_000,
            ),
        )

        async def send():
            for fragment in range(fragments):
                await stream.wait_for_room()
                await stream.send_fragment(fragment, FRAGMENT, 1000)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(send)
            answered = 0
            async for event in stream.events:
                answered += isinstance(event, Processed)
                if answered == fragments:
                    task_status.started()


async def measure(streams, fragments, times):
    settings = load_settings(
        profile="fake",
        overrides={"port": 0, "max_concurrent_streams": streams, "fake_in_process": False, **QUICK},
        environment={},
    )
    async with AsyncExitStack() as stack:
        nursery = await stack.enter_async_context(trio.open_nursery())
        service = await nursery.start(partial(run_service, settings))
        await service.wait_ready()
        for number in range(streams):
            await nursery.start(worker, service, number, fragments)
        overview = orjson.loads((await get(service, "/console/overview"))[0])
        session_id = overview["streams"][0]["session_id"]
        print(
            f"{streams} streams, {fragments} fragments each: {len(overview['streams'])} shown, "
            f"{len(overview['actors'])} actors, {len(overview['channels'])} channels"
        )
        for path in ("/health", "/console/overview", f"/console/streams/{session_id}", "/debug/tasks"):
            taken, used = [], []
            for _ in range(times):
                body, seconds, worked = await get(service, path)
                taken.append(seconds * 1000)
                used.append(worked * 1000)
            name = path.replace(session_id, "ID")
            print(
                f"  {name}: processor {statistics.median(used):.2f} ms, longest {max(used):.2f} ms; "
                f"clock {statistics.median(taken):.2f} ms, longest {max(taken):.2f} ms; "
                f"{len(body) / 1024:.0f} KiB"
            )
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, nargs="*", default=[100, 200])
    parser.add_argument("--fragments", type=int, default=5)
    parser.add_argument("--times", type=int, default=50)
    chosen = parser.parse_args()
    for count in chosen.streams:
        trio.run(measure, count, chosen.fragments, chosen.times)
