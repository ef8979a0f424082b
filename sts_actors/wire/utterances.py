"""What was said when, phrase by phrase: for subtitles, which the bounds of fragments would misplace."""

from typing import Any

from sts_actors.messages import Translation


def utterances(translation: Translation) -> dict[str, Any]:
    """`utterances`: each phrase with its time in the source, in ms from the fragment's start; or nothing.

    Below 0 is before the fragment: what its predecessor left. Those of a tail count from the last one's end.
    """
    told = [
        {
            "start_ms": round(each.start_s * 1000),
            "end_ms": round(each.end_s * 1000),
            "transcript": each.source,
            "translated_text": each.text,
        }
        for each in translation.utterances
    ]
    return {"utterances": told} if told else {}
