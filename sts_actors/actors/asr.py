"""The recognition actor: samples in, words out, none of them cut by a seam."""

import math
from contextlib import suppress

import attrs
import numpy as np
import trio

from sts_actors.actors.compute import Compute
from sts_actors.actors.intake import Intake
from sts_actors.actors.stage import StageLimits, run_stage
from sts_actors.audio.pcm import resample
from sts_actors.audio.seams import (
    Decided,
    Dialogue,
    Heard,
    Question,
    SeamSettings,
    SeamState,
    decide,
    join_words,
)
from sts_actors.engines.ports import (
    MAX_PROMPT_CHARACTERS,
    RECOGNISER_RATE_HZ,
    Asker,
    RecogniseRequest,
    Recognition,
)
from sts_actors.errors import ServiceError, Stage
from sts_actors.messages import (
    TAIL,
    Fragment,
    FragmentFailed,
    Samples,
    SeamPolicy,
    StreamConfig,
    Transcript,
    Word,
    primary_language,
)

SEAMS = SeamSettings()
PATIENCE = 0.5
"""The share of a fragment's time within which it may be heard once more."""


async def asr(
    inbox: trio.MemoryReceiveChannel[Fragment | FragmentFailed],
    outbox: trio.MemorySendChannel[Transcript | FragmentFailed],
    recogniser: Asker[RecogniseRequest, Recognition],
    config: StreamConfig,
    limits: StageLimits,
    compute: Compute,
    intake: Intake | None = None,
) -> None:
    """Recognise each fragment; silence and music give an empty text.

    With carried seams, words that a fragment's end may have cut come with the next one, and at the latest
    with a transcript of index `TAIL` after the last: it is sent where there is an `intake` to tell that the
    stream has ended, and anything was recognised.
    """
    ear = _Ear(recogniser=recogniser, config=config, limits=limits, compute=compute, intake=intake)
    await run_stage(
        inbox, outbox, ear.recognise, stage=Stage.ASR, limits=limits, on_failure=ear.count_failure
    )
    if intake is not None and ear.before is not None:
        await outbox.send(await ear.tail(ear.before))


@attrs.frozen(kw_only=True)
class _Before:
    """The last fragment recognised, and what its seam holds."""

    fragment: Fragment
    state: SeamState


@attrs.define(kw_only=True)
class _Ear:
    """A stream's recognition: what it has heard changes only with a fragment that it is through with."""

    recogniser: Asker[RecogniseRequest, Recognition]
    config: StreamConfig
    limits: StageLimits
    compute: Compute
    intake: Intake | None
    before: _Before | None = None
    counted: int | None = None
    language: str = attrs.field(init=False)
    prompt: str = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.language = primary_language(self.config.source_language)
        self.prompt = ", ".join(self.config.domain_hints)[:MAX_PROMPT_CHARACTERS]

    def count_failure(self, failure: FragmentFailed) -> FragmentFailed:
        """A fragment that failed before or in recognition has been taken, too."""
        self._count(failure.header.index)
        return failure

    def _count(self, index: int) -> None:
        if self.intake is not None and self.counted != index:
            self.intake.taken += 1
        self.counted = index

    def _is_last(self) -> bool:
        return self.intake is not None and self.intake.is_last

    async def recognise(self, fragment: Fragment) -> Transcript:
        """What is said in a fragment, and what was carried to it."""
        self._count(fragment.header.index)
        started = trio.current_time()
        deadline = min(fragment.header.deadline, started + self.limits.timeout_s)
        number, before = fragment.header.sequence_number, self.before
        alone = before is not None and number <= before.fragment.header.sequence_number
        if alone or self.config.seam is SeamPolicy.FIXED:
            heard = await self._ask(Question(pcm=await self._resampled(fragment)), deadline)
            text, decided = heard.text.strip(), Decided(words=heard.words, state=SeamState())
        else:
            decided = await self._carry(fragment, deadline)
            text = join_words(decided.words, self.language)
        if not alone:
            self.before = _Before(fragment=fragment, state=decided.state)
        return Transcript(
            header=fragment.header,
            frames=fragment.pcm.shape[0],
            source=fragment.pcm,
            answer=fragment.answer,
            text=text,
            words=decided.words,
            language=self.language,
            asr_s=trio.current_time() - started,
            alone=alone,
            last=self._is_last() and not alone,
        )

    async def tail(self, before: _Before) -> Transcript:
        """What is carried when nothing more comes; no words rather than none of it, should that fail."""
        last, now = before.fragment, trio.current_time()
        timeout_s = self.config.timeout_ms / 1000
        words: tuple[Word, ...] = ()
        with suppress(ServiceError), trio.move_on_after(timeout_s):
            words = await self._finish(before.state, now + timeout_s)
        return Transcript(
            header=attrs.evolve(
                last.header,
                sequence_number=last.header.sequence_number + 1,
                index=TAIL,
                duration_ms=0,
                received=now,
                deadline=now + timeout_s,
            ),
            frames=0,
            answer=last.answer,
            text=join_words(words, self.language),
            words=words,
            language=self.language,
            asr_s=trio.current_time() - now,
            last=True,
        )

    async def _carry(self, fragment: Fragment, deadline: float) -> Decided:
        """Decide a fragment with what is carried to it, or, after a gap, behind it."""
        late: tuple[Word, ...] = ()
        state = SeamState()
        if self.before is not None:
            expected = self.before.fragment.header.sequence_number + 1
            if fragment.header.sequence_number == expected:
                state = self.before.state
            else:
                late = await self._finish(self.before.state, deadline)
        pcm = await self._resampled(fragment)
        decided = await self._hold(
            decide(state, pcm, self.language, last=self._is_last, settings=SEAMS), deadline
        )
        return attrs.evolve(decided, words=(*late, *decided.words))

    async def _finish(self, state: SeamState, deadline: float) -> tuple[Word, ...]:
        nothing = np.zeros(0, np.float32)
        decided = await self._hold(
            decide(state, nothing, self.language, last=lambda: True, settings=SEAMS), deadline
        )
        return decided.words

    async def _hold(self, dialogue: Dialogue[Decided], deadline: float) -> Decided:
        """Have the recogniser answer each question of a dialogue.

        The first one may take until the deadline. What is asked besides makes words better, but a dub is what
        is wanted: half of the time is left for that.
        """
        now = trio.current_time()
        until = math.inf
        try:
            question = next(dialogue)
            while True:
                heard: Heard | None = None
                with trio.move_on_at(until):
                    answer = await self._ask(question, deadline)
                    heard = Heard(words=answer.words, voice=answer.voice)
                until = now + (deadline - now) * PATIENCE
                question = dialogue.send(heard)
        except StopIteration as end:
            decided: Decided = end.value
            return decided

    async def _ask(self, question: Question, deadline: float) -> Recognition:
        request = RecogniseRequest(
            pcm=question.pcm,
            language=self.language,
            prompt=self.prompt,
            prefix=question.prefix,
            since_s=question.since_s,
            words=True,
        )
        return await self.recogniser(request, stream=self.config.stream_id, deadline=deadline)

    async def _resampled(self, fragment: Fragment) -> Samples:
        if fragment.sample_rate_hz == RECOGNISER_RATE_HZ:
            return fragment.pcm
        return await self.compute(resample, fragment.pcm, fragment.sample_rate_hz, RECOGNISER_RATE_HZ)
