"""Where a key and what was said could leak: logs, errors, representations, other hosts."""

import logging
import pickle

import deepl
import pytest
import trio
from deepl_stand_in import open_deepl_stand_in, serving_deepl

from sts_actors.engines.deepl import DeepLConfig, open_deepl
from sts_actors.engines.deepl.call import Call
from sts_actors.engines.deepl.client import Clients
from sts_actors.engines.deepl.http import OneAttempt
from sts_actors.engines.ports import TranslateRequest
from sts_actors.engines.retries import CallFailed, Patience

KEY = "d34db33f-c0de:fx"
TEXT = "a private word"


@pytest.mark.parametrize(
    "fault",
    [None, "429", "456", "403", "400", "503", "echo key", "reset", "truncated", "no json", "redirect"],
)
async def test_neither_the_key_nor_what_was_said_stands_in_logs_or_errors(fault, caplog):
    caplog.set_level(logging.DEBUG)
    async with open_deepl_stand_in() as server:
        for path in ("/v2/usage", "/v2/languages", "/v2/translate"):
            if fault is not None:
                server.misbehave(fault, times=2, path=path)
        config = DeepLConfig(
            auth_key=KEY, server_url=server.url, patience=Patience(first_pause_s=0.01, fair_s=0.01)
        )
        async with open_deepl(config)() as engine:
            request = TranslateRequest(
                text=TEXT, source_language="en", target_language="pt", context=f"before {TEXT}"
            )
            (answer,) = await engine.run([request], trio.current_time() + 10)
            shown = [repr(engine), repr(engine.info), repr(config), repr(engine.watch), repr(request)]
    shown += [repr(answer), str(answer), repr(vars(answer) if isinstance(answer, Exception) else None)]
    shown += [record.getMessage() + str(record.exc_info) + str(record.args) for record in caplog.records]
    assert KEY not in "\n".join(shown)
    assert TEXT not in "\n".join(shown)
    if isinstance(answer, Exception):
        assert pickle.loads(pickle.dumps(answer)).message == answer.message  # noqa: S301 - our own


async def test_a_key_that_a_server_echoes_is_hidden():
    async with open_deepl_stand_in() as server:
        server.misbehave("echo key")
        config = DeepLConfig(auth_key=KEY, server_url=server.url)
        async with open_deepl(config)() as engine:
            request = TranslateRequest(text="a", source_language="en", target_language="pt")
            (answer,) = await engine.run([request], trio.current_time() + 10)
    assert answer.message.endswith("refused: DeepL-Auth-Key (hidden)")


def test_what_a_server_says_of_an_error_is_cut_short():
    reason = OneAttempt(KEY)._reason('{"message": "' + "x" * 5000 + '"}')
    assert len(reason) < 300


@pytest.mark.parametrize(
    ("key", "url", "host"),
    [
        ("key:fx", "", "https://api-free.deepl.com"),
        ("key", "", "https://api.deepl.com"),
        ("key:fx", "http://127.0.0.1:9", "http://127.0.0.1:9/"),
    ],
)
def test_the_host_goes_by_the_key_unless_another_is_named(key, url, host):
    config = DeepLConfig(auth_key=key, server_url=url)
    clients = Clients(config.auth_key, config.server_url)
    with clients._borrowed() as client:
        assert client.api.server_url == host
    clients.close()


def test_the_library_s_own_retries_and_pauses_are_out_of_the_way():
    clients = Clients(KEY, "http://127.0.0.1:9")
    with clients._borrowed() as client:
        assert isinstance(client.api._client, OneAttempt)
        client.http.timeout_s = 0.5
        with pytest.raises(deepl.ConnectionException) as caught:
            client.api.get_usage()
    assert caught.value.__cause__ is None
    clients.close()


def test_clients_that_are_in_use_when_all_are_closed_are_closed_after_that():
    clients = Clients(KEY, "http://127.0.0.1:9")
    with clients._borrowed():
        clients.close()
    assert clients._idle == []
    with pytest.raises(CallFailed):
        clients.usage(0.1)
    assert clients._idle == []


def test_an_answer_that_trickles_keeps_no_thread_for_long():
    with serving_deepl() as server:
        server.misbehave("trickle")
        clients = Clients(KEY, server.url)
        with pytest.raises(CallFailed, match="broke off"):
            clients.translate(Call(text="a", source="EN", target="DE"), 0.1)
        assert clients._idle[0].http.timeout_s == 0.1
        clients.close()


def test_a_client_is_used_again():
    clients = Clients(KEY, "http://127.0.0.1:9")
    with clients._borrowed() as first, clients._borrowed() as second:
        assert first is not second
    with clients._borrowed() as third:
        assert third in {first, second}
    clients.close()
