"""Secrets are driven through every error path at DEBUG, and looked for wherever anything is told."""

import json
import os
import signal

import pytest
import trio
from canary_service import HEADER, KEY, TOKEN, found, open_sink, secrets, serving
from deepl_stand_in import open_deepl_stand_in
from log_lines import logged
from made_traces import made
from running import QUICK, RATE_HZ, dub, http_get, marked, running

from sts_actors.cli.main import run
from sts_actors.cli.tree import fetch
from sts_actors.client import ConnectFailed, StreamInit, StreamRefused, open_client, open_dubbing_stream
from sts_actors.settings import load_settings

__all__ = ["made"]

INIT = {"source_language": "en", "target_language": "pt", "sample_rate_hz": RATE_HZ, "seam": "fixed"}
FAULTS = ["echo key", "403", "456", "400", "429", "503", "no json", "reset"]


async def get(url, path, *headers):
    """All that the service answers to a request."""
    host, port = url.removeprefix("http://").split(":")
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}:{port}", "Connection: close", *headers, "", ""]
    async with await trio.open_tcp_stream(host, int(port)) as connection:
        await connection.send_all("\r\n".join(lines).encode())
        return b"".join([piece async for piece in connection])


async def go_wrong(served, deepl, told):
    """Every way to fail that is open to those outside; what they are told is kept."""
    for auth in (
        None,
        {},
        {"token": "no"},
        {"token": TOKEN[:-1]},
        {"token": TOKEN + "x"},
        {"token": [TOKEN]},
    ):
        with pytest.raises(ConnectFailed) as failed:
            async with open_client(served.url, auth=auth):
                raise AssertionError("nobody is let in")
        told.append(repr(failed.value))
    told.append(await get(served.url, f"/socket.io/?EIO=4&transport=polling&token={TOKEN}"))
    told.append(await get(served.url, f"/nowhere?auth_token={TOKEN}", f"Authorization: Bearer {TOKEN}"))
    told.append(await get(served.url, "/debug/tasks", f"Authorization: Basic {TOKEN}"))
    told.append(
        await get(served.url, "/socket.io/?EIO=3", f"Authorization: Bearer {TOKEN}", "Upgrade: websocket")
    )
    auth = {"token": TOKEN}
    for wrong in ({"source_language": "tlh"}, {"voice_profile": "nobody"}, {"sample_rate_hz": 1}):
        async with open_client(served.url, auth=auth) as client:
            with pytest.raises(StreamRefused) as refused:
                await open_dubbing_stream(client, StreamInit(**{**INIT, **wrong}))
            told.append(repr(refused.value) + str(refused.value))
    for fault in FAULTS:
        deepl.misbehave(fault)
        async with open_client(served.url, auth=auth) as client:
            stream = await open_dubbing_stream(client, StreamInit(**INIT, stream_id=fault.replace(" ", "-")))
            told += [repr(answer) for answer in await dub(stream, 1, 1)]
    async with open_client(served.url, auth=auth) as client:
        stream = await open_dubbing_stream(client, StreamInit(**INIT, stream_id="killed"))
        for pid in served.family() - {served.process.pid}:
            os.kill(pid, signal.SIGKILL)
        told += [repr(answer) for answer in await dub(stream, 1, 1)]
        await client.emit("stream:init", {"again": True})
        await client.emit("fragment:data", "nonsense")
    served.process.send_signal(signal.SIGUSR1)


def everything_below(folder):
    return b"\n".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


