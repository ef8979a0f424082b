"""Planted: the synthesis actor calls something that blocks, and all streams wait for it."""

import time

import trio
from live import show

from sts_actors.actors import languages
from sts_actors.actors.tts import tts


def ask_the_loudness_service(audio):
    time.sleep(0.3)  # as a call over the network does that is not awaited
    return audio


def planted_tts(inbox, outbox, synthesiser, *rest, **options):
    async def levelled(request, **context):
        return ask_the_loudness_service(await synthesiser(request, **context))

    return tts(inbox, outbox, levelled, *rest, **options)


def plant():
    languages.tts = planted_tts


STREAMS = ["news", "matinee", "match"]
SETTINGS = {"fake_asr_latency_s": 0.02, "fake_translation_latency_s": 0.02, "fake_tts_latency_s": 0.02}

if __name__ == "__main__":
    plant()
    trio.run(lambda: show(STREAMS, **SETTINGS))
