"""The line from the transcripts on: translation and synthesis for each target language, side by side."""

from functools import partial

import trio

from sts_actors.actors.collaborators import Collaborators
from sts_actors.actors.fan import Heard, fan
from sts_actors.actors.stage import Pipe
from sts_actors.actors.translation import translation
from sts_actors.actors.tts import tts
from sts_actors.messages import (
    FragmentFailed,
    Result,
    StreamConfig,
    Translation,
    primary_language,
)
from supervision import Child, open_channel

Translated = Translation | FragmentFailed


def languages(
    config: StreamConfig,
    its: Collaborators,
    prefix: str,
    heard: trio.MemoryReceiveChannel[Heard],
    speeches: trio.MemorySendChannel[Result | None],
) -> list[Child]:
    """The actors of all languages, in the order of the line; the last of each sends to a way into `speeches`.

    Args:
        config: the stream's.
        its: what the actors ask.
        prefix: of the channels' names.
        heard: where transcripts come from; the actors own it from here on.
        speeches: where results go; the actors own it from here on.
    """
    if len(config.targets) == 1:
        return _language(config, its, config.target_language, f"{prefix}/", "", heard, speeches)
    pipes: list[Pipe[Heard]] = [
        open_channel(f"{prefix}/{target}/transcripts", 1) for target in config.targets
    ]
    outboxes = [pipe[0] for pipe in pipes]
    children = [Child(name="fan", run=partial(fan, heard, outboxes), owns=(heard, *outboxes))]
    for target, (_, inbox) in zip(config.targets, pipes, strict=True):
        # Tasks and channels have the language in the midst of their names, and so the role of any.
        name = f"{target}/"
        children += _language(config, its, target, f"{prefix}/{name}", name, inbox, speeches.clone())
    speeches.close()
    return children


def _language(
    config: StreamConfig,
    its: Collaborators,
    target: str,
    prefix: str,
    name: str,
    inbox: trio.MemoryReceiveChannel[Heard],
    outbox: trio.MemorySendChannel[Result | None],
) -> list[Child]:
    """The two actors of one language; `prefix` is of its channels' names, `name` of its tasks'."""
    translations: Pipe[Translated] = open_channel(f"{prefix}translations", 1)
    voicing = its.voicing_by_language.get(target, its.voicing)
    pace = its.durations.pace(engine=voicing.engine, voice=voicing.voice, language=primary_language(target))
    run_translation = partial(
        translation,
        inbox,
        translations[0],
        its.translator,
        config,
        its.translation_limits,
        target=target,
        pace=pace,
    )
    run_tts = partial(
        tts,
        translations[1],
        outbox,
        its.synthesiser,
        config,
        voicing,
        its.tts_limits,
        its.compute,
        target=target,
        pace=pace,
        recogniser=its.recogniser,
        original=its.original,
    )
    return [
        Child(name=f"{name}translation", run=run_translation, owns=(inbox, translations[0])),
        Child(name=f"{name}tts", run=run_tts, owns=(translations[1], outbox)),
    ]
