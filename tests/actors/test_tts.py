"""The synthesis actor: the engine's speed first, then stretching, then the verdict."""

from pathlib import Path

import attrs
import numpy as np
import pytest
import trio

from sts_actors.actors.alone import DURATION_WARNING
from sts_actors.actors.compute import inline
from sts_actors.actors.stage import StageLimits
from sts_actors.actors.tts import tts
from sts_actors.actors.voicing import Voicing
from sts_actors.audio.fit import FitPolicy
from sts_actors.engines.ports import SynthesisedAudio, VoiceReference
from sts_actors.errors import ErrorCode
from sts_actors.messages import (
    AudioFormat,
    Container,
    FragmentFailed,
    FragmentHeader,
    StreamConfig,
    Transcript,
    Translation,
)

RATE_HZ = 16_000
LABEL = AudioFormat(container=Container.PCM_S16LE, sample_rate_hz=RATE_HZ, channels=1)
CONFIG = StreamConfig(stream_id="s", source_language="en", target_language="pt-br", label=LABEL)
VOICING = Voicing(voice="dora", speed_range=(0.8, 1.25), policy=FitPolicy())


@attrs.define
class Voice:
    """Speaks every text for the same time, divided by the speed asked for."""

    seconds: float
    asked: list = attrs.field(factory=list)

    async def __call__(self, request, /, *, stream, deadline):
        await trio.lowlevel.checkpoint()
        self.asked.append(request)
        frames = round(self.seconds / request.speed * RATE_HZ)
        hum = 0.5 * np.sin(np.arange(frames) * 0.05)
        return SynthesisedAudio(pcm=hum.astype(np.float32), sample_rate_hz=RATE_HZ)


def translation(text="dez letras", index=0, seconds=1.0):
    header = FragmentHeader(
        stream_id="s",
        fragment_id=f"f{index}",
        sequence_number=index,
        index=index,
        duration_ms=round(seconds * 1000),
        received=0.0,
        deadline=float("inf"),
    )
    transcript = Transcript(
        header=header, frames=round(seconds * RATE_HZ), answer=LABEL, text="ten", language="en", asr_s=0.1
    )
    return Translation(transcript=transcript, text=text, billed_characters=0, translation_s=0.1)


async def speak(voice, *items, voicing=VOICING):
    send, inbox = trio.open_memory_channel(len(items))
    outbox, receive = trio.open_memory_channel(len(items))
    for item in items:
        send.send_nowait(item)
    send.close()
    await tts(inbox, outbox, voice, CONFIG, voicing, StageLimits(), inline)
    outbox.close()
    return [result async for result in receive]


async def test_a_short_dub_is_spoken_at_its_own_pace_and_followed_by_silence():
    voice = Voice(0.6)
    (speech,) = await speak(voice, translation())
    assert [request.speed for request in voice.asked] == [1.0]
    assert speech.pcm.shape == (RATE_HZ,)
    assert not speech.pcm[round(0.6 * RATE_HZ) :].any()
    assert (speech.tempo, speech.variance, speech.partial, speech.raw_duration_ms) == (1.0, 0.0, False, 600)


async def test_an_empty_text_is_silence_and_costs_no_synthesis():
    voice = Voice(0.6)
    (speech,) = await speak(voice, translation(""))
    assert voice.asked == []
    assert speech.pcm.shape == (RATE_HZ,)
    assert not speech.pcm.any()


async def test_the_voice_and_the_primary_language_are_asked_for():
    voice = Voice(0.6)
    await speak(voice, translation())
    assert (voice.asked[0].voice, voice.asked[0].language) == ("dora", "pt")


async def test_the_recording_to_speak_in_the_voice_of_is_handed_on():
    reference = VoiceReference(Path("ana.wav"), "aa")
    voice = Voice(0.6)
    await speak(voice, translation(), voicing=attrs.evolve(VOICING, reference=reference))
    assert voice.asked[0].reference == reference


async def test_a_text_that_is_known_to_be_long_is_spoken_faster_from_the_start():
    voice = Voice(1.0)
    # At 14 characters a second, 17 of them take 1.2 s.
    await speak(voice, translation("dezassete letras."))
    assert voice.asked[0].speed == pytest.approx(17 / 14, rel=0.01)


