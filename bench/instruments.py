"""What it costs to have the loop's instrument always on: the same load with it and without it.

Two loads, interleaved in one process, medians of seven: streams on the real line with engines that only
pretend, which is what the service does, and two tasks that hand each other a message, which is nothing but
task steps.
"""

import argparse
import time
from contextlib import nullcontext
from functools import partial
from statistics import median

import trio
from soak import open_line, run_stream

from supervision import open_loop_instrument

ROUNDS = 7
STREAMS, FRAGMENTS, FRAGMENT_S = 20, 25, 6
MESSAGES = 20_000


async def streams():
    async with open_line() as collaborators, trio.open_nursery() as nursery:
        for number in range(STREAMS):
            nursery.start_soon(run_stream, collaborators, number, FRAGMENTS, FRAGMENT_S)


async def messages():
    there_send, there = trio.open_memory_channel(1)
    back_send, back = trio.open_memory_channel(1)

    async def echo():
        async for message in there:
            await back_send.send(message)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(echo)
        for number in range(MESSAGES):
            await there_send.send(number)
            await back.receive()
        there_send.close()


async def timed(load, *, instrumented):
    with open_loop_instrument() if instrumented else nullcontext():
        began = time.process_time()
        await load()
        return time.process_time() - began


def main(rounds):
    for load, meaning in (
        (streams, f"{STREAMS * FRAGMENTS} fragments of {FRAGMENT_S} s, {STREAMS} streams"),
        (messages, f"{MESSAGES} messages there and back, four steps each"),
    ):
        seconds = {False: [], True: []}
        trio.run(partial(timed, load, instrumented=False))  # Warm.
        for number in range(rounds):
            for instrumented in (number % 2 == 0, number % 2 == 1):
                seconds[instrumented].append(trio.run(partial(timed, load, instrumented=instrumented)))
        without, with_it = median(seconds[False]), median(seconds[True])
        print(
            f"{meaning}: {without:.3f} s of processor time without, {with_it:.3f} s with it: "
            f"{(with_it / without - 1) * 100:+.1f} %"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    main(parser.parse_args().rounds)
