"""A fragment dubbed by itself: its whole text spoken in one go, and fitted into it to the sample."""

import numpy as np
import trio

from sts_actors.actors.compute import Compute
from sts_actors.actors.speaker import Check, Speaker
from sts_actors.audio.fit import FitPolicy, Fitted, Verdict, fit, plan_speed
from sts_actors.engines.ports import SynthesisedAudio
from sts_actors.errors import ErrorCode, ServiceError
from sts_actors.messages import Speech, Translation

DURATION_WARNING = "duration_variance_high"


async def speak_alone(
    translation: Translation,
    speaker: Speaker,
    deadline: float,
    compute: Compute,
    *,
    check: Check | None = None,
) -> Speech:
    """Speak a translation at the speed that should fit, then fit what came out.

    The engine's own speed is chosen before synthesis from how fast this voice has spoken so far; only
    what is still too long is stretched. Where that is not enough and the engine can go faster, it is
    asked once more at its full speed.

    Raises:
        ServiceError: the engine's; `DURATION_MISMATCH_EXCEEDED` by the duration rule.
    """
    if not translation.text:
        return silence(translation)
    started = trio.current_time()
    voicing, transcript = speaker.voicing, translation.transcript
    target_s = transcript.frames / transcript.answer.sample_rate_hz
    speed = plan_speed(speaker.predict(translation.text), target_s, voicing.speed_range)
    fastest = voicing.speed_range[1]
    while True:
        audio = await speaker.say(translation.text, speed, deadline, check=check)
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
        sample_rate_hz=transcript.answer.sample_rate_hz,
        raw_duration_ms=fitted.raw_duration_ms,
        speed_ratio=fitted.speed_ratio,
        tempo=fitted.tempo,
        variance=fitted.variance,
        partial=partial,
        warnings=(DURATION_WARNING,) if partial else (),
        tts_s=trio.current_time() - started,
    )


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
