"""What a journal is told, made by hand: a stream's fragments as the line would make them."""

import attrs
import numpy as np

from sts_actors.errors import ErrorCode, Stage
from sts_actors.messages import (
    AudioFormat,
    Container,
    Fragment,
    FragmentFailed,
    FragmentHeader,
    Speech,
    StreamConfig,
    Transcript,
    Translation,
)
from sts_actors.witness import Work

RATE_HZ = 8000
LABEL = AudioFormat(container=Container.PCM_S16LE, sample_rate_hz=RATE_HZ, channels=1)


@attrs.define
class Clock:
    """Says what it is set to."""

    at: float = 100.0

    def __call__(self):
        return self.at


def config(*targets, stream_id="match-7"):
    target, *further = targets or ("pt",)
    return StreamConfig(
        stream_id=stream_id,
        source_language="en",
        target_language=target,
        further_targets=tuple(further),
        label=LABEL,
    )


def header(index, *, received=100.0):
    return FragmentHeader(
        stream_id="match-7",
        fragment_id=f"f{index}",
        sequence_number=index,
        index=index,
        duration_ms=1000,
        received=received,
        deadline=received + 7.5,
    )


def samples(value, frames=RATE_HZ):
    return np.full(frames, value, np.float32)


def fragment(index, pcm, **its):
    return Fragment(header=header(index, **its), pcm=pcm, sample_rate_hz=RATE_HZ, answer=LABEL)


def transcript(index, text="", pcm=None, **its):
    return Transcript(
        header=header(index, **its),
        frames=RATE_HZ,
        source=samples(0) if pcm is None else pcm,
        answer=LABEL,
        text=text,
        language="en",
        asr_s=0.1,
    )


def translation(index, text="", language="pt", **its):
    return Translation(
        transcript=transcript(index, **its),
        text=text,
        target_language=language,
        billed_characters=0,
        translation_s=0.1,
    )


def speech(index, pcm, language="pt", **its):
    return Speech(
        **{
            "translation": translation(index, language=language),
            "pcm": pcm,
            "sample_rate_hz": RATE_HZ,
            "raw_duration_ms": 1000,
            "speed_ratio": 1.02,
            "tempo": 1.0,
            "variance": 0.0,
            "partial": False,
            "tts_s": 0.1,
            **its,
        }
    )


def failure(index, language="pt", code=ErrorCode.TIMEOUT):
    return FragmentFailed(
        header=header(index),
        stage=Stage.TTS,
        code=code,
        message="no",
        retryable=True,
        target_language=language,
    )


def work(product, stage="asr", language="", *, began=100.0, ended=101.0):
    return Work(
        header=product.header, stage=stage, language=language, began=began, ended=ended, product=product
    )
