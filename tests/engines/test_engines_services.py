"""Engines that are services elsewhere: several calls at once, and none of the device's tokens."""

import json
import subprocess
import sys
from contextlib import asynccontextmanager
from functools import partial
from urllib.request import Request, urlopen

import attrs
import deepl_stand_in
import pytest
import trio
from deepl_stand_in import open_deepl_stand_in

from sts_actors.engines.ports import EngineInfo, TranslatedText, TranslateRequest
from sts_actors.engines.quota import QuotaWatch
from sts_actors.errors import ErrorCode, ServiceError, Stage
from sts_actors.models import ModelSpec, open_models
from sts_actors.profiles import model_specs
from sts_actors.settings import load_settings

REQUEST = TranslateRequest(text="Hello.", source_language="en", target_language="pt")


@attrs.define
class Remote:
    """Answers after a second; counts how many calls wait."""

    info = EngineInfo(name="remote", pairs=(("en", "pt"),))
    at_once: int = 0
    most_at_once: int = 0
    lives: int = 0

    @asynccontextmanager
    async def open(self):
        self.lives += 1
        yield self

    async def run(self, batch, deadline):
        if self.lives == 1 and any(request.text == "die once" for request in batch):
            raise RuntimeError("the engine died")
        self.at_once += len(batch)
        self.most_at_once = max(self.most_at_once, self.at_once)
        await trio.sleep(1)
        self.at_once -= len(batch)
        return [TranslatedText(text=request.text) for request in batch]


def specs_with(remote, calls_at_once):
    specs = model_specs(load_settings(profile="fake", environment={}))
    specs[Stage.TRANSLATION] = ModelSpec(open_runner=remote.open, tokens=0, calls_at_once=calls_at_once)
    return specs


async def ask(models, stream, text="Hello."):
    request = attrs.evolve(REQUEST, text=text)
    return await models.translator(request, stream=stream, deadline=trio.current_time() + 60)


async def test_calls_are_under_way_together_as_many_as_allowed_and_spend_no_tokens(autojump_clock):
    remote = Remote()
    async with open_models(specs_with(remote, 3), device_tokens=8) as models:
        await models.wait_ready()
        started = trio.current_time()
        async with trio.open_nursery() as nursery:
            for number in range(9):
                nursery.start_soon(ask, models, f"s{number}")
            await trio.sleep(0.5)
            assert models.statistics().tokens_free == 8
        assert trio.current_time() - started == pytest.approx(3.0)
    assert remote.most_at_once == 3


async def test_its_queue_stands_among_the_device_s_in_the_statistics(autojump_clock):
    async with open_models(specs_with(Remote(), 3), device_tokens=8) as models:
        await models.wait_ready()
        await ask(models, "s")
        served = {queue.name: queue.served for queue in models.statistics().queues}
    assert served == {"models/asr": 0, "models/tts": 0, "models/translation": 1}


async def test_one_that_dies_ends_all_its_calls_with_its_own_error_and_is_opened_anew(autojump_clock):
    remote, causes = Remote(), []
    specs = specs_with(remote, 3)
    async with open_models(
        specs, device_tokens=8, on_restart=lambda _, cause: causes.append(cause)
    ) as models:
        await models.wait_ready()
        answers = []

        async def keep(stream, text):
            answers.append((await ask(models, stream, text)).text)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(keep, "a", "Hello.")
            await trio.testing.wait_all_tasks_blocked()
            nursery.start_soon(keep, "b", "die once")
    assert sorted(answers) == ["Hello.", "die once"]
    assert remote.lives == 2
    assert [type(cause) for cause in causes] == [RuntimeError]


async def test_a_language_that_is_not_among_very_many_pairs_is_refused_with_those_that_matter(autojump_clock):
    specs = model_specs(load_settings(profile="fake", environment={}))
    async with open_models(specs, device_tokens=8) as models:
        await models.wait_ready()
        targets = [f"t{letter}" for letter in "abcdefghijkl"]
        pairs = tuple((source, target) for source in ("en", "fr") for target in targets)
        models.loaded(Stage.TRANSLATION, EngineInfo(name="big", pairs=pairs))
        with pytest.raises(
            ServiceError, match="big does not translate en to xx; it does en to ta, tb, tc"
        ) as caught:
            models.check_languages("en", "xx")
        assert caught.value.code is ErrorCode.UNSUPPORTED_LANGUAGE
        assert len(caught.value.message) < 120
        with pytest.raises(ServiceError, match=r"it does them from en, fr$"):
            models.check_languages("yy", "ta")


async def test_a_profile_that_names_deepl_translates_through_it():
    watch = QuotaWatch()
    async with open_deepl_stand_in() as server:
        environment = {
            "TRANSLATION_ENGINE": "deepl",
            "DEEPL_API_KEY": "key",
            "DEEPL_SERVER_URL": server.url,
            "DEEPL_CALLS_AT_ONCE": "3",
            "DEEPL_GLOSSARY_ID": "abc",
        }
        specs = model_specs(load_settings(profile="fake", environment=environment), quota=watch)
        async with open_models(specs, device_tokens=8) as models:
            await models.wait_ready()
            assert models.engine_names()["translation"] == "DeepL"
            assert list(models.breakers) == [Stage.TRANSLATION]
            assert models.resting == ()
            server.misbehave("slow", times=3)
            async with trio.open_nursery() as nursery:
                for number in range(9):
                    nursery.start_soon(ask, models, f"s{number}")
                await trio.to_thread.run_sync(server.wait_calls, 3)
                assert models.statistics().tokens_free == 8
                server.behave()
            assert len(server.translations()) == 9
            assert server.translations()[0]["glossary_id"] == "abc"
            server.misbehave("456")
            with pytest.raises(ServiceError, match="only an operator") as caught:
                await ask(models, "s")
            assert caught.value.code is ErrorCode.QUOTA_EXCEEDED
    assert server.most_at_once <= 4
    assert watch.quota is not None


async def test_the_stand_in_can_be_a_program_that_is_commanded_over_http():
    program = [sys.executable, deepl_stand_in.__file__]
    async with trio.open_nursery() as nursery:
        start = partial(trio.run_process, program, stdout=subprocess.PIPE, check=False)
        process = await nursery.start(start)
        line = b""
        while not line.endswith(b"\n"):
            line += await process.stdout.receive_some()
        url = line.decode().strip()

        def post(path, content):
            body = json.dumps(content).encode()
            headers = {"Content-Type": "application/json", "Authorization": "DeepL-Auth-Key k"}
            with urlopen(Request(url + path, body, headers), timeout=5) as response:  # noqa: S310 - our own
                return json.load(response)

        asked = {"text": ["Hello."], "target_lang": "DE"}
        await trio.to_thread.run_sync(post, "/control", {"misbehave": "no bill"})
        answer = await trio.to_thread.run_sync(post, "/v2/translate", asked)
        assert answer["translations"] == [{"detected_source_language": "EN", "text": "de: Hello."}]
        process.kill()
