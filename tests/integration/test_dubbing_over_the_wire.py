"""The service from outside: the fake engines, real sockets, our own worker client."""

import json

import pytest
import trio
from running import QUICK, dub, dubbing, http_get, marked, running, who_speaks

from sts_actors.client import (
    Backpressure,
    Complete,
    ConnectFailed,
    Processed,
    StreamInit,
    StreamRefused,
    open_client,
    open_dubbing_stream,
)
from sts_actors.errors import ConfigError
from supervision import channel_statistics, task_tree


async def test_a_stream_is_dubbed_in_order_and_each_dub_lasts_as_long_as_its_fragment():
    async with running(**QUICK) as service, dubbing(service) as stream:
        answers = await dub(stream, 1, 5, duration_s=3.0)
    assert [answer.sequence_number for answer in answers] == [0, 1, 2, 3, 4]
    assert {answer.status for answer in answers} == {"success"}
    assert {len(answer.audio) for answer in answers} == {3 * 16000 * 2}
    assert [answer.translated_text for answer in answers] == [f"pt: stream 1 fragment {n}" for n in range(5)]


async def test_the_sum_at_the_end_counts_every_fragment():
    async with running(**QUICK) as service, dubbing(service) as stream:
        for fragment in range(3):
            await stream.send_fragment(fragment, marked(1, fragment, 2.0), 2000)
        await stream.end()
        events = [event async for event in stream.events]
    complete = events[-1]
    assert isinstance(complete, Complete)
    assert (complete.total_fragments, complete.success_count, complete.total_duration_ms) == (3, 3, 6000)


async def test_two_streams_at_once_never_mix():
    heard = {}

    async def one(service, number):
        async with dubbing(service) as stream:
            answers = await dub(stream, number, 500, duration_s=3.0)
        heard[number] = [who_speaks(answer.audio) for answer in answers]

    async with running(**QUICK) as service, trio.open_nursery() as nursery:
        nursery.start_soon(one, service, 1)
        nursery.start_soon(one, service, 2)
    for number in (1, 2):
        assert heard[number] == [(number, fragment) for fragment in range(500)]


async def test_a_client_cut_off_mid_fragment_leaves_no_task_no_token_and_nothing_in_flight():
    async with running(fake_asr_latency_s=0.3, fake_tts_latency_s=5.0) as service:
        before = task_tree().splitlines()
        with trio.CancelScope() as cut:
            async with dubbing(service) as stream:
                for fragment in range(5):
                    await stream.send_fragment(fragment, marked(1, fragment), 1000)
                # The first is with the synthesiser, others queue behind it.
                while service.models.scheduler.statistics().tokens_free == 8:
                    await trio.sleep(0.01)
                assert [c for c in channel_statistics() if c.name.startswith("stream/")]
                cut.cancel()
        with trio.fail_after(30):
            # Tokens come back when the work in hand has ended, not when its asker left.
            while service.models.scheduler.statistics().tokens_free != 8:
                await trio.sleep(0.05)
            while len(task_tree().splitlines()) > len(before):
                await trio.sleep(0.05)
        assert not [c for c in channel_statistics() if c.name.startswith("stream/")]
        assert not [queue for queue in service.models.scheduler.statistics().queues if queue.waiting]
        _, metrics = await http_get(service, "/metrics")
    assert b"sts_fragments_in_flight 0.0" in metrics
    assert b"sts_streams 0.0" in metrics


async def test_bad_audio_fails_its_fragment_alone_and_in_its_place():
    async with running(**QUICK) as service, dubbing(service) as stream:
        await stream.send_fragment(0, marked(1, 0), 1000)
        await stream.send_fragment(1, b"odd", 1000)
        await stream.send_fragment(2, marked(1, 2), 1000)
        await stream.end()
        answers = [event async for event in stream.events if isinstance(event, Processed)]
    assert [(answer.sequence_number, answer.status) for answer in answers] == [
        (0, "success"),
        (1, "failed"),
        (2, "success"),
    ]
    assert answers[1].error.code == "INVALID_AUDIO_FORMAT"


async def test_a_burst_raises_backpressure_refuses_what_is_too_much_and_releases_it():
    latency = {"fake_asr_latency_s": 0.05, "fake_tts_latency_s": 0.05}
    async with running(**latency) as service, dubbing(service) as stream:
        for fragment in range(14):
            await stream.send_fragment(fragment, marked(1, fragment), 1000)
        await stream.end()
        events = [event async for event in stream.events]
    answers = [event for event in events if isinstance(event, Processed)]
    assert [answer.sequence_number for answer in answers] == list(range(14))
    refused = [answer for answer in answers if answer.status == "failed"]
    assert {answer.error.code for answer in refused} == {"BACKPRESSURE_EXCEEDED"}
    assert 0 < len(refused) <= 4
    actions = [event.action for event in events if isinstance(event, Backpressure)]
    assert actions[:2] == ["slow_down", "pause"]
    assert actions[-1] == "none"


async def test_a_paused_stream_refuses_fragments_until_it_is_resumed():
    async with running(**QUICK) as service, open_client(service.url) as client:
        fragment = {"fragment_id": "f", "audio": "AAAAAA==", "sequence_number": 0}
        init = {"source_language": "en", "target_language": "pt", "sample_rate_hz": 16000}
        await client.emit("stream:init", init)
        seen = []
        async for event in client.events:
            seen.append((event.name, event.args[0].get("code") or event.args[0].get("status")))
            if event.name == "stream:ready":
                await client.emit("stream:pause")
                await client.emit("fragment:data", fragment)
            elif event.name == "error":
                await client.emit("stream:resume", {})
                await client.emit("fragment:data", fragment | {"sequence_number": 1})
                await client.emit("stream:end")
            elif event.name == "stream:complete":
                break
    assert ("error", "STREAM_PAUSED") in seen
    assert [status for name, status in seen if name == "fragment:processed"] == ["failed", "success"]


