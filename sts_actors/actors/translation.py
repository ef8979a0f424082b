"""The translation actor: words in one language in, words in another out."""

import trio

from sts_actors.actors.stage import StageLimits, run_stage
from sts_actors.engines.ports import Asker, TranslatedText, TranslateRequest
from sts_actors.errors import Stage
from sts_actors.messages import FragmentFailed, StreamConfig, Transcript, Translation, primary_language

CONTEXT_CHARACTERS = 400
"""How much of what was said before goes along: a few sentences mend pronouns and cut sentences."""


async def translation(
    inbox: trio.MemoryReceiveChannel[Transcript | FragmentFailed],
    outbox: trio.MemorySendChannel[Translation | FragmentFailed],
    translator: Asker[TranslateRequest, TranslatedText],
    config: StreamConfig,
    limits: StageLimits,
    *,
    target: str | None = None,
) -> None:
    """Translate each transcript, with what was said before it as context; an empty one costs no call."""
    locale = target or config.target_language
    spoken, wanted = primary_language(config.source_language), primary_language(locale)
    said = ""

    async def translate(transcript: Transcript) -> Translation:
        nonlocal said
        started = trio.current_time()
        text, billed_characters = transcript.text, 0
        if text and spoken != wanted:
            context, said = said, f"{said} {text}".strip()[-CONTEXT_CHARACTERS:]
            translated = await translator(
                TranslateRequest(
                    text=text,
                    source_language=spoken,
                    target_language=wanted,
                    target_locale=locale,
                    context=context,
                    formality=config.formality,
                ),
                stream=config.stream_id,
                deadline=min(transcript.header.deadline, started + limits.timeout_s),
            )
            text, billed_characters = translated.text.strip(), translated.billed_characters
        return Translation(
            transcript=transcript,
            text=text,
            target_language=locale,
            billed_characters=billed_characters,
            translation_s=trio.current_time() - started,
        )

    await run_stage(inbox, outbox, translate, stage=Stage.TRANSLATION, limits=limits)
