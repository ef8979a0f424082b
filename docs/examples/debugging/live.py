"""A service without models and workers that send to it, for the planted problems beside this file."""

from contextlib import asynccontextmanager
from functools import partial

import trio

from sts_actors.app import run_service
from sts_actors.audio.pcm import encode_s16le
from sts_actors.client import StreamInit, open_client, open_dubbing_stream
from sts_actors.engines.marks import mark
from sts_actors.logs import open_logs
from sts_actors.settings import load_settings

RATE_HZ = 16_000


@asynccontextmanager
async def live(streams, **settings):
    """A service with a stream of each name, every one as fast as it is let."""
    chosen = load_settings(profile="fake", overrides={"log_level": "WARNING", **settings})
    with open_logs(chosen):
        async with trio.open_nursery() as nursery:
            service = await nursery.start(partial(run_service, chosen))
            await service.wait_ready()
            for name in streams:
                await nursery.start(stream, service.url, name)
            yield service
            nursery.cancel_scope.cancel()


async def stream(url, name, task_status):
    asked = StreamInit(source_language="en", target_language="pt", sample_rate_hz=RATE_HZ, stream_id=name)
    second = bytes(encode_s16le(mark(1, 0, sample_rate_hz=RATE_HZ, duration_s=1.0)[:, None]))
    async with open_client(url) as client, trio.open_nursery() as nursery:
        dub = await open_dubbing_stream(client, asked)
        nursery.start_soon(take_all, dub)
        number = 0
        while True:
            await dub.wait_for_room()
            await dub.send_fragment(number, second, 1000)
            number += 1
            if number == 1:
                task_status.started()


async def take_all(dub):
    async for _ in dub.events:
        pass


async def show(streams, **settings):
    """Serve until Ctrl-C."""
    async with live(streams, **{"port": 8000, **settings}) as service:
        print(f"look at it: sts-actors tree --url {service.url}")
        await trio.sleep_forever()
