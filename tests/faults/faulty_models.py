"""The service's models with engines that die as they are told, and a line over them; time is virtual."""

from contextlib import asynccontextmanager

import attrs
import numpy as np
import trio

from sts_actors.actors.collaborators import Collaborators
from sts_actors.actors.compute import inline as compute_inline
from sts_actors.actors.voicing import Voicing
from sts_actors.audio.fit import FitPolicy
from sts_actors.audio.pcm import encode_s16le
from sts_actors.engines import fake
from sts_actors.engines.marks import mark, read_mark
from sts_actors.errors import Stage
from sts_actors.messages import AudioFormat, Container, StreamConfig
from sts_actors.models import ModelSpec, open_models

RATE_HZ = 16_000
FRAGMENT_S = 2.0
LABEL = AudioFormat(container=Container.PCM_S16LE, sample_rate_hz=RATE_HZ, channels=1)
VOICING = Voicing(voice="", speed_range=fake.SPEED_RANGE, policy=FitPolicy(duration_policy="fit"))
TOKENS = 8


@attrs.define
class Mortal:
    """An engine that dies in the calls whose numbers are listed, counted over all its lives."""

    engine: object
    latency_s: float
    deaths: frozenset[int] = frozenset()
    load_s: float = 0.05
    calls: int = 0

    @property
    def info(self):
        return self.engine.info

    @asynccontextmanager
    async def open(self):
        await trio.sleep(self.load_s)
        yield self

    async def run(self, batch, deadline):
        number, self.calls = self.calls, self.calls + 1
        await trio.sleep(self.latency_s)
        if number in self.deaths:
            raise RuntimeError("the engine died")
        return self.engine.run(batch)


@asynccontextmanager
async def mortal_models(deaths=(frozenset(), frozenset(), frozenset()), *, max_batch=4, load_s=0.05):
    """The models over fake engines; `deaths` by stage, in the order of the line."""
    kinds = (fake.FakeRecogniser, fake.FakeTranslator, fake.FakeSynthesiser)
    specs = {
        stage: ModelSpec(open_runner=Mortal(kind(), 0.02, dying, load_s).open, tokens=3, max_batch=max_batch)
        for stage, kind, dying in zip(Stage, kinds, deaths, strict=True)
    }
    async with open_models(specs, device_tokens=TOKENS) as models:
        if load_s < 1:
            await models.wait_ready()
        yield models


def collaborators(models):
    """What the actors of a stream ask, with computations on the loop."""
    return Collaborators(
        recogniser=models.recogniser,
        translator=models.translator,
        synthesiser=models.synthesiser,
        voicing=VOICING,
        compute=compute_inline,
    )


def config(number):
    """A stream's, named by its number."""
    return StreamConfig(stream_id=str(number), source_language="en", target_language="pt", label=LABEL)


def submit(stream, number, fragment):
    """Submit a fragment that says whose it is."""
    samples = mark(number, fragment, sample_rate_hz=RATE_HZ, duration_s=FRAGMENT_S)
    place = stream.arrive(
        fragment_id=f"{number}-{fragment}", sequence_number=fragment, duration_ms=round(FRAGMENT_S * 1000)
    )
    stream.submit(place.header, bytes(encode_s16le(samples[:, None])), LABEL)


def whose(speech):
    """Stream and fragment that a dub says it belongs to."""
    return read_mark(np.asarray(speech.pcm), RATE_HZ)
