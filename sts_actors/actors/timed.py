"""A stream dubbed on its own time: each utterance where its source was spoken, as far as the lag allows."""

import attrs
import numpy as np
import trio

from sts_actors.actors.alone import DURATION_WARNING
from sts_actors.actors.compute import Compute
from sts_actors.actors.speaker import Check, Speaker
from sts_actors.audio.fit import Verdict
from sts_actors.audio.pcm import resample
from sts_actors.audio.tempo import StretcherName, stretch
from sts_actors.audio.timeline.catching_up import LagLimits
from sts_actors.audio.timeline.fades import fade_out
from sts_actors.audio.timeline.phrases import Phrase
from sts_actors.audio.timeline.silences import edges
from sts_actors.audio.timeline.timeline import FADE_S, Timeline
from sts_actors.engines.ports import SynthesisedAudio
from sts_actors.errors import ErrorCode, ServiceError
from sts_actors.messages import TAIL, FragmentHeader, Samples, Speech, Translation, Utterance

MOST_SPEED = 1.2
"""Of the engine's own: what listeners still take for a natural pace."""
BEFORE_ANY = -1
"""A lower number than any fragment's."""
MISSED = 1.1
"""A text that took so many times as long as foretold, and is late for it, is spoken once more."""


@attrs.define
class _Spoken:
    """What the utterances of one fragment have come to."""

    raw_s: float = 0.0
    tempo: float = 1.0
    lag: int = 0


