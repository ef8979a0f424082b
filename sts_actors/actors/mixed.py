"""What a fragment's answer sounds like in the end: its dub and the original, as the stream wants them."""

import attrs
import numpy as np

from sts_actors.audio.mixing import Mixing
from sts_actors.messages import (
    ORIGINAL_AUDIO,
    AudioFormat,
    Bed,
    FragmentFailed,
    Samples,
    Speech,
    Transcript,
    Translation,
    Utterance,
)

NO_SOUND = np.zeros(0, np.float32)


class Mixed:
    """One stream in one language. A fragment out of order is mixed by itself."""

    def __init__(self, bed: Bed | None, *, original: bool) -> None:
        self._bed = bed
        self._original = original
        self._mixing: Mixing | None = None
        self._number = -1

    def dubbed(self, speech: Speech) -> Speech:
        """The dub with the original under it, if there is to be any; without its source from here on."""
        transcript = speech.translation.transcript
        source = transcript.source
        if source.shape == speech.pcm.shape and (self._bed is not None or self._original):
            mixing = self._of(speech.header.sequence_number, speech.sample_rate_hz)
            spoken = spans(speech.translation.utterances, speech.sample_rate_hz)
            speech = attrs.evolve(speech, pcm=mixing.dubbed(speech.pcm, source, spoken))
        return attrs.evolve(speech, translation=_light(speech.translation))

    def instead(self, failure: FragmentFailed, rest: Samples) -> Speech:
        """The original in place of a dub that failed; `rest`: what is still heard of the dub before.

        Raises:
            ValueError: the failure does not know the original.
        """
        if failure.source is None or failure.answer is None:
            raise ValueError("there is no original")
        rate_hz = failure.answer.sample_rate_hz
        pcm = self._of(failure.header.sequence_number, rate_hz).failed(rest, failure.source)
        return Speech(
            translation=_light(_known(failure, failure.answer, pcm.shape[0])),
            pcm=np.clip(pcm, -1, 1),
            sample_rate_hz=rate_hz,
            raw_duration_ms=0,
            speed_ratio=1.0,
            tempo=1.0,
            variance=0.0,
            partial=True,
            warnings=(ORIGINAL_AUDIO,),
            tts_s=0.0,
            fallback=lighter(failure),
        )

    def _of(self, number: int, rate_hz: int) -> Mixing:
        if number <= self._number:
            return Mixing(rate_hz, self._bed, self._original)
        self._number = number
        if self._mixing is None or self._mixing.sample_rate_hz != rate_hz:
            self._mixing = Mixing(rate_hz, self._bed, self._original)
        return self._mixing


def spans(utterances: tuple[Utterance, ...], rate_hz: int) -> list[tuple[int, int]]:
    """Where the source speaks, in samples from the fragment's start."""
    return [(round(each.start_s * rate_hz), round(each.end_s * rate_hz)) for each in utterances]


def lighter(failure: FragmentFailed) -> FragmentFailed:
    """A failure without the fragment's sound, which nobody needs any more."""
    return attrs.evolve(
        failure,
        source=None,
        transcript=None if failure.transcript is None else _silent(failure.transcript),
        translation=None if failure.translation is None else _light(failure.translation),
    )


def _light(translation: Translation) -> Translation:
    return attrs.evolve(translation, transcript=_silent(translation.transcript))


def _silent(transcript: Transcript) -> Transcript:
    return attrs.evolve(transcript, source=NO_SOUND)


def _known(failure: FragmentFailed, answer: AudioFormat, frames: int) -> Translation:
    """What is known of the words of a fragment that failed."""
    if failure.translation is not None:
        return failure.translation
    heard = failure.transcript or Transcript(
        header=failure.header, frames=frames, answer=answer, text="", language="", asr_s=0.0
    )
    return Translation(
        transcript=heard,
        text="",
        target_language=failure.target_language,
        billed_characters=0,
        translation_s=0.0,
    )
