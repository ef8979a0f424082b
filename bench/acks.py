"""How soon `fragment:ack` comes while the engines have more to do than they can.

A service in a process of its own, several workers that each keep as many fragments in flight as they may.
The figures are this client's: from the moment that it hands a fragment to its socket to the ack's arrival.
"""

import argparse
import json
import re
import subprocess
import sys
import time
from contextlib import contextmanager
from functools import partial

import trio
from dub import read_fragments

from sts_actors.audio.pcm import decode_s16le, encode_s16le, resample
from sts_actors.client import Acked, Processed, StreamInit, open_client, open_dubbing_stream
from sts_actors.engines.weights.assets import package_file
from sts_actors.tally import percentile

APART_S = 0.5
"""At least so long between two fragments of a worker: the engines fall behind all the same, and what is timed
is not the worker's own burst."""
RATE_HZ = 16_000
SERVE = "from sts_actors.cli.main import main; main()"


@contextmanager
def service(profile):
    """The address of a service that is ready; it ends with the block."""
    command = [sys.executable, "-c", SERVE, "serve", "--profile", profile, "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            url = ""
            for line in process.stdout:
                url = url or re.search(r"http://\S+", line)[0]
                if line.startswith("ready"):
                    break
            yield url
        finally:
            process.terminate()


async def work(url, fragments, rate_hz, for_s, found, *, begin_s):
    """One worker that never lets the engines rest."""
    init = StreamInit(
        source_language="en", target_language="pt", sample_rate_hz=rate_hz, max_inflight=10, timeout_ms=30_000
    )
    sent = {}
    await trio.sleep(begin_s)
    async with open_client(url) as client, trio.open_nursery() as nursery:
        stream = await open_dubbing_stream(client, init)

        async def send():
            number = 0
            with trio.move_on_after(for_s):
                while True:
                    await stream.wait_for_room()
                    audio = fragments[number % len(fragments)]
                    name = f"f{number}"
                    sent[name] = time.perf_counter()
                    await stream.send_fragment(number, audio, 6000, fragment_id=name)
                    number += 1
                    await trio.sleep(APART_S)
            await stream.end()

        nursery.start_soon(send)
        async for event in stream.events:
            if isinstance(event, Acked):
                found["ack_ms"].append((time.perf_counter() - sent[event.fragment_id]) * 1000)
            elif isinstance(event, Processed):
                found["answers"].append(event.status)


def _at_16_khz(piece, rate_hz):
    return bytes(encode_s16le(resample(decode_s16le(piece, 1)[:, 0], rate_hz, RATE_HZ)[:, None]))


async def measure(url, workers, for_s):
    """All workers at once; acks in ms and what became of the fragments."""
    pieces, rate_hz = read_fragments(package_file("moonshine_voice", "assets/two_cities.wav"))
    fragments = [_at_16_khz(piece, rate_hz) for piece in pieces]
    found = {"ack_ms": [], "answers": []}
    async with trio.open_nursery() as nursery:
        for worker in range(workers):
            begin_s = worker * APART_S / workers
            nursery.start_soon(partial(work, url, fragments[:-1], RATE_HZ, for_s, found, begin_s=begin_s))
    return found


def main():
    """Print the figures as one line of JSON."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--profile", default="embedded")
    arguments.add_argument("--workers", type=int, default=3)
    arguments.add_argument("--seconds", type=float, default=60)
    asked = arguments.parse_args()
    with service(asked.profile) as url:
        found = trio.run(measure, url, asked.workers, asked.seconds)
    acks = found["ack_ms"]
    print(
        json.dumps(
            {
                "profile": asked.profile,
                "workers": asked.workers,
                "acks": len(acks),
                "answered": len(found["answers"]),
                "ack_p50_ms": round(percentile(acks, 0.5), 2),
                "ack_p99_ms": round(percentile(acks, 0.99), 2),
                "ack_max_ms": round(max(acks), 2),
            }
        )
    )


if __name__ == "__main__":
    main()
