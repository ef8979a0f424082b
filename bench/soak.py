"""200 streams at once, round after round: 24,000 fragments after a warm-up, and what they leave behind.

Every stream runs on the real line, models and scheduler, with engines that only pretend. Fails when
memory has grown by more than 1 MiB, a task or channel is left over, or a fragment is lost.
"""

import argparse
import gc
import os
import sys
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import numpy as np
import trio

from sts_actors.actors.collaborators import Collaborators
from sts_actors.actors.compute import inline
from sts_actors.actors.stream import open_stream
from sts_actors.actors.voicing import Voicing
from sts_actors.audio.fit import FitPolicy
from sts_actors.messages import AudioFormat, Container, FragmentFailed, StreamConfig
from sts_actors.models import open_models
from sts_actors.profiles import model_specs
from sts_actors.settings import load_settings
from supervision import channel_statistics

STREAMS, ROUNDS, FRAGMENTS = 200, 5, 24
IN_FLIGHT = 4
GROWTH_KB = 1024
LATENCY_S = 0.002
RATE_HZ = 16_000
LABEL = AudioFormat(container=Container.PCM_S16LE, sample_rate_hz=RATE_HZ, channels=1)
SECOND = (np.sin(np.arange(RATE_HZ) / 10) * 8000).astype(np.int16).tobytes()


def resident_kb():
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024


async def run_stream(collaborators, number, fragments, seconds=1):
    """One stream from its first fragment to its last result; how many did not come back well."""
    config = StreamConfig(
        stream_id=str(number), source_language="en", target_language="pt", label=LABEL, timeout_ms=30_000
    )
    lost = fragments
    room = trio.Semaphore(IN_FLIGHT)
    async with open_stream(config, collaborators, entrance_capacity=IN_FLIGHT) as stream:

        async def send():
            for fragment in range(fragments):
                await room.acquire()
                place = stream.arrive(
                    fragment_id=str(fragment), sequence_number=fragment, duration_ms=seconds * 1000
                )
                stream.submit(place.header, SECOND * seconds, LABEL)
            stream.end()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(send)
            async for due in stream:
                room.release()
                lost -= not isinstance(due.result, FragmentFailed)
    return lost


async def one_round(collaborators, streams, fragments):
    """So many streams at once; how many fragments were lost, and the process's size when all is over."""
    lost = []

    async def one(number):
        lost.append(await run_stream(collaborators, number, fragments))

    async with trio.open_nursery() as nursery:
        for number in range(streams):
            nursery.start_soon(one, number)
    gc.collect()
    return sum(lost), resident_kb()


@asynccontextmanager
async def open_models_of_fakes():
    """The models, with engines that take 2 ms a batch."""
    names = ("fake_asr_latency_s", "fake_translation_latency_s", "fake_tts_latency_s")
    batches = {"asr_batch": 64, "translation_batch": 64, "tts_batch": 64}
    settings = load_settings(
        profile="fake", overrides={**dict.fromkeys(names, LATENCY_S), **batches}, environment={}
    )
    async with open_models(model_specs(settings), device_tokens=settings.device_tokens) as models:
        await models.wait_ready()
        yield models, settings


@asynccontextmanager
async def open_line():
    """What the actors of a stream ask."""
    async with open_models_of_fakes() as (models, _):
        yield line_over(models)


def line_over(models):
    return Collaborators(
        recogniser=models.recogniser,
        translator=models.translator,
        synthesiser=models.synthesiser,
        voicing=Voicing(voice="", speed_range=models.speed_range, policy=FitPolicy(duration_policy="fit")),
        compute=inline,
    )


async def main(streams, rounds, fragments):
    async with open_models_of_fakes() as (models, settings):
        run = partial(one_round, line_over(models), streams, fragments)
        for number in range(2):
            _, warm_kb = await run()
            print(f"warm-up {number + 1}: {warm_kb} kB")
        tasks = trio.lowlevel.current_statistics().tasks_living
        faults = []
        for number in range(rounds):
            lost, size_kb = await run()
            print(
                f"round {number + 1}: {streams * fragments} fragments, {lost} lost, {size_kb - warm_kb:+d} kB"
            )
            faults += [f"{lost} fragments lost"] * bool(lost)
        if size_kb - warm_kb > GROWTH_KB:
            faults.append(f"memory grew by {size_kb - warm_kb} kB")
        left = trio.lowlevel.current_statistics().tasks_living - tasks
        if left:
            faults.append(f"{left} tasks left over")
        channels = [channel.name for channel in channel_statistics() if "stream/" in channel.name]
        faults += [f"channel {name} left over" for name in channels]
        if models.scheduler.statistics().tokens_free != settings.device_tokens:
            faults.append("tokens lost")
    print(f"{streams * rounds * fragments} fragments, " + ("; ".join(faults) or "nothing lost, nothing left"))
    return bool(faults)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=STREAMS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--fragments", type=int, default=FRAGMENTS)
    arguments = parser.parse_args()
    sys.exit(trio.run(main, arguments.streams, arguments.rounds, arguments.fragments))