async def test_no_secret_is_told_by_anything_that_a_failing_service_tells(tmp_path):
    told = []
    with open_sink() as sink:
        async with open_deepl_stand_in() as deepl:
            environment = {
                "TRANSLATION_ENGINE": "deepl",
                "DEEPL_SERVER_URL": deepl.url,
                "FAKE_IN_PROCESS": "true",
                "ENABLE_ARTIFACT_LOGGING": "true",
                "ARTIFACTS_PATH": str(tmp_path / "artifacts"),
                "TRACE_RATIO": "1",
                "OTEL_EXPORTER_OTLP_ENDPOINT": sink.url,
                "FAKE_ASR_LATENCY": "0",
                "FAKE_TTS_LATENCY": "0",
            }
            service = serving(**environment)
            served = await trio.to_thread.run_sync(service.__enter__)
            try:
                with trio.fail_after(120):
                    command_lines = served.command_lines()
                    await go_wrong(served, deepl, told)
                    command_lines += served.command_lines()
                    metrics = await get(served.url, "/metrics")
                    ready = await get(served.url, "/ready")
                    tasks = await trio.to_thread.run_sync(fetch, served.url, TOKEN)
                    await trio.to_thread.run_sync(served.wait_for, "stalls|loop")
            finally:
                await trio.to_thread.run_sync(service.__exit__, None, None, None)
    output = "".join(served.output)
    traces = b"\n".join(sink.bodies)
    artifacts = everything_below(tmp_path / "artifacts")
    # There was something to find them in.
    assert "turned away" in output
    assert "SIGKILL" in output
    assert '"level": "debug"' in output
    assert b"sts_fragments_total" in metrics
    assert b"translation inference" in traces
    assert artifacts
    assert sink.headers[0]["x-api-key"] == HEADER
    assert b"worker_process.py" in command_lines
    places = {
        "log": output,
        "metrics": metrics,
        "readiness": ready,
        "tasks": tasks,
        "traces": traces,
        "errors": "\n".join(map(str, told)),
        "artifacts": artifacts,
        "command lines": command_lines,
    }
    assert {name: found(text) for name, text in places.items() if found(text)} == {}
    for line in output.splitlines():
        if line.startswith("{"):
            assert isinstance(json.loads(line), dict)


async def test_a_bug_with_secrets_in_its_message_and_its_variables_tells_none(monkeypatch, made):
    from sts_actors.actors import tts

    def fail(*_args, **_kwargs):
        token, key = TOKEN, {"deepl_auth_key": KEY}
        raise RuntimeError(f"asked {KEY} for {token}", key)

    monkeypatch.setattr(tts, "speak_alone", fail)
    with logged(auth_token=TOKEN, deepl_auth_key=KEY) as written:
        async with running(**QUICK, auth_token=TOKEN, trace_ratio=1.0) as service:
            async with open_client(service.url, auth={"token": TOKEN}) as client:
                stream = await open_dubbing_stream(client, StreamInit(**INIT, timeout_ms=1000))
                await stream.send_fragment(0, marked(1, 0), 1000)
                with trio.fail_after(10):
                    answer = await anext(aiter(stream.events))
                    while not hasattr(answer, "error"):
                        answer = await anext(aiter(stream.events))
            _, metrics = await http_get(service, "/metrics")
    assert "RuntimeError" in written.text
    assert "internal error" in repr(answer)
    shown = [written.text, repr(answer), metrics, *(span.to_json() for span in made.spans)]
    assert made.named("tts")
    assert [found(text) for text in shown if found(text)] == []


@pytest.mark.parametrize(
    "lines",
    [
        f"[server]\nauth_token = ['{TOKEN}']",
        f"[server]\nauth_tokn = '{TOKEN}'",
        f"[server]\nauth_token = '{TOKEN}",
        f"[translation]\ndeepl_auth_key = {{a = '{KEY}'}}",
        "[server]\nport = 80000",
    ],
)
def test_a_wrong_configuration_is_told_without_its_secrets(lines, tmp_path, monkeypatch, capsys):
    for name, value in secrets(STS_TRACEBACK="1").items():
        monkeypatch.setenv(name, value)
    file = tmp_path / "mine.toml"
    file.write_text(lines)
    assert run(["serve", "--profile", "fake", "--config", str(file)]) == 2
    assert run(["config", "--profile", "fake"]) == 0
    shown = capsys.readouterr()
    assert "sts-actors: " in shown.err
    assert "(set)" in shown.out
    assert found(shown.out + shown.err) == []


def test_what_can_be_shown_of_the_settings_shows_no_secret():
    settings = load_settings(profile="fake", environment={"STS_AUTH_TOKEN": TOKEN, "DEEPL_AUTH_KEY": KEY})
    assert (settings.auth_token, settings.deepl_auth_key) == (TOKEN, KEY)
    assert found(repr(settings) + str(settings)) == []