class Timed:
    """A stream's timeline, and what is spoken onto it.

    A fragment that fails is told by `skip`: time goes on without it.
    """

    def __init__(self, speaker: Speaker, compute: Compute) -> None:
        self._speaker = speaker
        self._compute = compute
        fastest = speaker.voicing.speed_range[1]
        self._limits = LagLimits(max_speed=min(max(fastest, 1.0), MOST_SPEED))
        self._timeline: Timeline | None = None
        self._since = 0
        self._number = BEFORE_ANY

    async def speak(self, translation: Translation, deadline: float, *, check: Check | None = None) -> Speech:
        """Speak a translation's utterances, and cut the fragment's dub from the timeline.

        Raises:
            ServiceError: the engine's; `DURATION_MISMATCH_EXCEEDED` where more had to be cut for the bound's
                sake than the duration rule allows.
        """
        started = trio.current_time()
        transcript = translation.transcript
        rate_hz = transcript.answer.sample_rate_hz
        timeline = self._at(rate_hz)
        spoken = _Spoken()
        spoken_of = [each for each in translation.utterances if each.text]
        for number, utterance in enumerate(spoken_of, start=1):
            # All that is to come must be spoken by then, too.
            share = (deadline - trio.current_time()) / (len(spoken_of) - number + 1)
            await self._say(timeline, utterance, spoken, deadline, trio.current_time() + share, check)
        if transcript.header.index == TAIL:
            pcm, report = timeline.finish()
            cut = 0
        else:
            pcm, report = timeline.cut(transcript.frames)
            self._number, cut = transcript.header.sequence_number, report.lost
            if transcript.last and report.overrun:
                # What goes on is for those who ask for it; the others hear the end as one.
                fade_out(pcm, round(FADE_S * rate_hz))
        target_s = transcript.frames / rate_hz
        variance = cut / transcript.frames if transcript.frames else 0.0
        verdict = self._speaker.voicing.policy.verdict(variance)
        if verdict is Verdict.FAILED:
            timeline.skip(0)
            raise ServiceError(
                ErrorCode.DURATION_MISMATCH_EXCEEDED,
                f"the dub lasts {spoken.raw_s * 1000:.0f} ms for a fragment of {target_s * 1000:.0f} ms; "
                f"{variance:.0%} of it would come later than {self._limits.max_lag_s:g} s after its source",
            )
        partial = verdict is Verdict.PARTIAL
        return Speech(
            translation=translation,
            pcm=pcm,
            sample_rate_hz=rate_hz,
            raw_duration_ms=round(spoken.raw_s * 1000),
            speed_ratio=target_s / spoken.raw_s if spoken.raw_s and target_s else 1.0,
            tempo=spoken.tempo,
            variance=variance,
            partial=partial,
            warnings=(DURATION_WARNING,) if partial else (),
            tts_s=trio.current_time() - started if translation.text else 0.0,
            lag_ms=round(max(spoken.lag, report.lag) * 1000 / rate_hz),
        )

    def awaits(self, header: FragmentHeader) -> bool:
        """Whether time has not passed this fragment yet."""
        return header.sequence_number > self._number

    def skip(self, header: FragmentHeader) -> None:
        """A fragment has no dub: time goes on, and what would have gone on in it is not taken up midway."""
        if not self.awaits(header):
            return
        self._number = header.sequence_number
        if self._timeline is not None:
            self._timeline.skip(round(header.duration_ms * self._timeline.sample_rate_hz / 1000))

    def rest(self, header: FragmentHeader, frames: int, rate_hz: int) -> Samples:
        """What is heard, in a fragment that has no dub, of what was said before."""
        if not self.awaits(header):
            return np.zeros(frames, np.float32)
        self._number = header.sequence_number
        return self._at(rate_hz).cut(frames)[0]

    def _at(self, rate_hz: int) -> Timeline:
        if self._timeline is None or self._timeline.sample_rate_hz != rate_hz:
            self._timeline = Timeline(sample_rate_hz=rate_hz, limits=self._limits)
            self._since = 0
        return self._timeline

    async def _say(
        self,
        timeline: Timeline,
        utterance: Utterance,
        spoken: _Spoken,
        deadline: float,
        again_until: float,
        check: Check | None,
    ) -> None:
        rate_hz = timeline.sample_rate_hz
        # Recognisers let words overlap, and carried ones lie before what has been cut out: places do not.
        start = max(timeline.position + round(utterance.start_s * rate_hz), self._since, 0)
        end = max(timeline.position + round(utterance.end_s * rate_hz), start)
        phrase = Phrase(start=start, end=end, text=utterance.text)
        expected_s = self._speaker.predict(utterance.text)
        speed = timeline.plan(phrase, expected_s).speed
        began = trio.current_time()
        audio = await self._speaker.say(utterance.text, speed, deadline, check=check)
        again = _faster(timeline, phrase, audio, expected_s, speed)
        if again is not None and 2 * trio.current_time() - began <= again_until:
            speed, audio = again, await self._speaker.say(utterance.text, again, deadline, check=check)
        sound = await self._compute(_sound, audio, rate_hz)
        shorter, tempo = await self._compute(timeline.prepare, phrase, sound, speed)
        sound = await self._compute(
            _stretched, shorter, rate_hz, tempo, self._speaker.voicing.policy.stretcher
        )
        placed = timeline.add(phrase, sound)
        self._since = start
        spoken.raw_s += audio.pcm.shape[0] / audio.sample_rate_hz
        spoken.tempo = max(spoken.tempo, tempo)
        spoken.lag = max(spoken.lag, placed.end - phrase.end)


def _faster(
    timeline: Timeline, phrase: Phrase, audio: SynthesisedAudio, expected_s: float, speed: float
) -> float | None:
    """The speed that a text would have needed which took much longer than foretold; None where it fits."""
    first, last = edges(audio.pcm, audio.sample_rate_hz)
    lasted_s = (last - first) / audio.sample_rate_hz * speed
    if lasted_s <= expected_s * MISSED:
        return None
    needed = timeline.plan(phrase, lasted_s).speed
    return needed if needed > speed * MISSED else None


def _sound(audio: SynthesisedAudio, rate_hz: int) -> Samples:
    """What is heard of a synthesis, at the timeline's rate: a voice that draws breath first would be late.

    Raises:
        ServiceError: `SYNTHESIS_FAILED` where it holds NaN or infinite samples.
    """
    if not np.isfinite(audio.pcm).all():
        raise ServiceError(ErrorCode.SYNTHESIS_FAILED, "the synthesis holds NaN or infinite samples")
    first, last = edges(audio.pcm, audio.sample_rate_hz)
    return np.clip(resample(audio.pcm[first:last], audio.sample_rate_hz, rate_hz), -1, 1)


def _stretched(samples: Samples, rate_hz: int, tempo: float, stretcher: StretcherName) -> Samples:
    return np.clip(stretch(samples, rate_hz, tempo, stretcher), -1, 1)
