"""Workers of both kinds against one service at once, each as strict as it is in the field."""

import asyncio
import base64
import logging

import trio
from deployed_worker import RATE_HZ as DEPLOYED_RATE_HZ
from deployed_worker import dub_fragments
from quickstart_client import burst, dub_one_fragment
from running import QUICK, http_get, marked, running, who_speaks
from test_quick_start_client import whole_wav

from sts_actors.audio.codecs import decode, encode
from sts_actors.audio.pcm import downmix
from sts_actors.engines.marks import mark, read_mark
from sts_actors.messages import AudioFormat, Container

ADTS = AudioFormat(container=Container.ADTS, sample_rate_hz=DEPLOYED_RATE_HZ, channels=2)
FRAGMENTS, FRAGMENT_S = 8, 3.0


def adts(stream, fragment):
    """Raw ADTS that says who it is."""
    samples = mark(stream, fragment, sample_rate_hz=DEPLOYED_RATE_HZ, duration_s=FRAGMENT_S)
    return encode(samples, ADTS)


def in_a_thread(async_fn, *args):
    return trio.to_thread.run_sync(lambda: asyncio.run(async_fn(*args)))


async def test_workers_of_both_kinds_are_served_at_once_and_as_they_are(caplog):
    deployed, quick = [], []
    with caplog.at_level(logging.WARNING):
        async with running(**QUICK, auto_disconnect_delay_s=0.2) as service:

            async def deployed_worker():
                pieces = [adts(5, number) for number in range(FRAGMENTS)]
                deployed.append(
                    await in_a_thread(dub_fragments, service.url, "match-5", pieces, round(FRAGMENT_S * 1000))
                )

            async def quick_start_worker():
                quick.append(await in_a_thread(dub_one_fragment, service.url, whole_wav(marked(6, 1, 6.0))))

            async with trio.open_nursery() as nursery:
                nursery.start_soon(deployed_worker)
                nursery.start_soon(quick_start_worker)
            with trio.fail_after(30):
                while b"sts_streams 0.0" not in (await http_get(service, "/metrics"))[1]:
                    await trio.sleep(0.02)
    report = deployed[0]
    assert report.transport == "websocket"
    assert report.ready["capabilities"]["duration_matching"] is True
    assert not report.given_up
    assert not report.errors
    assert report.acked == [f"match-5-{number}" for number in range(FRAGMENTS)]
    assert [answer["sequence_number"] for answer in report.processed] == list(range(FRAGMENTS))
    for number, answer in enumerate(report.processed):
        assert answer["status"] == "success"
        assert answer["metadata"]["pts_ns"] == number * FRAGMENT_S * 1e9
        assert answer["dubbed_audio_info"]["sample_rate_hz"] == DEPLOYED_RATE_HZ
        assert answer["dubbed_audio_info"]["channels"] == 2
        heard = decode(base64.b64decode(answer["dubbed_audio"]["data_base64"]), ADTS)
        assert read_mark(downmix(heard.samples), heard.sample_rate_hz) == (5, number)
    assert who_speaks(quick[0].dubbed) == (6, 1)
    assert quick[0].complete["statistics"]["success_count"] == 1
    # One of them left right after `stream:end`, as it always does: nothing to log. (That the two threads of
    # the workers held this one up is.)
    assert [r.getMessage() for r in caplog.records if "held the run loop" not in r.getMessage()] == []


async def test_a_burst_of_either_worker_brings_backpressure_its_release_and_counts_that_agree():
    # Levels so low that three in flight, which is all that deployed workers ever have, are a pause.
    levels = {"backpressure_low": 1, "backpressure_medium": 2}
    latencies = {"fake_asr_latency_s": 0.05, "fake_translation_latency_s": 0.0, "fake_tts_latency_s": 0.05}
    sent = 14
    deployed, quick = [], []
    async with running(**latencies, **levels) as service:

        async def deployed_worker():
            pieces = [adts(5, number) for number in range(FRAGMENTS)]
            deployed.append(await in_a_thread(dub_fragments, service.url, "match-6", pieces, 3000))

        async def quick_start_worker():
            wavs = [whole_wav(marked(6, number, 2.0)) for number in range(1, sent + 1)]
            quick.append(await in_a_thread(burst, service.url, wavs))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(deployed_worker)
            nursery.start_soon(quick_start_worker)
    for levels_told in (deployed[0].levels, quick[0].levels):
        assert "pause" in levels_told
        assert levels_told[-1] == "none"
    assert not deployed[0].given_up
    assert [answer["sequence_number"] for answer in deployed[0].processed] == list(range(FRAGMENTS))
    assert {answer["status"] for answer in deployed[0].processed} == {"success"}
    report = quick[0]
    assert [answer["sequence_number"] for answer in report.processed] == list(range(1, sent + 1))
    good = [answer for answer in report.processed if answer["status"] == "success"]
    refused = [answer for answer in report.processed if answer["status"] == "failed"]
    assert [who_speaks_in_wav(answer) for answer in good] == [(6, one["sequence_number"]) for one in good]
    assert len(good) == len(report.acked) >= 10
    assert {answer["error"]["code"] for answer in refused} == {"BACKPRESSURE_EXCEEDED"}
    assert [error["fragment_id"] for error in report.errors] == [one["fragment_id"] for one in refused]
    counts = report.complete["statistics"]
    assert report.complete["total_fragments"] == sent
    assert (counts["success_count"], counts["failed_count"]) == (len(good), len(refused))
    assert {name: report.complete[name] for name in counts} == counts
    assert 4.5 < report.closed_after_s < 10


def who_speaks_in_wav(answer):
    """The stream says `pcm_s16le`, the WAV's header gave rate and channels: raw samples come back."""
    return who_speaks(base64.b64decode(answer["dubbed_audio"]))
