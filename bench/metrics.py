"""What a scrape of `/metrics` costs while many streams are dubbed: its time, its size, and where they come from.

The service runs in a process of its own with engines that only pretend; the streams send a fragment each
second. `/health` is asked in turn, for it waits behind the same run loop and does nothing: what a scrape
takes longer than that is the scrape's own. Fails above 10 ms of its own in the median, or above 60 KB.
"""

import argparse
import os
import re
import subprocess
import sys
import time
from contextlib import AsyncExitStack, suppress
from statistics import median, quantiles

import trio

from sts_actors.client import ClientError, StreamInit, open_client, open_dubbing_stream

STREAMS, SCRAPES = 200, 60
EVERY_S = 0.5
WITHIN_S, WITHIN_BYTES = 0.010, 60_000
RATE_HZ = 16_000
SECOND = bytes(2 * RATE_HZ)


async def get(port, path):
    began = time.perf_counter()
    async with await trio.open_tcp_stream("127.0.0.1", port) as connection:
        request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
        await connection.send_all(request.encode())
        data = b"".join([piece async for piece in connection])
    return time.perf_counter() - began, data.partition(b"\r\n\r\n")[2]


async def feed(stream):
    """A second of sound each second, for ever."""
    number = 0
    async with trio.open_nursery() as nursery:
        nursery.start_soon(drain, stream)
        while True:
            await stream.wait_for_room()
            await stream.send_fragment(number, SECOND, 1000)
            number += 1
            await trio.sleep(1)


async def drain(stream):
    with suppress(ClientError):
        async for _ in stream.events:
            pass


async def measure(port, streams, scrapes):
    async with AsyncExitStack() as stack, trio.open_nursery() as nursery:
        for number in range(streams):
            client = await stack.enter_async_context(open_client(f"http://127.0.0.1:{port}"))
            init = StreamInit(
                source_language="en",
                target_language="pt",
                sample_rate_hz=RATE_HZ,
                stream_id=f"match-{number}",
            )
            nursery.start_soon(feed, await open_dubbing_stream(client, init))
        await trio.sleep(5)
        scraped, idle, sizes = [], [], []
        for _ in range(scrapes):
            idle.append((await get(port, "/health"))[0])
            seconds, body = await get(port, "/metrics")
            scraped.append(seconds)
            sizes.append(len(body))
            await trio.sleep(EVERY_S)
        nursery.cancel_scope.cancel()
    return scraped, idle, sizes, body


def report(scraped, idle, sizes, body):
    own = median(scraped) - median(idle)
    for name, figures in (("/metrics", scraped), ("/health", idle)):
        print(
            f"{name}: median {median(figures) * 1000:.1f} ms, "
            f"95 % within {quantiles(figures, n=20)[-1] * 1000:.1f} ms"
        )
    lines = [line for line in body.decode().splitlines() if not line.startswith("#")]
    print(f"own time {own * 1000:.1f} ms, {max(sizes)} bytes, {len(lines)} series")
    families = {}
    for line in lines:
        name = re.sub(r"(_bucket|_sum|_count)?[ {].*", "", line)
        families[name] = families.get(name, 0) + len(line) + 1
    for name, size in sorted(families.items(), key=lambda item: -item[1])[:5]:
        print(f"  {name}: {size} bytes")
    streams = re.search(rb"(?m)^sts_streams (\S+)", body)[1].decode()
    print(f"{float(streams):.0f} streams were open")
    return own > WITHIN_S or max(sizes) > WITHIN_BYTES


def main(streams, scrapes):
    command = (sys.executable, "-m", "sts_actors.cli.main", "serve", "--profile", "fake", "--port", "0")
    environment = {**os.environ, "MAX_CONCURRENT_STREAMS": str(streams + 1), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as service:
        try:
            for line in service.stdout:
                found = re.search(r"http://[^:]+:(\d+)", line)
                if found:
                    break
            else:
                sys.exit("the service did not start")
            return report(*trio.run(measure, int(found[1]), streams, scrapes))
        finally:
            service.terminate()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=STREAMS)
    parser.add_argument("--scrapes", type=int, default=SCRAPES)
    arguments = parser.parse_args()
    sys.exit(main(arguments.streams, arguments.scrapes))
