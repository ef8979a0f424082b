"""Asks for speech: draws anew what came out spoilt, and learns how fast the voice is."""

from collections.abc import Awaitable, Callable

import attrs
import trio

from sts_actors.actors.voicing import Voicing
from sts_actors.audio.speech_rate import Pace
from sts_actors.audio.timeline.silences import edges
from sts_actors.engines.ports import Asker, SynthesisedAudio, SynthesiseRequest
from sts_actors.errors import ErrorCode, ServiceError

ATTEMPTS = 3
"""How often a text is spoken at the most until nothing is found wrong with it."""

Check = Callable[[str, SynthesisedAudio, float], Awaitable[tuple[str, ...]]]
"""What is wrong with the speech of a text, found out before a deadline."""


@attrs.frozen(kw_only=True)
class Speaker:
    """One stream's voice in one language (a primary code)."""

    synthesiser: Asker[SynthesiseRequest, SynthesisedAudio]
    voicing: Voicing
    language: str
    stream_id: str
    pace: Pace

    def predict(self, text: str) -> float:
        """Seconds that `text` is expected to take at speed 1."""
        return self.pace.predict(text)

    async def say(
        self, text: str, speed: float, deadline: float, *, check: Check | None = None
    ) -> SynthesisedAudio:
        """Have `text` spoken; drawn anew, while there is time, where the engine finds it spoilt.

        What the engine has no fault to find with, and `check` has, is drawn anew as well, but better than
        none.

        Raises:
            ServiceError: the engine's; `SYNTHESIS_FAILED` where it was spoilt each time.
        """
        request = SynthesiseRequest(
            text=text,
            language=self.language,
            voice=self.voicing.voice,
            speed=speed,
            reference=self.voicing.reference,
        )
        sound: SynthesisedAudio | None = None
        for attempt in range(ATTEMPTS):
            started = trio.current_time()
            audio = await self.synthesiser(
                attrs.evolve(request, attempt=attempt), stream=self.stream_id, deadline=deadline
            )
            defects = audio.defects
            if not defects:
                sound = audio
                defects = () if check is None else await check(text, audio, deadline)
            ended = trio.current_time()
            if not defects or ended + (ended - started) > deadline:
                break
        if sound is None:
            raise ServiceError(ErrorCode.SYNTHESIS_FAILED, f"the voice failed: {', '.join(audio.defects)}")
        self._learn(text, sound, speed)
        return sound

    def _learn(self, text: str, audio: SynthesisedAudio, speed: float) -> None:
        """By the speech alone: what silence an engine puts around it says nothing about the next text."""
        start, end = edges(audio.pcm, audio.sample_rate_hz)
        seconds = (end - start) / audio.sample_rate_hz
        self.pace.observe(text, seconds, speed=speed)
