"""The recognition actor: samples in, words out."""

import trio

from sts_actors.actors.compute import Compute
from sts_actors.actors.stage import StageLimits, run_stage
from sts_actors.audio.pcm import resample
from sts_actors.engines.ports import (
    MAX_PROMPT_CHARACTERS,
    RECOGNISER_RATE_HZ,
    Asker,
    RecogniseRequest,
    Recognition,
)
from sts_actors.errors import Stage
from sts_actors.messages import Fragment, FragmentFailed, StreamConfig, Transcript, primary_language


async def asr(
    inbox: trio.MemoryReceiveChannel[Fragment | FragmentFailed],
    outbox: trio.MemorySendChannel[Transcript | FragmentFailed],
    recogniser: Asker[RecogniseRequest, Recognition],
    config: StreamConfig,
    limits: StageLimits,
    compute: Compute,
) -> None:
    """Recognise each fragment; silence and music give an empty text."""
    language = primary_language(config.source_language)
    prompt = ", ".join(config.domain_hints)[:MAX_PROMPT_CHARACTERS]

    async def recognise(fragment: Fragment) -> Transcript:
        started = trio.current_time()
        pcm = fragment.pcm
        if fragment.sample_rate_hz != RECOGNISER_RATE_HZ:
            pcm = await compute(resample, pcm, fragment.sample_rate_hz, RECOGNISER_RATE_HZ)
        heard = await recogniser(
            RecogniseRequest(pcm=pcm, language=language, prompt=prompt),
            stream=config.stream_id,
            deadline=min(fragment.header.deadline, started + limits.timeout_s),
        )
        return Transcript(
            header=fragment.header,
            frames=fragment.pcm.shape[0],
            answer=fragment.answer,
            text=heard.text.strip(),
            words=heard.words,
            language=heard.language,
            asr_s=trio.current_time() - started,
        )

    await run_stage(inbox, outbox, recognise, stage=Stage.ASR, limits=limits)
