"""Audio in an answer: labelled, and carried the way the question carried its own."""

import base64
from typing import Any

from sts_actors.messages import AudioFormat
from sts_actors.wire.fragments import AudioShape


def dubbed_audio(audio: bytes, shape: AudioShape, answer: AudioFormat, duration_ms: int) -> dict[str, Any]:
    """`dubbed_audio` and `dubbed_audio_info`."""
    info = {**_labels(answer), "duration_ms": duration_ms}
    data: Any = audio
    if shape in {AudioShape.TEXT, AudioShape.OBJECT_TEXT}:
        data = base64.b64encode(audio).decode("ascii")
    if shape in {AudioShape.OBJECT_TEXT, AudioShape.OBJECT_BYTES}:
        data = {**info, "data_base64": data}
    return {"dubbed_audio": data, "dubbed_audio_info": info}


def _labels(answer: AudioFormat) -> dict[str, Any]:
    return {
        "format": answer.container.value,
        "sample_rate_hz": answer.sample_rate_hz,
        "channels": answer.channels,
    }