@pytest.mark.parametrize(
    ("init", "code"),
    [
        ({"source_language": "klingon"}, "UNSUPPORTED_LANGUAGE"),
        ({"voice_profile": "nobody"}, "INVALID_VOICE_PROFILE"),
        ({"sample_rate_hz": 100}, "INVALID_CONFIG"),
    ],
)
async def test_a_stream_that_cannot_be_served_is_refused_with_its_code(init, code):
    async with running(**QUICK) as service:
        with pytest.raises(StreamRefused) as caught:
            async with dubbing(service, **init):
                pass
    assert caught.value.code == code


async def test_a_fragment_before_its_stream_is_refused():
    async with running(**QUICK) as service, open_client(service.url) as client:
        await client.emit("fragment:data", {"fragment_id": "early", "sequence_number": 1, "audio": ""})
        refusal, answer = await anext(client.events), await anext(client.events)
    assert (refusal.name, refusal.args[0]["code"]) == ("error", "STREAM_NOT_FOUND")
    assert refusal.args[0]["fragment_id"] == "early"
    assert (answer.name, answer.args[0]["status"]) == ("fragment:processed", "failed")
    assert (answer.args[0]["fragment_id"], answer.args[0]["sequence_number"]) == ("early", 1)
    assert answer.args[0]["error"]["code"] == "STREAM_NOT_FOUND"


async def test_one_stream_more_than_allowed_is_refused_and_the_next_finds_room():
    async with running(**QUICK, max_concurrent_streams=1) as service:
        async with dubbing(service):
            with pytest.raises(StreamRefused, match="BACKPRESSURE_EXCEEDED"):
                async with dubbing(service):
                    pass
        while b"sts_streams 0.0" not in (await http_get(service, "/metrics"))[1]:
            await trio.sleep(0.01)
        async with dubbing(service) as stream:
            assert len(await dub(stream, 1, 1)) == 1


async def test_a_fragment_that_takes_too_long_is_answered_before_its_worker_gives_up():
    slow = QUICK | {"fake_tts_latency_s": 60.0}
    async with running(**slow) as service, dubbing(service, timeout_ms=1000) as stream:
        start = trio.current_time()
        await stream.send_fragment(0, marked(1, 0), 1000)
        async for event in stream.events:
            if isinstance(event, Processed):
                break
        assert trio.current_time() - start < 1.0
    assert (event.error.code, event.error.stage) == ("TIMEOUT", "tts")
    assert event.transcript == "stream 1 fragment 0"


async def test_the_connection_closes_a_while_after_the_sum():
    async with running(**QUICK, auto_disconnect_delay_s=0.1) as service, open_client(service.url) as client:
        init = StreamInit(source_language="en", target_language="pt", sample_rate_hz=16_000)
        stream = await open_dubbing_stream(client, init)
        await stream.end()
        assert isinstance([event async for event in stream.events][-1], Complete)
        with trio.fail_after(30):
            await client.wait_closed()


async def test_health_ready_and_metrics_answer_over_http():
    async with running(**QUICK) as service:
        status, body = await http_get(service, "/health")
        assert (status, json.loads(body)["status"]) == (200, "healthy")
        status, body = await http_get(service, "/ready")
        told = json.loads(body)
        assert (status, told["status"], told["missing"]) == (200, "ready", [])
        assert told["models"]["tts"] == {
            "name": "fake synthesiser",
            "loaded": True,
            "memory_bytes": None,
            "gpu_memory_bytes": None,
        }
        async with dubbing(service) as stream:
            await dub(stream, 1, 2)
        status, body = await http_get(service, "/metrics")
        assert status == 200
        assert b'sts_fragments_total{outcome="success"} 2.0' in body


async def test_a_wrong_token_is_refused_before_any_state_exists():
    async with running(**QUICK, auth_token="right") as service:
        for auth in (None, {"token": "wrong"}, {"token": 7}, {"tokens": "right"}):
            with pytest.raises(Exception, match="AUTH_FAILED"):
                async with open_client(service.url, auth=auth):
                    pass
        async with open_client(service.url, auth={"token": "right"}):
            pass
        async with open_client(service.url, headers={"Authorization": "Bearer right"}):
            pass


async def test_a_page_of_another_origin_is_let_in_only_when_it_is_listed():
    async with running(**QUICK, cors_allowed_origins="https://a.example, https://b.example") as service:
        for origin, fits in (("https://b.example", True), ("https://c.example", False)):
            if fits:
                async with open_client(service.url, headers={"Origin": origin}) as client:
                    assert client.sid
            else:
                with pytest.raises(ConnectFailed, match="403"):
                    async with open_client(service.url, headers={"Origin": origin}):
                        raise AssertionError("let in")


async def test_a_public_address_without_a_token_needs_the_operators_word_and_is_warned_of(caplog):
    with pytest.raises(ExceptionGroup) as caught:
        async with running(**QUICK, host="0.0.0.0"):
            raise AssertionError("served")
    assert caught.group_contains(ConfigError, match="STS_AUTH_TOKEN")
    async with running(**QUICK, host="0.0.0.0", allow_public_without_token=True):
        assert "can be reached from outside" in caplog.text
