"""Which dubs are listened to again, and what came of it."""

from typing import Self

import attrs
import trio

from sts_actors.actors.compute import Compute
from sts_actors.actors.listening import Listener, Sample
from sts_actors.actors.speaker import Check
from sts_actors.engines.ports import Asker, RecogniseRequest, Recognition, SynthesisedAudio
from sts_actors.messages import Speech, StreamConfig


@attrs.define(eq=False)
class Checking:
    """The share of one stream's fragments, in one language, that a recogniser listens to."""

    _sample: Sample
    _listener: Listener | None
    _language: str
    _seen: int = 0
    _checked: int = 0
    _defective: int = 0

    @classmethod
    def of(
        cls,
        recogniser: Asker[RecogniseRequest, Recognition] | None,
        config: StreamConfig,
        language: str,
        compute: Compute,
    ) -> Self:
        """As the stream wants it; nothing is checked without a recogniser."""
        listener = None
        if recogniser is not None and config.verify > 0:
            listener = Listener(recogniser=recogniser, compute=compute, stream=config.stream_id)
        return cls(Sample(config.verify), listener, language)

    def next(self) -> Check | None:
        """The check of the next fragment that is spoken; None where it is not one of those."""
        number, self._seen = self._seen, self._seen + 1
        self._checked = self._defective = 0
        return self._check if self._listener is not None and self._sample.takes(number) else None

    def noted(self, speech: Speech) -> Speech:
        """The speech, with what was found out about it."""
        if not self._checked:
            return speech
        return attrs.evolve(speech, checked=self._checked, defective=self._defective)

    async def _check(self, text: str, audio: SynthesisedAudio, deadline: float) -> tuple[str, ...]:
        if self._listener is None:
            return ()
        # Half of what is left is for what comes after: a check must not cost the dub.
        until = trio.current_time() + (deadline - trio.current_time()) / 2
        heard = await self._listener.listen(
            text, audio.pcm, audio.sample_rate_hz, language=self._language, deadline=until
        )
        if heard is None:
            return ()
        self._checked += 1
        self._defective += bool(heard.defects)
        return heard.defects
