"""The synthesis actor: translated words in, speech out that lasts exactly as long as the fragment."""

import attrs
import numpy as np
import trio

from sts_actors.actors.alone import speak_alone
from sts_actors.actors.compute import Compute
from sts_actors.actors.speaker import Speaker
from sts_actors.actors.stage import StageLimits, run_stage
from sts_actors.actors.timed import Timed
from sts_actors.actors.voicing import Voicing
from sts_actors.audio.speech_rate import DurationModel
from sts_actors.engines.ports import Asker, SynthesisedAudio, SynthesiseRequest
from sts_actors.errors import Stage
from sts_actors.messages import (
    FragmentFailed,
    SeamPolicy,
    Speech,
    StreamConfig,
    Translation,
    primary_language,
)

NO_SOUND = np.zeros(0, np.float32)


async def tts(
    inbox: trio.MemoryReceiveChannel[Translation | FragmentFailed],
    outbox: trio.MemorySendChannel[Speech | FragmentFailed],
    synthesiser: Asker[SynthesiseRequest, SynthesisedAudio],
    config: StreamConfig,
    voicing: Voicing,
    limits: StageLimits,
    compute: Compute,
    *,
    target: str | None = None,
    durations: DurationModel | None = None,
) -> None:
    """Speak each translation and make it as long as its fragment.

    With carried seams the stream has a time of its own: an utterance is heard where its source was spoken,
    and goes on in the next fragment where it must. With fixed ones, and for a fragment out of order, each is
    spoken by itself.

    Args:
        inbox: translations, and failures that pass.
        outbox: speech, and failures.
        synthesiser: what is asked.
        config: the stream's.
        voicing: how it is spoken.
        limits: of each fragment's stay.
        compute: where samples are worked on.
        target: the language, where it is not `config.target_language`.
        durations: how fast voices are, learnt by all streams together; its own, if left out.
    """
    language = target or config.target_language
    speaker = Speaker(
        synthesiser=synthesiser,
        voicing=voicing,
        language=primary_language(language),
        stream_id=config.stream_id,
        durations=DurationModel() if durations is None else durations,
    )
    timed = Timed(speaker, compute) if config.seam is SeamPolicy.CARRY else None

    async def speak(translation: Translation) -> Speech:
        deadline = min(translation.header.deadline, trio.current_time() + limits.timeout_s)
        if timed is None or translation.transcript.alone:
            speech = await speak_alone(translation, speaker, deadline, compute)
        else:
            speech = await timed.speak(translation, deadline)
        return _light(speech)

    def without_dub(failure: FragmentFailed) -> FragmentFailed:
        if timed is not None:
            timed.skip(failure.header)
        return attrs.evolve(failure, target_language=language)

    await run_stage(inbox, outbox, speak, stage=Stage.TTS, limits=limits, on_failure=without_dub)


def _light(speech: Speech) -> Speech:
    """Without the source, which nobody needs any more and which is as large as the dub."""
    transcript = attrs.evolve(speech.translation.transcript, source=NO_SOUND)
    return attrs.evolve(speech, translation=attrs.evolve(speech.translation, transcript=transcript))
