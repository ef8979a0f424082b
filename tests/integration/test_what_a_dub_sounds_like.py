"""The bed, the fallback and the check, as a worker hears them."""

import numpy as np
import pytest
from running import QUICK, dub, dubbing, http_get, running

from sts_actors.audio.pcm import decode_s16le, encode_s16le
from sts_actors.client import Processed
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


HUM = encode_s16le((0.3 * np.sin(np.arange(48_000) * 0.05)).astype(np.float32)[:, None])


async def test_what_was_carried_when_the_stream_ended_comes_with_its_sum():
    async with running(**QUICK) as service:
        async with dubbing(service, seam="carry") as stream:
            await stream.send_fragment(0, HUM, 3000)
            events = [await anext(stream.events)]
            while not isinstance(events[-1], Processed):
                events.append(await anext(stream.events))
            await stream.end()
            complete = [event async for event in stream.events][-1]
        async with dubbing(service, seam="fixed") as stream:
            (whole,) = await dub_once(stream, HUM)
    (tail,) = complete.tail
    assert tail.target_language == "pt"
    assert tail.audio
    assert f"{events[-1].transcript} {tail.transcript}" == whole.transcript


async def test_a_stream_that_ends_in_one_go_says_all_in_its_last_fragment():
    async with running(**QUICK) as service:
        async with dubbing(service, seam="carry") as stream:
            (carried,) = await dub_once(stream, HUM)
        async with dubbing(service, seam="fixed") as stream:
            (whole,) = await dub_once(stream, HUM)
    assert carried.transcript == whole.transcript


async def dub_once(stream, pcm):
    await stream.send_fragment(0, pcm, 3000)
    await stream.end()
    return [event async for event in stream.events if isinstance(event, Processed)]


async def test_the_lag_of_each_dub_is_told():
    async with running(**QUICK) as service, dubbing(service, seam="carry") as stream:
        answers = await dub(stream, 1, 3, duration_s=3.0)
    assert all(0 <= answer.metadata["lag_ms"] <= 3000 for answer in answers)
