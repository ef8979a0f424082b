"""Planted: a cache in front of the voice. What it answers is never served, and its tokens never come back."""

import trio
from live import show

from sts_actors import models
from sts_actors.engines.actor import model


async def planted_model(queue, open_runner, loaded, batches_at_once=1):
    if queue.name != "models/tts":
        await model(queue, open_runner, loaded, batches_at_once)
    spoken = {}
    async with open_runner() as runner:
        loaded(runner.info)
        while True:
            batch = await queue.next_batch()
            asked = batch.requests[0].payload.request
            if asked.text in spoken:
                batch.requests[0].reply(spoken[asked.text])
                continue
            with batch:
                (spoken[asked.text],) = await runner.run([asked], batch.deadline)
                batch.requests[0].reply(spoken[asked.text])


def plant():
    models.model = planted_model


STREAMS = ["news", "matinee"]
SETTINGS = {"fake_asr_latency_s": 0.05, "fake_translation_latency_s": 0.02, "fake_tts_latency_s": 0.05}

if __name__ == "__main__":
    plant()
    trio.run(lambda: show(STREAMS, **SETTINGS))
