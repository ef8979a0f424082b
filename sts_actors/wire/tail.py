"""The tail of a stream: what was carried over, or hung over, when its last fragment was answered."""

from collections.abc import Iterable
from typing import Any

from sts_actors.messages import Speech
from sts_actors.wire.dubbed_audio import dubbed_audio
from sts_actors.wire.fragments import AudioShape
from sts_actors.wire.utterances import utterances

Tail = tuple[Speech, bytes, AudioShape]
"""A language's: its dub, the same encoded, and how the worker carries audio."""

MAX_TAIL_BYTES = 2_500_000
"""Of all languages' audio together, encoded: as base64, with its words, well below the 4 MiB of a message."""


def tail(tails: Iterable[Tail]) -> list[dict[str, Any]]:
    """One entry for each language that has something left; where there is no sound, its words alone.

    What would make the message too large to be taken goes without its sound, and says so.
    """
    entries: list[dict[str, Any]] = []
    room = MAX_TAIL_BYTES
    for speech, audio, shape in tails:
        translation = speech.translation
        transcript = translation.transcript
        if not len(speech.pcm) and not transcript.text and not translation.text:
            continue
        entry: dict[str, Any] = {
            "target_language": translation.target_language,
            "transcript": transcript.text,
            "translated_text": translation.text,
            "lag_ms": speech.lag_ms,
            **utterances(translation),
        }
        if len(audio) > room:
            entry["warnings"] = ["audio_left_out"]
        elif len(speech.pcm):
            room -= len(audio)
            duration_ms = round(len(speech.pcm) * 1000 / speech.sample_rate_hz)
            entry |= dubbed_audio(audio, shape, transcript.answer, duration_ms)
        entries.append(entry)
    return entries
