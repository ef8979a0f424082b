"""The synthesis actor: translated words in, speech out that lasts exactly as long as the fragment."""

import attrs
import numpy as np
import trio

from sts_actors.actors.alone import speak_alone
from sts_actors.actors.checking import Checking
from sts_actors.actors.compute import Compute
from sts_actors.actors.mixed import Mixed, lighter
from sts_actors.actors.speaker import Speaker
from sts_actors.actors.stage import StageLimits, run_stage
from sts_actors.actors.timed import Timed
from sts_actors.actors.voicing import Voicing
from sts_actors.audio.speech_rate import DurationModel, Pace
from sts_actors.engines.ports import Asker, RecogniseRequest, Recognition, SynthesisedAudio, SynthesiseRequest
from sts_actors.errors import Stage
from sts_actors.messages import (
    FragmentFailed,
    SeamPolicy,
    Speech,
    StreamConfig,
    Translation,
    primary_language,
)


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
    pace: Pace | None = None,
    recogniser: Asker[RecogniseRequest, Recognition] | None = None,
    original: bool = False,
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
        pace: how fast the voice is, as all streams together have learnt; learnt anew, if left out.
        recogniser: what listens to the share of dubs that `config.verify` names; none without it.
        original: where a dub fails, the original is the answer.
    """
    language = target or config.target_language
    speaker = Speaker(
        synthesiser=synthesiser,
        voicing=voicing,
        language=primary_language(language),
        stream_id=config.stream_id,
        pace=pace or DurationModel().pace(voice=voicing.voice, language=primary_language(language)),
    )
    timed = Timed(speaker, compute) if config.seam is SeamPolicy.CARRY else None
    checking = Checking.of(recogniser, config, speaker.language, compute)
    mixed = Mixed(config.bed, original=original)

    async def speak(translation: Translation) -> Speech:
        deadline = min(translation.header.deadline, trio.current_time() + limits.timeout_s)
        check = checking.next() if translation.text else None
        if timed is None or translation.transcript.alone:
            speech = await speak_alone(translation, speaker, deadline, compute, check=check)
        else:
            speech = await timed.speak(translation, deadline, check=check)
        return checking.noted(await compute(mixed.dubbed, speech))

    def without_dub(failure: FragmentFailed) -> Speech | FragmentFailed:
        failure = attrs.evolve(failure, target_language=language)
        if original and failure.source is not None and failure.answer is not None:
            frames, rate_hz = failure.source.shape[0], failure.answer.sample_rate_hz
            if timed is not None:
                return mixed.instead(failure, timed.rest(failure.header, frames, rate_hz))
            return mixed.instead(failure, np.zeros(frames, np.float32))
        if timed is not None:
            timed.skip(failure.header)
        return lighter(failure)

    await run_stage(
        inbox, outbox, speak, stage=Stage.TTS, limits=limits, on_failure=without_dub, language=language
    )
