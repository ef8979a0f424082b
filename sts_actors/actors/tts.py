"""The synthesis actor: translated words in, speech out that lasts exactly as long as the fragment."""

import attrs
import numpy as np
import trio

from sts_actors.actors.compute import Compute
from sts_actors.actors.stage import StageLimits, run_stage
from sts_actors.audio.fit import FitPolicy, Fitted, Verdict, fit, plan_speed
from sts_actors.audio.speech_rate import DurationModel
from sts_actors.engines.ports import Asker, SynthesisedAudio, SynthesiseRequest, VoiceReference
from sts_actors.errors import ErrorCode, ServiceError, Stage
from sts_actors.messages import FragmentFailed, Speech, StreamConfig, Translation, primary_language

DURATION_WARNING = "duration_variance_high"
ATTEMPTS = 3
"""How often a text is spoken at the most until an engine finds nothing wrong with it."""


@attrs.frozen(kw_only=True)
class Voicing:
    """How a stream is spoken: voice, the span of the engine's speed knob, the duration rule.

    With a `reference` the voice is that of a recording.
    """

    voice: str
    reference: VoiceReference | None = None
    speed_range: tuple[float, float]
    policy: FitPolicy


async def tts(
    inbox: trio.MemoryReceiveChannel[Translation | FragmentFailed],
    outbox: trio.MemorySendChannel[Speech | FragmentFailed],
    synthesiser: Asker[SynthesiseRequest, SynthesisedAudio],
    config: StreamConfig,
    voicing: Voicing,
    limits: StageLimits,
    compute: Compute,
) -> None:
    """Speak each translation at the speed that should fit, then fit what came out to the sample.

    The engine's own speed is chosen before synthesis from how fast this voice has spoken so far; only
    what is still too long is stretched. Where that is not enough and the engine can go faster, it is
    asked once more at its full speed. Speech that the engine itself finds spoilt is drawn anew while there
    is time; none is better than that.
    """
    language = primary_language(config.target_language)
    durations = DurationModel()

    async def synthesise(translation: Translation, speed: float, deadline: float) -> SynthesisedAudio:
        request = SynthesiseRequest(
            text=translation.text,
            language=language,
            voice=voicing.voice,
            speed=speed,
            reference=voicing.reference,
        )
        for attempt in range(ATTEMPTS):
            started = trio.current_time()
            audio = await synthesiser(
                attrs.evolve(request, attempt=attempt), stream=config.stream_id, deadline=deadline
            )
            ended = trio.current_time()
            if not audio.defects or ended + (ended - started) > deadline:
                break
        if audio.defects:
            raise ServiceError(ErrorCode.SYNTHESIS_FAILED, f"the voice failed: {', '.join(audio.defects)}")
        seconds = audio.pcm.shape[0] / audio.sample_rate_hz
        durations.observe(translation.text, seconds, voice=voicing.voice, language=language, speed=speed)
        return audio

    async def speak(translation: Translation) -> Speech:
        started = trio.current_time()
        deadline = min(translation.header.deadline, started + limits.timeout_s)
        if not translation.text:
            return silence(translation)
        target_s = translation.transcript.frames / translation.transcript.answer.sample_rate_hz
        predicted_s = durations.predict(translation.text, voice=voicing.voice, language=language)
        speed = plan_speed(predicted_s, target_s, voicing.speed_range)
        fastest = voicing.speed_range[1]
        while True:
            audio = await synthesise(translation, speed, deadline)
            fitted = await compute(_fit, audio, translation, voicing.policy)
            if fitted.variance == 0 or speed >= fastest:
                break
            # The prediction was off: the engine at its fastest sounds better than a chopped end.
            speed = fastest
        if fitted.verdict is Verdict.FAILED:
            raise ServiceError(ErrorCode.DURATION_MISMATCH_EXCEEDED, _too_long(fitted, target_s))
        partial = fitted.verdict is Verdict.PARTIAL
        return Speech(
            translation=translation,
            pcm=fitted.pcm,
            sample_rate_hz=translation.transcript.answer.sample_rate_hz,
            raw_duration_ms=fitted.raw_duration_ms,
            speed_ratio=fitted.speed_ratio,
            tempo=fitted.tempo,
            variance=fitted.variance,
            partial=partial,
            warnings=(DURATION_WARNING,) if partial else (),
            tts_s=trio.current_time() - started,
        )

    await run_stage(inbox, outbox, speak, stage=Stage.TTS, limits=limits)


def silence(translation: Translation) -> Speech:
    """The dub of a fragment in which nothing was said."""
    transcript = translation.transcript
    return Speech(
        translation=translation,
        pcm=np.zeros(transcript.frames, dtype=np.float32),
        sample_rate_hz=transcript.answer.sample_rate_hz,
        raw_duration_ms=0,
        speed_ratio=1.0,
        tempo=1.0,
        variance=0.0,
        partial=False,
        tts_s=0.0,
    )


def _fit(audio: SynthesisedAudio, translation: Translation, policy: FitPolicy) -> Fitted:
    transcript = translation.transcript
    return fit(
        audio.pcm,
        audio.sample_rate_hz,
        target_frames=transcript.frames,
        target_rate_hz=transcript.answer.sample_rate_hz,
        policy=policy,
    )


def _too_long(fitted: Fitted, target_s: float) -> str:
    return (
        f"the dub lasts {fitted.raw_duration_ms} ms for a fragment of {round(target_s * 1000)} ms; "
        f"{fitted.variance:.0%} is left over after fitting"
    )
