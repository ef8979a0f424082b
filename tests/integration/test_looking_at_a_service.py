"""What operators see of a running service: its tasks, its loop, from the right places only."""

import re
import time

import pytest
import trio
from running import QUICK, dubbing, http_get, marked, running

from sts_actors.access import bearer, is_loopback, is_token
from sts_actors.cli.errors import CommandError
from sts_actors.cli.tree import fetch
from sts_actors.client import Complete, ConnectFailed, open_client
from sts_actors.debugging import DebugTasks
from sts_actors.gateway import HttpRequest
from supervision import LoopInstrument


async def fetched(url, token=""):
    return await trio.to_thread.run_sync(fetch, url, token)


class Nothing:
    """A request without a body."""

    async def read_body(self, limit, heard):
        return b""

    async def wait_gone(self):
        await trio.sleep_forever()


def asked(peer, **headers):
    headers = {"host": "127.0.0.1:8000", **headers}
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return HttpRequest(
        method="GET",
        target="/debug/tasks",
        path="/debug/tasks",
        query_string="",
        headers=named,
        http_version="1.1",
        peer=(peer, 1),
        source=Nothing(),
    )


async def test_the_tree_of_a_running_service_shows_its_streams_models_and_channels():
    async with running(fake_asr_latency_s=5.0) as service, dubbing(service, stream_id="match-7") as stream:
        await stream.send_fragment(0, marked(1, 0), 1000)
        with trio.fail_after(30):
            # The batch may have begun while the one who asked for it is still on its way to wait for it.
            text = await fetched(service.url)
            while "batches running 1" not in text or "stream/match-7/asr  reply.py:" not in text:
                await trio.sleep(0.01)
                text = await fetched(service.url)
    assert "models/asr: permanent, running, restarts 0" in text
    assert "stream/match-7/fragments: 0 of 1" in text
    assert "device: 5 of 8 tokens free" in text
    assert "passes, mean" in text
    assert "stream/*/asr: tasks 1" in text


async def test_a_stall_is_seen_in_the_report_with_its_culprit_and_counted_in_the_metrics():
    async with running(**QUICK) as service:

        async def culprit():
            time.sleep(0.35)  # noqa: ASYNC251 - this is the point
            await trio.lowlevel.checkpoint()

        await culprit()
        text = await fetched(service.url)
        _, metrics = await http_get(service, "/metrics")
    stalls = text.partition("stalls\n")[2]
    assert "test_looking_at_a_service.py" in stalls
    assert " culprit\n" in stalls
    assert float(re.search(rb"(?m)^sts_event_loop_stalls_total (\S+)", metrics)[1]) >= 1
    assert b'sts_event_loop_lag_seconds_bucket{le="+Inf"}' in metrics
    assert b'sts_task_steps_total{role="models/asr"}' in metrics


async def test_no_metric_is_labelled_by_stream():
    async with running(**QUICK) as service, dubbing(service, stream_id="match-7"):
        _, metrics = await http_get(service, "/metrics")
    assert b'role="stream/*/asr"' in metrics
    assert b"match-7" not in metrics


async def test_tokens_queues_and_channels_are_measured_by_kind():
    async with running(fake_asr_latency_s=5.0) as service, dubbing(service) as stream:
        await stream.send_fragment(0, marked(1, 0), 1000)
        with trio.fail_after(30):
            while service.models.scheduler.statistics().tokens_free == 8:
                await trio.sleep(0.01)
        _, metrics = await http_get(service, "/metrics")
    for line in (
        b'sts_engine_tokens{state="free"} 5.0',
        b'sts_engine_tokens{state="used"} 3.0',
        b"sts_capacity_tokens 8.0",
        b'sts_queue_served_total{stage="asr"} 1.0',
        b'sts_queue_waiting{stage="tts"} 0.0',
        b'sts_queue_wait_seconds_bucket{le="+Inf",stage="asr"} 1.0',
        b'sts_batch_size_bucket{le="1",stage="asr"} 1.0',
        b'sts_batch_size_bucket{le="+Inf",stage="asr"} 1.0',
        b'sts_channel_fill{channel="stream/*/fragments"} 0.0',
        b'sts_channel_peak{channel="stream/*/fragments"} 0.0',
        b'sts_channel_waiting_senders{channel="stream/*/fragments"} 0.0',
    ):
        assert line in metrics, line


