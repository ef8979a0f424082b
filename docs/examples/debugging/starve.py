"""Planted: "the newest audio first". Whoever waits longest goes last, and while there are others, never."""

import sys

import trio
from live import show
from longest_waits import LongestWaits

from sts_actors.actors import stream
from sts_actors.actors.asr import asr


class NewestFirst:
    """Lets one ask at a time."""

    def __init__(self):
        self.waiting = []
        self.taken = False

    async def turn(self):
        while self.taken:
            event = trio.Event()
            self.waiting.append(event)
            try:
                await event.wait()
            finally:
                if event in self.waiting:
                    self.waiting.remove(event)
        self.taken = True

    def done(self):
        self.taken = False
        if self.waiting:
            self.waiting.pop().set()


def plant():
    line = NewestFirst()

    def planted_asr(inbox, outbox, recogniser, *rest):
        async def in_turn(request, **context):
            await line.turn()
            try:
                return await recogniser(request, **context)
            finally:
                line.done()

        return asr(inbox, outbox, in_turn, *rest)

    stream.asr = planted_asr


STREAMS = ["news", "matinee", "match"]
SETTINGS = {"fake_asr_latency_s": 0.3, "fragment_timeout_ms": 6000, "seam": "fixed"}


async def tell(waits):
    while True:
        await trio.sleep(3)
        print("\n".join(waits.longest("stream/")), file=sys.stderr)


async def main():
    waits = LongestWaits()
    trio.lowlevel.add_instrument(waits)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(tell, waits)
        await show(STREAMS, **SETTINGS)


if __name__ == "__main__":
    plant()
    trio.run(main)
