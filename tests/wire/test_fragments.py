"""`fragment:data` and the mirrored answer."""

import base64

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sts_actors.errors import ErrorCode, ServiceError, Stage
from sts_actors.messages import (
    AudioFormat,
    Container,
    FragmentFailed,
    FragmentHeader,
    Speech,
    StreamConfig,
    Transcript,
    Translation,
)
from sts_actors.wire.answers import processed
from sts_actors.wire.fragments import AudioShape, parse_arrival, read_audio

LABEL = AudioFormat(container=Container.PCM_S16LE, sample_rate_hz=16000, channels=1)
CONFIG = StreamConfig(stream_id="s", source_language="en", target_language="pt", label=LABEL)
AUDIO = b"\x00\x01\x02\x03"
TEXT = base64.b64encode(AUDIO).decode()


def fragment(audio, **fields):
    return {"fragment_id": "f", "sequence_number": 4, "audio": audio, **fields}


@pytest.mark.parametrize(
    ("audio", "shape"),
    [
        (TEXT, AudioShape.TEXT),
        (AUDIO, AudioShape.BYTES),
        ({"data_base64": TEXT}, AudioShape.OBJECT_TEXT),
        ({"data_base64": AUDIO}, AudioShape.OBJECT_BYTES),
    ],
)
def test_audio_comes_in_four_shapes_with_the_same_bytes(audio, shape):
    arrival = parse_arrival(fragment(audio), CONFIG)
    assert arrival.shape is shape
    assert read_audio(arrival, CONFIG).data == AUDIO


def test_labels_of_a_fragment_win_over_those_of_its_stream():
    flat = parse_arrival(fragment(TEXT, sample_rate=48000, channels=2, format="wav"), CONFIG)
    assert read_audio(flat, CONFIG).label == AudioFormat(
        container=Container.WAV, sample_rate_hz=48000, channels=2
    )
    nested = parse_arrival(fragment({"data_base64": TEXT, "sample_rate_hz": 44100}), CONFIG)
    assert read_audio(nested, CONFIG).label.sample_rate_hz == 44100


def test_a_fragment_without_labels_has_those_of_its_stream():
    assert read_audio(parse_arrival(fragment(TEXT), CONFIG), CONFIG).label == LABEL


@pytest.mark.parametrize("bad", ["!!!!", "AA==AA==", "AAA", "AAAA\n", 7, None, [], {"data_base64": None}])
def test_what_is_no_base64_is_refused_and_never_cleaned_up(bad):
    with pytest.raises(ServiceError) as caught:
        read_audio(parse_arrival(fragment(bad), CONFIG), CONFIG)
    assert caught.value.code is ErrorCode.INVALID_AUDIO_FORMAT


def test_more_than_ten_megabytes_of_audio_are_too_large():
    with pytest.raises(ServiceError) as caught:
        read_audio(parse_arrival(fragment(bytes(10 * 1024 * 1024 + 1)), CONFIG), CONFIG)
    assert caught.value.code is ErrorCode.FRAGMENT_TOO_LARGE


@pytest.mark.parametrize("bad", [None, -1, 2**53, True, 1.0, "1", float("nan")])
def test_a_number_that_json_does_not_keep_exact_is_an_invalid_sequence(bad):
    with pytest.raises(ServiceError) as caught:
        parse_arrival(fragment(TEXT) | {"sequence_number": bad}, CONFIG)
    assert caught.value.code is ErrorCode.INVALID_SEQUENCE


def test_audio_is_kept_out_of_the_repr():
    arrival = parse_arrival(fragment(TEXT), CONFIG)
    assert TEXT not in repr(arrival)
    assert "data" not in repr(read_audio(arrival, CONFIG))


HEADER = FragmentHeader(
    stream_id="s", fragment_id="f", sequence_number=4, index=0, duration_ms=250, received=0.0, deadline=7.5
)
TRANSCRIPT = Transcript(header=HEADER, frames=4000, answer=LABEL, text="hello", language="en", asr_s=0.5)
TRANSLATION = Translation(transcript=TRANSCRIPT, text="olá", billed_characters=5, translation_s=0.02)
SPEECH = Speech(
    translation=TRANSLATION,
    pcm=np.zeros(4000, np.float32),
    sample_rate_hz=16000,
    raw_duration_ms=200,
    speed_ratio=1.25,
    tempo=1.0,
    variance=0.0,
    partial=False,
    tts_s=0.3,
)


@given(st.sampled_from(AudioShape), st.binary(max_size=64))
def test_the_answer_carries_its_audio_in_the_shape_of_the_question(shape, audio):
    answer = processed(SPEECH, audio=audio, shape=shape, processing_ms=1234.4)
    dubbed = answer["dubbed_audio"]
    inner = dubbed["data_base64"] if "object" in shape else dubbed
    assert (inner if "bytes" in shape else base64.b64decode(inner, validate=True)) == audio
    assert isinstance(inner, bytes) == ("bytes" in shape)
    assert (answer["status"], answer["processing_time_ms"]) == ("success", 1234)
    assert answer["stage_timings"] == {"asr_ms": 500, "translation_ms": 20, "tts_ms": 300}


def test_a_failure_carries_its_error_and_no_audio():
    failure = FragmentFailed(
        header=HEADER,
        stage=Stage.TTS,
        code=ErrorCode.SYNTHESIS_FAILED,
        message="no",
        retryable=False,
        transcript=TRANSCRIPT,
        translation=TRANSLATION,
    )
    answer = processed(failure, audio=b"", shape=AudioShape.TEXT, processing_ms=10)
    assert answer["status"] == "failed"
    assert answer["error"] == {
        "stage": "tts",
        "code": "SYNTHESIS_FAILED",
        "message": "no",
        "retryable": False,
    }
    assert "dubbed_audio" not in answer
    assert answer["transcript"] == "hello"


def test_private_words_stay_out_of_the_repr():
    assert "hello" not in repr(SPEECH)
    assert "olá" not in repr(SPEECH)
