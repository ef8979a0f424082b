import tempfile
from pathlib import Path

import numpy as np
import pytest
from cli_samples import read_wav, tone
from hypothesis import given
from hypothesis import strategies as st

from sts_actors.cli.wav_file import WavFile


@given(st.lists(st.integers(0, 300), max_size=6), st.integers(1, 2), st.data())
def test_a_file_that_is_opened_again_goes_on_from_where_it_is_told(sizes, channels, data):
    pcm = tone(2_000, channels)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.wav"
        file = WavFile(path, sample_rate_hz=16_000, channels=channels)
        for size in sizes:
            file.append(pcm[file.frames : file.frames + size])
            assert np.array_equal(read_wav(path)[0], pcm[: file.frames])
        file.close()
        kept = data.draw(st.integers(0, sum(sizes)))
        file = WavFile(path, sample_rate_hz=16_000, channels=channels, frames=kept)
        assert np.array_equal(read_wav(path)[0], pcm[:kept])
        file.append(-pcm[kept : kept + 50])
        file.close()
        assert np.array_equal(read_wav(path)[0], np.concatenate([pcm[:kept], -pcm[kept : kept + 50]]))


def test_a_file_that_is_shorter_than_it_should_be_is_not_gone_on_with(tmp_path):
    WavFile(tmp_path / "a.wav", sample_rate_hz=16_000, channels=1).close()
    with pytest.raises(OSError, match="has lost its end"):
        WavFile(tmp_path / "a.wav", sample_rate_hz=16_000, channels=1, frames=1)
