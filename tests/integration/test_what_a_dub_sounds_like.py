"""The bed, the fallback and the check, as a worker hears them."""

import numpy as np
import pytest
from running import QUICK, dub, dubbing, http_get, running

from sts_actors.audio.pcm import decode_s16le
from sts_actors.engines.fake import FakeSynthesiser
from sts_actors.errors import EngineError, ErrorCode


@pytest.fixture
def mute(monkeypatch):
    """No voice at all."""
    monkeypatch.setattr(
        FakeSynthesiser,
        "run",
        lambda _, batch: [EngineError(ErrorCode.SYNTHESIS_FAILED, "mute") for _ in batch],
    )


async def test_by_default_a_dub_that_fails_is_a_failure(mute):
    async with running(**QUICK) as service, dubbing(service) as stream:
        (answer,) = await dub(stream, 1, 1, duration_s=3.0)
    assert (answer.status, answer.audio) == ("failed", None)


async def test_where_the_operator_wants_it_the_original_answers_instead(mute):
    async with running(**QUICK, fallback_mode="original") as service, dubbing(service) as stream:
        (answer,) = await dub(stream, 1, 1, duration_s=3.0)
    assert answer.status == "partial"
    assert answer.warnings == ("original_audio",)
    assert answer.metadata["fallback_error"]["code"] == "SYNTHESIS_FAILED"
    assert len(answer.audio) == 3 * 16_000 * 2
    assert np.abs(decode_s16le(answer.audio, 1)).max() > 0.4


async def test_the_bed_is_heard_where_the_dub_is_silent():
    async with running(**QUICK) as service:
        async with dubbing(service) as stream:
            (bare,) = await dub(stream, 1, 1, duration_s=6.0)
        async with dubbing(service, bed="duck") as stream:
            (bedded,) = await dub(stream, 1, 1, duration_s=6.0)
    heard = [decode_s16le(answer.audio, 1)[:, 0] for answer in (bare, bedded)]
    assert heard[0].shape == heard[1].shape
    assert not np.array_equal(*heard)


async def test_what_is_checked_is_counted():
    async with running(**QUICK) as service:
        async with dubbing(service, verify=0.5) as stream:
            await dub(stream, 1, 4, duration_s=3.0)
        _, body = await http_get(service, "/metrics")
    counted = [line for line in body.decode().splitlines() if line.startswith("sts_dub_checks_total")]
    assert sum(float(line.split()[-1]) for line in counted) >= 2


async def test_the_lag_of_each_dub_is_told():
    async with running(**QUICK) as service, dubbing(service, seam="carry") as stream:
        answers = await dub(stream, 1, 3, duration_s=3.0)
    assert all(0 <= answer.metadata["lag_ms"] <= 3000 for answer in answers)
