"""A share of the dubs is listened to again: what is found wrong is drawn anew, and counted."""

import attrs
import numpy as np
import pytest
import trio

from sts_actors.actors.checking import Checking
from sts_actors.actors.compute import inline
from sts_actors.actors.speaker import ATTEMPTS, Speaker
from sts_actors.actors.voicing import Voicing
from sts_actors.audio.fit import FitPolicy
from sts_actors.audio.speech_rate import DurationModel
from sts_actors.engines.ports import Recognition, SynthesisedAudio
from sts_actors.messages import AudioFormat, Container, StreamConfig

TEXT = "one two three four five six"
LABEL = AudioFormat(container=Container.PCM_S16LE, sample_rate_hz=16_000, channels=1)
CONFIG = StreamConfig(stream_id="s", source_language="en", target_language="pt", label=LABEL, verify=1.0)


@attrs.define
class Ear:
    """Hears what it is told to, one text after the other; the last one again and again."""

    texts: list
    takes_s: float = 0.0
    deadlines: list = attrs.field(factory=list)

    async def __call__(self, request, /, *, stream, deadline):
        self.deadlines.append(deadline)
        await trio.sleep(self.takes_s)
        text = self.texts.pop(0) if len(self.texts) > 1 else self.texts[0]
        return Recognition(text=text, language=request.language)


@attrs.define
class Voice:
    attempts: list = attrs.field(factory=list)

    async def __call__(self, request, /, *, stream, deadline):
        await trio.sleep(0.1)
        self.attempts.append(request.attempt)
        return SynthesisedAudio(pcm=np.ones(1600, np.float32), sample_rate_hz=16_000)


def speaker(voice):
    return Speaker(
        synthesiser=voice,
        voicing=Voicing(voice="v", speed_range=(1.0, 1.0), policy=FitPolicy()),
        language="pt",
        stream_id="s",
        pace=DurationModel().pace(voice="v", language="pt"),
    )


async def test_a_dub_in_which_words_are_missing_is_drawn_anew(autojump_clock):
    voice = Voice()
    checking = Checking.of(Ear(["one two", TEXT]), CONFIG, "pt", inline)
    check = checking.next()
    await speaker(voice).say(TEXT, 1.0, trio.current_time() + 60, check=check)
    assert voice.attempts == [0, 1]
    assert (checking._checked, checking._defective) == (2, 1)


async def test_a_dub_that_is_never_heard_well_is_better_than_none(autojump_clock):
    voice = Voice()
    check = Checking.of(Ear(["one two"]), CONFIG, "pt", inline).next()
    audio = await speaker(voice).say(TEXT, 1.0, trio.current_time() + 60, check=check)
    assert audio.pcm.size
    assert voice.attempts == list(range(ATTEMPTS))


async def test_a_check_leaves_half_of_the_time_to_what_comes_after_it(autojump_clock):
    ear = Ear([TEXT], takes_s=1000.0)
    began = trio.current_time()
    check = Checking.of(ear, CONFIG, "pt", inline).next()
    audio = await speaker(Voice()).say(TEXT, 1.0, began + 10, check=check)
    assert audio.pcm.size
    assert trio.current_time() == pytest.approx(began + 0.1 + 9.9 / 2, abs=0.01)


async def test_what_cannot_be_checked_is_neither_drawn_anew_nor_counted(autojump_clock):
    voice = Voice()
    checking = Checking.of(Ear(["quite other words"]), CONFIG, "pt", inline)
    await speaker(voice).say("too short", 1.0, trio.current_time() + 60, check=checking.next())
    assert voice.attempts == [0]
    assert (checking._checked, checking._defective) == (0, 0)


async def test_what_was_found_out_about_a_fragment_is_not_told_of_the_next(autojump_clock):
    checking = Checking.of(Ear([TEXT]), attrs.evolve(CONFIG, verify=0.5), "pt", inline)
    checks = [checking.next() for _ in range(2)]
    assert checks[0] is None
    await speaker(Voice()).say(TEXT, 1.0, trio.current_time() + 60, check=checks[1])
    assert checking._checked == 1
    checking.next()
    assert checking._checked == 0


def test_the_share_that_is_checked_is_the_one_asked_for():
    checking = Checking.of(Ear([TEXT]), attrs.evolve(CONFIG, verify=0.25), "pt", inline)
    assert sum(checking.next() is not None for _ in range(40)) == 10


def test_nothing_is_checked_where_nobody_asks_for_it():
    checking = Checking.of(Ear([TEXT]), attrs.evolve(CONFIG, verify=0.0), "pt", inline)
    assert checking.next() is None
    assert Checking.of(None, CONFIG, "pt", inline).next() is None