async def test_with_a_token_set_the_tasks_are_shown_to_its_bearer_alone():
    secret = "a long secret of this test"
    async with running(**QUICK, auth_token=secret) as service:
        for wrong in ("", "no", secret + "x"):
            with pytest.raises(CommandError, match="wants its token"):
                await fetched(service.url, wrong)
        text = await fetched(service.url, secret)
        assert "models/asr" in text
        assert secret not in text


async def test_whoever_is_turned_away_for_a_token_is_counted():
    async with running(**QUICK, auth_token="a long secret of this test") as service:
        with pytest.raises(ConnectFailed, match="AUTH_FAILED"):
            async with open_client(service.url, auth={"token": "no"}):
                raise AssertionError("nobody is let in without the token")
        _, metrics = await http_get(service, "/metrics")
    assert b'sts_rejected_total{reason="AUTH_FAILED"} 1.0' in metrics


@pytest.mark.parametrize("header", ["forwarded", "via", "x_forwarded_for", "x_forwarded_host", "x_real_ip"])
async def test_what_a_proxy_passes_on_is_not_from_this_machine(header):
    route = DebugTasks(LoopInstrument(), "")
    assert (await route(asked("127.0.0.1"))).status == 200
    assert (await route(asked("127.0.0.1", **{header: "203.0.113.9"}))).status == 403


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "", "[2001:db8::1]:8000"])
async def test_a_page_that_led_a_browser_of_this_machine_here_under_its_own_name_sees_nothing(host):
    assert (await DebugTasks(LoopInstrument(), "")(asked("127.0.0.1", host=host))).status == 403


@pytest.mark.parametrize("host", ["localhost:8000", "[::1]:8000", "127.0.0.1"])
async def test_this_machine_may_be_called_by_each_of_its_names(host):
    assert (await DebugTasks(LoopInstrument(), "")(asked("::1", host=host))).status == 200


@pytest.mark.parametrize("peer", ["203.0.113.9", "10.0.0.1", "::ffff:203.0.113.9", ""])
async def test_without_a_token_the_tasks_are_shown_to_this_machine_alone(peer):
    assert (await DebugTasks(LoopInstrument(), "")(asked(peer))).status == 403


async def test_a_token_opens_the_tasks_to_other_machines():
    route = DebugTasks(LoopInstrument(), "secret")
    assert (await route(asked("203.0.113.9", authorization="Bearer secret"))).status == 200
    assert (await route(asked("203.0.113.9", authorization="Basic secret"))).status == 401


@pytest.mark.parametrize("url", ["nonsense", "ftp://127.0.0.1", "file:///etc/passwd", "http://"])
def test_what_is_no_address_is_refused(url):
    with pytest.raises(CommandError, match="no address of a service"):
        fetch(url, "")


async def test_a_service_that_is_not_there_is_told_in_one_line():
    with pytest.raises(CommandError, match="is the service running there"):
        await fetched("http://127.0.0.1:9")


async def test_another_server_is_told_from_ours():
    async with running(**QUICK) as service:
        with pytest.raises(CommandError, match="HTTP 404"):
            await fetched(f"{service.url}/elsewhere")


def test_tokens_and_addresses_are_read_strictly():
    assert bearer("Bearer  x ") == bearer("bearer x") == "x"
    assert bearer("x") == bearer("") == bearer("Basic x") == ""
    assert is_token("x", "x")
    assert not is_token("é", "x")
    assert is_loopback("::1")
    assert is_loopback("localhost")
    assert not is_loopback("localhost.example")


async def test_a_stream_that_is_stopped_in_the_middle_leaves_no_name_in_the_metrics():
    async with running(fake_asr_latency_s=5.0, drain_timeout_s=0.05) as service:
        async with dubbing(service, stream_id="matinee") as stream:
            await stream.send_fragment(0, marked(1, 0), 1000)
            await stream.end()
            async for event in stream.events:
                if isinstance(event, Complete):
                    break
        _, body = await http_get(service, "/metrics")
    assert b'{role="stream/*/stopping"}' in body
    assert b"matinee" not in body
