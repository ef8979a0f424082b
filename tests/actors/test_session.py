"""What a worker sent becomes samples, or is refused by name."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sts_actors.actors.session import MAX_ANSWER_BYTES, decode_submission
from sts_actors.audio.codecs import encode, encoded_bytes
from sts_actors.errors import ErrorCode, ServiceError
from sts_actors.messages import AudioFormat, Container, FragmentHeader, Submission

HEADER = FragmentHeader(
    stream_id="s",
    fragment_id="f",
    sequence_number=0,
    index=0,
    duration_ms=1,
    received=0.0,
    deadline=9.0,
)


def submission(frames, container=Container.PCM_S16LE, rate_hz=48_000, channels=2):
    label = AudioFormat(container=container, sample_rate_hz=rate_hz, channels=channels)
    return Submission(header=HEADER, data=encode(np.zeros(frames, np.float32), label), label=label)


def test_a_fragment_lasts_as_long_as_its_samples_whatever_its_worker_said() -> None:
    fragment = decode_submission(submission(48_000))
    assert fragment.header.duration_ms == 1000
    assert fragment.pcm.shape == (48_000,)


@pytest.mark.parametrize(
    ("container", "longest_s"),
    [(Container.PCM_S16LE, 15.8), (Container.WAV, 15.8), (Container.PCM_F32LE, 7.9)],
)
def test_a_fragment_whose_dub_would_not_fit_into_a_message_is_refused(container, longest_s) -> None:
    decode_submission(submission(round(longest_s * 48_000), container))
    with pytest.raises(ServiceError, match="would not fit into a message of 4 MiB") as caught:
        decode_submission(submission(round((longest_s + 0.2) * 48_000), container))
    assert caught.value.code is ErrorCode.FRAGMENT_TOO_LARGE


def test_half_a_minute_of_aac_fits() -> None:
    assert decode_submission(submission(30 * 48_000, Container.ADTS)).header.duration_ms >= 30_000


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 20_000),
    st.sampled_from([Container.PCM_S16LE, Container.PCM_F32LE, Container.WAV, Container.M4A, Container.ADTS]),
    st.sampled_from([8000, 16_000, 48_000]),
    st.sampled_from([1, 2]),
    st.integers(0, 2**32 - 1),
)
def test_what_is_encoded_is_never_larger_than_foretold(frames, container, rate_hz, channels, seed) -> None:
    noise = np.random.default_rng(seed).uniform(-1, 1, frames).astype(np.float32)
    layout = AudioFormat(container=container, sample_rate_hz=rate_hz, channels=channels)
    assert len(encode(noise, layout)) <= encoded_bytes(frames, layout)


def test_the_largest_answer_fits_into_four_mebibytes_with_a_long_text() -> None:
    audio = "A" * (MAX_ANSWER_BYTES * 4 // 3)
    assert len(audio) + len(json.dumps(["fragment:processed", "x" * 100_000])) < 4 * 1024 * 1024
