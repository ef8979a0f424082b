"""What a scrape of `/metrics` costs while many streams are dubbed: its time, its size, and what takes room.

The service runs in a process of its own with engines that only pretend; the streams send six seconds each six
seconds, as live ones do. Told are the processor time of making the page, and what asking for it takes, beside
`/health`, which waits behind the same run loop and does nothing. Fails where the former is above 10 ms in the
median, or the page above 60 KB.
"""

import argparse
import os
import re
import subprocess
import sys
import threading
import time
from contextlib import suppress
from itertools import count
from statistics import median, quantiles

import trio

from sts_actors.client import ClientError, StreamInit, open_client, open_dubbing_stream

STREAMS, SCRAPES = 200, 60
EVERY_S = 0.5
MADE = "made in "
WITHIN_S, WITHIN_BYTES = 0.010, 60_000
RATE_HZ = 16_000
FRAGMENT_S = 6
FRAGMENT = bytes(2 * RATE_HZ * FRAGMENT_S)


async def get(port, path):
    began = time.perf_counter()
    async with await trio.open_tcp_stream("127.0.0.1", port) as connection:
        request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
        await connection.send_all(request.encode())
        data = b"".join([piece async for piece in connection])
    return time.perf_counter() - began, data.partition(b"\r\n\r\n")[2]


async def feed(port, number, task_status=trio.TASK_STATUS_IGNORED):  # noqa: ASYNC114 - a helper of this file alone
    """A live stream, for ever; the first fragments of all are spread over the time that one lasts."""
    init = StreamInit(
        source_language="en", target_language="pt", sample_rate_hz=RATE_HZ, stream_id=f"match-{number}"
    )
    async with open_client(f"http://127.0.0.1:{port}") as client:
        stream = await open_dubbing_stream(client, init)
        task_status.started()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(drain, stream)
            await trio.sleep(number * 0.618 % 1 * FRAGMENT_S)
            for fragment in count():
                await stream.wait_for_room()
                await stream.send_fragment(fragment, FRAGMENT, FRAGMENT_S * 1000)
                await trio.sleep(FRAGMENT_S)


async def drain(stream):
    with suppress(ClientError):
        async for _ in stream.events:
            pass


async def measure(port, streams, scrapes):
    async with trio.open_nursery() as nursery:
        for number in range(streams):
            await nursery.start(feed, port, number)
        await trio.sleep(2 * FRAGMENT_S)
        scraped, idle, sizes = [], [], []
        for _ in range(scrapes):
            idle.append((await get(port, "/health"))[0])
            seconds, body = await get(port, "/metrics")
            scraped.append(seconds)
            sizes.append(len(body))
            await trio.sleep(EVERY_S)
        nursery.cancel_scope.cancel()
    return scraped, idle, sizes, body


def report(scraped, idle, made, sizes, body):
    for name, figures in (("made", made), ("/metrics", scraped), ("/health", idle)):
        print(
            f"{name}: median {median(figures) * 1000:.1f} ms, "
            f"95 % within {quantiles(figures, n=20)[-1] * 1000:.1f} ms"
        )
    lines = [line for line in body.decode().splitlines() if not line.startswith("#")]
    print(f"{max(sizes)} bytes, {len(lines)} series")
    families = {}
    for line in lines:
        name = re.sub(r"(_bucket|_sum|_count)?[ {].*", "", line)
        families[name] = families.get(name, 0) + len(line) + 1
    for name, size in sorted(families.items(), key=lambda item: -item[1])[:5]:
        print(f"  {name}: {size} bytes")
    streams = re.search(rb"(?m)^sts_streams (\S+)", body)[1].decode()
    print(f"{float(streams):.0f} streams were open")
    return median(made) > WITHIN_S or max(sizes) > WITHIN_BYTES


def serve():
    """The service, saying the processor time of each page in seconds."""
    from sts_actors.cli.main import run
    from sts_actors.metrics import Metrics

    plain = Metrics.render

    def timed(metrics):
        began = time.thread_time()
        body = plain(metrics)
        print(f"{MADE}{time.thread_time() - began}", flush=True)
        return body

    Metrics.render = timed
    run(["serve", "--profile", "fake", "--port", "0"])


def main(streams, scrapes):
    environment = {**os.environ, "MAX_CONCURRENT_STREAMS": str(streams + 1)}
    command = (sys.executable, __file__, "--serve")
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as service:
        found = None
        while found is None:
            line = service.stdout.readline()
            if not line:
                sys.exit("the service did not start")
            found = re.search(r"listening on http://[^:]+:(\d+)", line)
        made = []
        reader = threading.Thread(target=read, args=(service.stdout, made))
        reader.start()
        try:
            scraped, idle, sizes, body = trio.run(measure, int(found[1]), streams, scrapes)
        finally:
            service.terminate()
            reader.join()
    return report(scraped, idle, made, sizes, body)


def read(lines, made):
    made += [float(line.removeprefix(MADE)) for line in lines if line.startswith(MADE)]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=STREAMS)
    parser.add_argument("--scrapes", type=int, default=SCRAPES)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    sys.exit(serve() if arguments.serve else main(arguments.streams, arguments.scrapes))