async def test_a_dub_that_still_does_not_fit_is_stretched():
    (speech,) = await speak(Voice(1.4), translation())
    assert 1.0 < speech.tempo <= 1.2
    assert (speech.variance, speech.partial) == (0.0, False)
    assert speech.pcm.shape == (RATE_HZ,)


async def test_a_dub_far_too_long_is_spoken_again_at_full_speed_once():
    voice = Voice(1.6)
    (speech,) = await speak(voice, translation())
    assert [request.speed for request in voice.asked] == [1.0, 1.25]
    assert speech.tempo == 1.2
    assert speech.variance == pytest.approx(1.6 / 1.25 / 1.2 - 1, rel=0.01)


async def test_what_is_left_over_is_partial_then_failed_by_the_contracts_lines():
    (partial,) = await speak(Voice(1.15 * 1.25 * 1.2), translation())
    assert partial.partial
    assert partial.warnings == (DURATION_WARNING,)
    (failed,) = await speak(Voice(1.3 * 1.25 * 1.2), translation())
    assert isinstance(failed, FragmentFailed)
    assert failed.code is ErrorCode.DURATION_MISMATCH_EXCEEDED
    assert "1950 ms" in failed.message or "1560 ms" in failed.message


async def test_under_the_policy_fit_nothing_fails_for_its_length():
    voicing = attrs.evolve(VOICING, policy=FitPolicy(duration_policy="fit"))
    (speech,) = await speak(Voice(3.0), translation(), voicing=voicing)
    assert speech.partial
    assert speech.pcm.shape == (RATE_HZ,)


async def test_the_pace_of_a_voice_is_learnt_while_it_speaks():
    voice = Voice(1.5)
    slow = [translation("uma frase de trinta caracteres", index=n, seconds=1.5) for n in range(12)]
    await speak(voice, *slow)
    # At first 14 characters a second are expected, which would not fit; in the end, the pace that was heard.
    assert voice.asked[0].speed > voice.asked[-1].speed


@attrs.define
class Spoilt(Voice):
    """Its first attempts are spoilt, and each takes its time."""

    spoilt: int = 1
    takes_s: float = 1.0

    async def __call__(self, request, /, *, stream, deadline):
        audio = await super().__call__(request, stream=stream, deadline=deadline)
        await trio.sleep(self.takes_s)
        return attrs.evolve(audio, defects=("clipped",)) if request.attempt < self.spoilt else audio


@pytest.mark.parametrize("spoilt", [0, 1, 2])
async def test_spoilt_speech_is_drawn_anew_until_it_is_sound(autojump_clock, spoilt):
    voice = Spoilt(0.6, spoilt=spoilt)
    (speech,) = await speak(voice, translation())
    assert [request.attempt for request in voice.asked] == list(range(spoilt + 1))
    assert len({attrs.evolve(request, attempt=0) for request in voice.asked}) == 1
    assert speech.pcm.any()


async def test_speech_that_is_spoilt_each_time_is_refused_with_what_is_wrong(autojump_clock):
    voice = Spoilt(0.6, spoilt=99)
    (failed,) = await speak(voice, translation())
    assert len(voice.asked) == 3
    assert failed.code is ErrorCode.SYNTHESIS_FAILED
    assert "clipped" in failed.message


async def test_spoilt_speech_is_not_drawn_anew_where_there_is_no_time_for_it(autojump_clock):
    voice = Spoilt(0.6, spoilt=99, takes_s=3.0)
    item = translation()
    soon = attrs.evolve(item.transcript.header, deadline=trio.current_time() + 7.0)
    item = attrs.evolve(item, transcript=attrs.evolve(item.transcript, header=soon))
    (failed,) = await speak(voice, item)
    assert len(voice.asked) == 2
    assert failed.code is ErrorCode.SYNTHESIS_FAILED


async def test_spoilt_speech_teaches_nothing_about_how_fast_the_voice_is(autojump_clock):
    voice = Spoilt(0.1, spoilt=99)
    slow = Spoilt(3.0, spoilt=1)
    first, second = translation("um texto de mais letras"), translation("um texto de mais letras", 1)
    await speak(voice, first, second)
    assert {request.speed for request in voice.asked} == {voice.asked[0].speed}
    await speak(slow, first)
    assert slow.asked[0].speed == slow.asked[1].speed
