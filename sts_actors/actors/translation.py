"""The translation actor: words in one language in, utterances in another out."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import attrs
import trio

from sts_actors.actors.stage import StageLimits, run_stage
from sts_actors.actors.utterances import SENTENCE_CHARACTERS, Ended, Part, sentences, together
from sts_actors.audio.speech_rate import Pace
from sts_actors.audio.timeline.phrases import ends_sentence, joined
from sts_actors.engines.ports import Asker, TranslatedText, TranslateRequest
from sts_actors.errors import ServiceError, Stage
from sts_actors.messages import (
    FragmentFailed,
    StreamConfig,
    Transcript,
    Translation,
    Utterance,
    primary_language,
)

CONTEXT_CHARACTERS = 400
"""How much of what was said before goes along: a few sentences mend pronouns and cut sentences."""
TOO_LONG = 1.3
"""A translation that takes this much longer to say than there is time for is asked for again, shorter:
speaking faster and stretching make up for less than that."""
SHARE_FOR_SHORTER = 0.25
"""Of the time that is left. The words are there already, and must still be spoken."""
_STOPS = (".", "\u3002")
_ELLIPSES = ("..", "\u2026")


@attrs.frozen(kw_only=True)
class _Heard:
    """What of a stream bears on what comes next.

    `said` came before the sentence that is under way; `begun` are that one's words so far, `spoken` is what
    has been said of them in the target language.
    """

    said: str = attrs.field(default="", repr=False)
    begun: str = attrs.field(default="", repr=False)
    spoken: str = attrs.field(default="", repr=False)
    ended: Ended = attrs.field(factory=Ended)

    def with_part(self, utterance: Utterance) -> "_Heard":
        return attrs.evolve(
            self,
            begun=joined((self.begun, utterance.source)),
            spoken=joined((self.spoken, utterance.text)),
        )

    def with_sentence(self, source: str = "") -> "_Heard":
        """With nothing under way any more."""
        said = joined((self.said, self.begun, source))
        return attrs.evolve(self, said=said[-CONTEXT_CHARACTERS:], begun="", spoken="")


@attrs.define
class _Sentence:
    """One that is translated: its parts, what was heard up to them, and what has come of them so far."""

    parts: tuple[Part, ...]
    heard: _Heard
    utterances: list[Utterance] = attrs.field(factory=list)
    billed_characters: int = 0


async def translation(
    inbox: trio.MemoryReceiveChannel[Transcript | FragmentFailed],
    outbox: trio.MemorySendChannel[Translation | FragmentFailed],
    translator: Asker[TranslateRequest, TranslatedText],
    config: StreamConfig,
    limits: StageLimits,
    *,
    target: str | None = None,
    pace: Pace | None = None,
) -> None:
    """Translate each transcript by utterance, with what was said before as context.

    The sentences of a fragment are asked for at the same time, the parts of one sentence one after the other:
    the rest of a sentence goes with its beginning and with what was said of that. An empty transcript, and
    one in the target language already, cost no call.

    Args:
        inbox: transcripts in order; failures pass.
        outbox: one translation or failure for each.
        translator: the model.
        config: the stream's.
        limits: of the stage.
        target: another target language than the stream's first.
        pace: how fast the stream's voice is. Where it is known, a translation that takes far too long to say
            is asked for again, once, as a shorter one, of engines that can make it so.
    """
    locale = config.target_language if target is None else target
    interpreter = _Interpreter(translator, config, limits, locale, pace)
    await run_stage(
        inbox,
        outbox,
        interpreter.translate,
        stage=Stage.TRANSLATION,
        limits=limits,
        on_failure=interpreter.lost,
        language=locale,
    )


@attrs.define
class _Interpreter:
    """Translates one stream into one language."""

    _translator: Asker[TranslateRequest, TranslatedText]
    _config: StreamConfig
    _limits: StageLimits
    _target: str
    _pace: Pace | None
    _heard: _Heard = attrs.field(factory=_Heard, init=False)

    async def translate(self, transcript: Transcript) -> Translation:
        started = trio.current_time()
        deadline = min(transcript.header.deadline, started + self._limits.timeout_s)
        before = _Heard() if transcript.alone else self._heard
        parted = sentences(transcript, before.ended)
        if parted.sentences and not parted.continues:
            before = before.with_sentence()
        found: list[_Sentence] = []
        after = before
        for parts in parted.sentences:
            found.append(_Sentence(parts, after))
            after = after.with_sentence(joined(part.source for part in parts))
        if not transcript.alone:
            # As it is to be where this fails: nothing goes on with a sentence that was not spoken.
            self._heard = attrs.evolve(after, ended=Ended())
        await _all_or_none([partial(self._sentence, sentence, deadline) for sentence in found])
        if not transcript.alone:
            after = found[-1].heard if found else before
            self._heard = attrs.evolve(after, ended=parted.ended)
        utterances = together(utterance for sentence in found for utterance in sentence.utterances)
        return Translation(
            transcript=transcript,
            text=joined(utterance.text for utterance in utterances),
            utterances=utterances,
            target_language=self._target,
            billed_characters=sum(sentence.billed_characters for sentence in found),
            translation_s=trio.current_time() - started,
        )

    def lost(self, failure: FragmentFailed) -> FragmentFailed:
        """A fragment is not translated: what comes next may belong to another sentence."""
        if failure.transcript is None or not failure.transcript.alone:
            self._heard = attrs.evolve(self._heard.with_sentence(), ended=Ended())
        return failure

    async def _sentence(self, sentence: _Sentence, deadline: float) -> None:
        for part in sentence.parts:
            if len(sentence.heard.begun) > SENTENCE_CHARACTERS:
                sentence.heard = sentence.heard.with_sentence()
            text, billed_characters = await self._part(part, sentence.heard, deadline)
            utterance = part.spoken(text if part.final else without_added_stop(text, part.source))
            sentence.utterances.append(utterance)
            sentence.billed_characters += billed_characters
            sentence.heard = sentence.heard.with_part(utterance)

    async def _part(self, part: Part, heard: _Heard, deadline: float) -> tuple[str, int]:
        """Its translation, and what that cost."""
        source, target = primary_language(self._config.source_language), primary_language(self._target)
        if source == target:
            return part.source, 0
        request = TranslateRequest(
            text=part.source,
            source_language=source,
            target_language=target,
            target_locale=self._target,
            context=heard.said,
            sentence_start=heard.begun,
            spoken=heard.spoken,
            formality=self._config.formality,
        )
        answer = await self._translator(request, stream=self._config.stream_id, deadline=deadline)
        text, billed_characters = answer.text.strip(), answer.billed_characters
        if self._pace is not None and answer.can_be_shorter:
            predicted_s = self._pace.predict(text)
            if predicted_s > TOO_LONG * part.slot_s:
                shorter = await self._shorter(request, deadline)
                billed_characters += shorter.billed_characters
                if 0 < self._pace.predict(shorter.text) < predicted_s:
                    text = shorter.text.strip()
        return text, billed_characters

    async def _shorter(self, request: TranslateRequest, deadline: float) -> TranslatedText:
        """The same in fewer words; empty where there are none in time, for that is no failure."""
        now = trio.current_time()
        soon = now + (deadline - now) * SHARE_FOR_SHORTER
        with trio.move_on_at(soon):
            try:
                return await self._translator(
                    attrs.evolve(request, shorter=True), stream=self._config.stream_id, deadline=soon
                )
            except ServiceError:
                pass
        return TranslatedText(text="")


async def _all_or_none(tasks: Sequence[Callable[[], Awaitable[None]]]) -> None:
    """Run `tasks` at the same time; the first error cancels the others and is raised."""
    errors: list[Exception] = []

    async def attempt(task: Callable[[], Awaitable[None]]) -> None:
        try:
            await task()
        except Exception as error:  # noqa: BLE001 - raised below, without the nursery's group around it
            errors.append(error)
            nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        for task in tasks:
            nursery.start_soon(attempt, task)
    if errors:
        raise errors[0]


def without_added_stop(text: str, source: str) -> str:
    """A translation without a full stop that its source does not have: a voice would come to rest there."""
    if ends_sentence(source) or source.endswith(_STOPS) or text.endswith(_ELLIPSES):
        return text
    return text.rstrip("".join(_STOPS)).rstrip()
