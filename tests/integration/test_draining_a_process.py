"""SIGTERM to a real `serve`: its streams, its exit, its processes."""

import base64
import os
import random
import re
import signal
import subprocess
import sys
import time
from contextlib import asynccontextmanager, closing
from functools import partial
from pathlib import Path

import attrs
import orjson
import pytest
import trio
import websocket_peer
from running import QUICK, RATE_HZ, http_get, marked, running

from sts_actors.app import run_service
from sts_actors.client import (
    Acked,
    Complete,
    ConnectionLost,
    Processed,
    Reconnect,
    StreamInit,
    open_client,
    open_dubbing_stream,
)
from sts_actors.errors import ConfigError
from sts_actors.settings import load_settings

PROGRAM = (sys.executable, "-c", "from sts_actors.cli.main import main; main()")
STREAMS = 50
DRAIN_S = 30
PIECE = marked(1, 1)
DRAINING = "SERVER_DRAINING"


def is_gone(pid):
    """Whether a process has ended; a zombie has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def children(pid):
    """The processes that it has started, whichever of its threads did."""
    listed = (path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children"))
    return [int(child) for text in listed for child in text.split()]


@attrs.frozen
class Serve:
    """A `serve` of the fake profile."""

    process: subprocess.Popen
    url: str

    async def wait_status(self, wanted):
        """When `/ready` first says so, in seconds of the monotonic clock."""
        with trio.fail_after(60):
            while True:
                _, body = await http_get(self, "/ready")
                if orjson.loads(body)["status"] == wanted:
                    return time.monotonic()
                await trio.sleep(0.005)

    async def wait_exit(self):
        """Its exit code."""
        return await trio.to_thread.run_sync(self.process.wait, DRAIN_S + 30)


def start(**environment):
    settings = {"FAKE_IN_PROCESS": "true", "DRAIN_TIMEOUT": str(DRAIN_S), **environment}
    return subprocess.Popen(
        [*PROGRAM, "serve", "--profile", "fake", "--port", "0"],
        env={**os.environ, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@asynccontextmanager
async def serving(**environment):
    """A `serve` whose models have processes of their own, which are loaded."""
    process = start(**environment)
    try:
        line = await trio.to_thread.run_sync(process.stdout.readline)
        service = Serve(process, re.search(r"http://\S+", line)[0])
        await service.wait_status("ready")
        yield service
    finally:
        process.kill()
        process.communicate()


@attrs.define(eq=False)
class Account:
    """What one worker was told."""

    acked: list = attrs.field(factory=list)
    results: list = attrs.field(factory=list)
    complete: Complete | None = None

    def check(self):
        done = [result for result in self.results if result.error is None]
        assert [result.fragment_id for result in done] == self.acked
        numbers = [result.sequence_number for result in done]
        assert numbers == sorted(set(numbers))
        assert {result.error.code for result in self.results if result.error} <= {DRAINING}
        assert self.complete is not None
        assert self.complete.success_count == len(done) > 0
        assert self.complete.total_fragments == len(self.results)


async def work(url, account, opened):
    """Keep three fragments in flight until the stream is over."""
    init = StreamInit(
        source_language="en", target_language="pt", sample_rate_hz=RATE_HZ, max_inflight=3, timeout_ms=30_000
    )

    async def send():
        number = 0
        while True:
            try:
                await stream.wait_for_room()
                await stream.send_fragment(number, PIECE, 1000)
            except ConnectionLost:
                return
            number += 1

    async with open_client(url) as client:
        stream = await open_dubbing_stream(client, init)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(send)
            async for event in stream.events:
                match event:
                    case Acked():
                        account.acked.append(event.fragment_id)
                        if len(account.acked) == 3:
                            opened.append(account)
                    case Processed():
                        account.results.append(event)
                    case Complete():
                        account.complete = event


@pytest.mark.parametrize("seed", range(3))
async def test_fifty_streams_are_finished_at_a_sigterm_and_nothing_is_left_of_the_service(seed):
    moment_s = random.Random(seed).uniform(0, 1)
    latency = {
        "FAKE_ASR_LATENCY": "0.1",
        "FAKE_TRANSLATION_LATENCY": "0.02",
        "FAKE_TTS_LATENCY": "0.1",
    }
    accounts, opened = [Account() for _ in range(STREAMS)], []
    async with serving(**latency) as service:
        models = children(service.process.pid)
        assert len(models) == 3
        with trio.fail_after(120):
            async with trio.open_nursery() as nursery:
                for account in accounts:
                    nursery.start_soon(work, service.url, account, opened)
                while len(opened) < STREAMS:
                    await trio.sleep(0.01)
                await trio.sleep(moment_s)
                began = time.monotonic()
                service.process.send_signal(signal.SIGTERM)
                # 0.1 s where nobody else is at work.
                assert await service.wait_status("draining") - began < 1
            assert await service.wait_exit() == 0
        assert time.monotonic() - began < DRAIN_S + 2
        assert all(map(is_gone, models))
    for account in accounts:
        account.check()


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
async def test_a_second_signal_ends_the_service_at_once_and_its_models_with_it(second):
    async with serving(FAKE_ASR_LATENCY="20") as service:
        models = children(service.process.pid)
        async with open_client(service.url) as client:
            init = StreamInit(source_language="en", target_language="pt", sample_rate_hz=RATE_HZ)
            stream = await open_dubbing_stream(client, init)
            await stream.send_fragment(0, PIECE, 1000)
            assert isinstance(await anext(stream.events), Acked)
            service.process.send_signal(signal.SIGTERM)
            await service.wait_status("draining")
            began = time.monotonic()
            service.process.send_signal(second)
            assert await service.wait_exit() == 128 + second
            assert time.monotonic() - began < 1
        with trio.fail_after(10):
            while not all(map(is_gone, models)):
                await trio.sleep(0.01)


async def test_what_cannot_be_finished_is_told_to_be_late_and_the_service_goes():
    async with serving(FAKE_ASR_LATENCY="20", DRAIN_TIMEOUT="0.5") as service:
        models = children(service.process.pid)
        async with open_client(service.url) as client:
            init = StreamInit(
                source_language="en", target_language="pt", sample_rate_hz=RATE_HZ, timeout_ms=30_000
            )
            stream = await open_dubbing_stream(client, init)
            await stream.send_fragment(0, PIECE, 1000)
            assert isinstance(await anext(stream.events), Acked)
            service.process.send_signal(signal.SIGTERM)
            told = [event async for event in stream.events]
            assert [event.error.code for event in told if isinstance(event, Processed)] == ["TIMEOUT"]
            assert told[-1].failed_count == 1
            assert await service.wait_exit() == 0
        assert all(map(is_gone, models))


async def test_nobody_who_takes_nothing_keeps_the_service_beyond_its_time():
    init = {"source_language": "en", "target_language": "pt", "sample_rate_hz": RATE_HZ, "timeout_ms": 30_000}
    audio = base64.b64encode(marked(1, 1, 20.0)).decode()

    def crowd(peer):
        peer.send(b"42" + orjson.dumps(["stream:init", init]))
        while not peer.receive().startswith(b'42["stream:ready"'):
            pass
        for number in range(9):
            fragment = {"sequence_number": number, "audio": audio}
            peer.send(b"42" + orjson.dumps(["fragment:data", fragment]))

    settings = load_settings(
        profile="fake", overrides={"port": 0, "drain_timeout_s": 1, **QUICK}, environment={}
    )
    async with trio.open_nursery() as nursery:
        service = await nursery.start(partial(run_service, settings))
        await service.wait_ready()
        port = int(service.url.rpartition(":")[2])
        peer = await trio.to_thread.run_sync(websocket_peer.Peer, port)
        with closing(peer):
            await trio.to_thread.run_sync(crowd, peer)
            unfinished = await trio.open_tcp_stream("127.0.0.1", port)
            async with unfinished:
                await unfinished.send_all(b"POST /socket.io/?EIO=4 HTTP/1.1\r\n")
                began = trio.current_time()
                service.drain.begin()
                await service.drain.wait_over()
                assert trio.current_time() >= began + 1, "nobody was in the way"
                while nursery.child_tasks:
                    await trio.sleep(0.01)
                assert trio.current_time() - began < 1 + 2


async def test_a_client_of_a_service_that_goes_finds_the_next_one_at_the_same_address():
    init = StreamInit(source_language="en", target_language="pt", sample_rate_hz=RATE_HZ)
    quick = Reconnect(first_delay_s=0.05, max_delay_s=0.2)
    async with trio.open_nursery() as nursery, running(fake_asr_latency_s=0.3) as first:
        port = int(first.url.rpartition(":")[2])

        async def succeed():
            with trio.fail_after(60):
                while True:
                    try:
                        async with running(port=port):
                            await trio.sleep_forever()
                    except* ConfigError:  # the address is still the first one's
                        await trio.sleep(0.05)

        with trio.fail_after(60):
            async with open_client(first.url, reconnect=quick) as client:
                stream = await open_dubbing_stream(client, init)
                await stream.send_fragment(0, marked(1, 0), 1000)
                await anext(stream.events)
                first.drain.begin()
                told = [event async for event in stream.events]
                assert stream.draining
                assert told[-1].success_count == 1
                nursery.start_soon(succeed)
                stream = await open_dubbing_stream(client, init)
                assert not stream.draining
                await stream.send_fragment(0, marked(1, 0), 1000)
                await stream.end()
                told = [event async for event in stream.events]
                assert told[-1].success_count == 1
        nursery.cancel_scope.cancel()
