"""DeepL through its real library, against a server of ours."""

from contextlib import asynccontextmanager

import pytest
import trio
from deepl_stand_in import NO_USE, open_deepl_stand_in, wrong_instructions

from sts_actors.engines.breaker import Breaker, BreakerState
from sts_actors.engines.deepl import DeepLConfig, open_deepl
from sts_actors.engines.ports import TranslatedText, TranslateRequest
from sts_actors.engines.quota import Quota, QuotaWatch
from sts_actors.engines.retries import Patience
from sts_actors.errors import ConfigError, EngineError, ErrorCode, WarningCode

PATIENCE = Patience(attempt_timeout_s=5.0, first_pause_s=0.01, fair_s=0.05)
HASTY = Patience(attempts=1, attempt_timeout_s=0.3, fair_s=0.05)
UNAVAILABLE = ErrorCode.TRANSLATION_API_UNAVAILABLE


@asynccontextmanager
async def running(*, watch=None, **config):
    """A stand-in and the engine that asks it."""
    async with open_deepl_stand_in() as server:
        settings = {"auth_key": "key", "server_url": server.url, "patience": PATIENCE, **config}
        async with open_deepl(DeepLConfig(**settings), watch)() as engine:
            yield server, engine


async def ask(engine, text="Hello.", *, within_s=10.0, source="en", target="pt", **fields):
    request = TranslateRequest(text=text, source_language=source, target_language=target, **fields)
    (answer,) = await engine.run([request], trio.current_time() + within_s)
    return answer


async def test_a_text_is_translated_and_its_characters_are_counted_as_billed():
    async with running() as (server, engine):
        answer = await ask(engine, "Good morning.")
        assert (answer.text, answer.billed_characters) == ("pt-br: Good morning.", 13)
        (call,) = server.translations()
    assert call == {
        "text": ["Good morning."],
        "source_lang": "EN",
        "target_lang": "PT-BR",
        "show_billed_characters": True,
    }


async def test_what_is_billed_adds_up_whatever_becomes_of_the_fragment():
    watch = QuotaWatch()
    async with running(watch=watch) as (_, engine):
        await ask(engine, "Good morning.")
        await ask(engine, "Hello.")
    assert watch.billed_characters == 13 + 6


async def test_the_region_that_the_worker_named_is_asked_for():
    async with running() as (_, engine):
        answer = await ask(engine, target_locale="pt-BR")
        assert answer.text == "pt-br: Hello."


@pytest.mark.parametrize("text", ["", " \n "])
async def test_an_empty_text_costs_no_call(text):
    async with running() as (server, engine):
        assert await ask(engine, text) == TranslatedText(text="")
        assert server.translations() == []


async def test_what_was_said_before_goes_along_unbilled():
    async with running() as (server, engine):
        answer = await ask(engine, "It is.", context="Is it cold?")
        assert answer.billed_characters == 6
        (call,) = server.translations()
    assert call["context"] == "Is it cold?"


async def test_the_beginning_of_a_cut_sentence_goes_along_as_context_and_only_the_rest_is_translated():
    async with running() as (server, engine):
        answer = await ask(
            engine, "train left.", context="Hello.", sentence_start="The last", spoken="O \u00faltimo"
        )
        assert answer == TranslatedText(text="pt-br: train left.", billed_characters=11)
        await ask(engine, "train left.", sentence_start="The last")
        first, second = server.translations()
    assert (first["context"], second["context"]) == ("Hello. The last", "The last")


@pytest.mark.parametrize("target", ["de", "en-gb", "es-419", "fr", "it", "ja", "zh-hant"])
async def test_a_shorter_text_is_asked_for_by_instruction_where_the_service_takes_one(target):
    async with running() as (server, engine):
        long = await ask(engine, "A long text.", source="nl", target=target[:2], target_locale=target)
        assert (long.can_be_shorter, long.billed_characters) == (True, 12)
        short = await ask(
            engine, "A long text.", source="nl", target=target[:2], target_locale=target, shorter=True
        )
        assert short.text.endswith(": A long")
        assert (short.can_be_shorter, short.billed_characters) == (False, 12)
        first, second = server.translations()
    assert "custom_instructions" not in first
    (instruction,) = second.pop("custom_instructions")
    assert 0 < len(instruction) <= 300
    assert second == first


@pytest.mark.parametrize("target", ["pt", "nl", "ru"])
async def test_no_shorter_text_is_offered_for_other_languages_nor_an_instruction_sent(target):
    async with running() as (server, engine):
        assert not (await ask(engine, target=target)).can_be_shorter
        answer = await ask(engine, target=target, shorter=True)
        assert answer.text.endswith("Hello.")
        assert "custom_instructions" not in server.translations()[1]


async def test_an_empty_text_cannot_be_shorter():
    async with running() as (_, engine):
        assert not (await ask(engine, " ", target="de")).can_be_shorter


@pytest.mark.parametrize(("fault", "offered"), [("400", False), ("403", False), ("503", True), ("456", True)])
async def test_a_refused_instruction_is_not_offered_again_for_that_language(fault, offered):
    async with running(patience=Patience(attempts=1, fair_s=0.05)) as (server, engine):
        server.misbehave(fault)
        assert isinstance(await ask(engine, target="de", shorter=True), EngineError)
        assert (await ask(engine, target="de")).can_be_shorter is offered
        assert (await ask(engine, target="fr")).can_be_shorter


async def test_a_text_that_is_refused_says_nothing_of_instructions():
    async with running() as (server, engine):
        server.misbehave("400")
        await ask(engine, target="de")
        assert (await ask(engine, target="de")).can_be_shorter


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"custom_instructions": "be brief"}, "list"),
        ({"custom_instructions": ["brief"] * 11}, "list"),
        ({"custom_instructions": ["b" * 301]}, "too long"),
        ({"custom_instructions": ["brief"], "target_lang": "PT-BR"}, "target_lang"),
        ({"custom_instructions": ["brief"], "model_type": "latency_optimized"}, "latency_optimized"),
        ({"custom_instructions": ["brief"], "model_type": "quality_optimized"}, None),
        ({}, None),
    ],
)
def test_the_stand_in_refuses_the_instructions_that_the_service_refuses(fields, reason):
    found = wrong_instructions({"target_lang": "DE", **fields})
    assert found is reason is None or reason in found


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        ("more", "prefer_more"),
        ("Formal", "prefer_more"),
        ("less", "prefer_less"),
        ("informal", "prefer_less"),
        ("prefer_less", "prefer_less"),
        ("default", None),
        ("odd", None),
        (None, None),
    ],
)
async def test_formality_is_a_wish_so_that_a_language_without_it_is_translated_all_the_same(asked, sent):
    async with running() as (server, engine):
        answer = await ask(engine, target="zh", formality=asked)
        assert answer.text == "zh-hans: Hello."
        (call,) = server.translations()
    assert call.get("formality") == sent


async def test_a_glossary_goes_with_its_pair():
    async with running(glossaries="en-pt=abc") as (server, engine):
        await ask(engine)
        await ask(engine, target="de")
        first, second = server.translations()
    assert first["glossary_id"] == "abc"
    assert "glossary_id" not in second


async def test_a_long_text_is_cut_at_sentences_and_joined_again():
    sentence = "This sentence has a length of fifty characters ok."
    text = " ".join([sentence] * 205)
    async with running() as (server, engine):
        answer = await ask(engine, text, context="Before.")
        calls = server.translations()
    sent = [call["text"][0] for call in calls]
    assert len(sent) == 3
    assert all(len(each) <= 5000 and each.endswith("ok.") for each in sent)
    assert " ".join(sent) == text
    assert answer.text == " ".join(f"pt-br: {each}" for each in sent)
    assert answer.billed_characters == sum(map(len, sent))
    assert [call["context"] for call in calls] == ["Before.", sent[0][-400:], sent[1][-400:]]


async def test_a_server_that_shows_no_bill_is_counted_by_us():
    async with running() as (server, engine):
        server.misbehave("no bill")
        answer = await ask(engine)
        assert (answer.text, answer.billed_characters) == ("pt-br: Hello.", 6)
        assert len(server.translations()) == 1


@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [
        ("429", ErrorCode.RATE_LIMIT_EXCEEDED, "no more requests"),
        ("529", ErrorCode.RATE_LIMIT_EXCEEDED, "no more requests"),
        ("456", ErrorCode.QUOTA_EXCEEDED, "only an operator can mend that"),
        ("400", ErrorCode.TRANSLATION_FAILED, "the text is not accepted"),
        ("401", ErrorCode.TRANSLATION_FAILED, "DEEPL_AUTH_KEY"),
        ("403", ErrorCode.TRANSLATION_FAILED, "DEEPL_AUTH_KEY"),
        ("404", ErrorCode.TRANSLATION_FAILED, "refused"),
        ("413", ErrorCode.TRANSLATION_FAILED, "refused"),
        ("408", UNAVAILABLE, "status 408"),
        ("500", UNAVAILABLE, "status 500"),
        ("503", UNAVAILABLE, "status 503"),
        ("truncated", UNAVAILABLE, "broke off"),
        ("reset", UNAVAILABLE, "broke off"),
        ("huge", UNAVAILABLE, "broke off"),
        ("redirect", UNAVAILABLE, "makes no sense"),
        *((fault, UNAVAILABLE, "makes no sense") for fault in NO_USE),
    ],
)
async def test_every_fault_of_the_service_has_its_code_and_costs_one_call(fault, code, words):
    patience = Patience(attempts=1, fair_s=0.05)
    async with running(patience=patience) as (server, engine):
        server.misbehave(fault)
        error = await ask(engine)
        assert error.code is code
        assert words in error.message
        assert len(server.translations()) == 1
        assert ("/elsewhere", {}) not in server.calls
        assert engine.breaker.failures == (1 if code is UNAVAILABLE else 0)
        assert (await ask(engine)).text == "pt-br: Hello."


async def test_the_codes_are_retryable_as_the_contract_says():
    async with running(patience=HASTY) as (server, engine):
        verdicts = {}
        for fault in ("429", "456", "503", "403", "400"):
            server.misbehave(fault)
            verdicts[fault] = (await ask(engine)).retryable
    assert verdicts == {"429": True, "456": True, "503": True, "403": False, "400": False}


@pytest.mark.parametrize("fault", ["429", "500", "503", "reset", "truncated", "wrong json"])
async def test_what_may_pass_is_asked_again_and_nobody_notices(fault):
    async with running() as (server, engine):
        server.misbehave(fault, times=2)
        assert (await ask(engine)).text == "pt-br: Hello."
        assert len(server.translations()) == 3


@pytest.mark.parametrize("fault", ["400", "403", "456"])
async def test_what_will_not_pass_is_not_asked_again(fault):
    async with running() as (server, engine):
        server.misbehave(fault)
        await ask(engine)
        assert len(server.translations()) == 1


async def test_a_pause_that_the_service_asks_for_and_that_does_not_fit_ends_the_trying():
    async with running() as (server, engine):
        server.misbehave("429", headers={"Retry-After": "60"})
        assert (await ask(engine)).code is ErrorCode.RATE_LIMIT_EXCEEDED
        server.misbehave("429", headers={"Retry-After": "tomorrow"})
        assert (await ask(engine)).text == "pt-br: Hello."


async def test_such_a_pause_is_forgotten_with_its_answer():
    async with running() as (server, engine):
        server.misbehave("429", headers={"Retry-After": "60"})
        await ask(engine)
        server.misbehave("reset")
        assert (await ask(engine)).text == "pt-br: Hello."


@pytest.mark.parametrize("fault", ["slow", "trickle"])
async def test_a_slow_answer_is_given_up(fault):
    async with running(patience=HASTY) as (server, engine):
        server.misbehave(fault)
        error = await ask(engine)
        assert (error.code, error.message) == (UNAVAILABLE, "DeepL did not answer within 0.3 s")


async def test_a_slow_answer_is_given_up_before_the_deadline_and_says_so_itself():
    async with running() as (server, engine):
        server.misbehave("slow")
        started = trio.current_time()
        assert (await ask(engine, within_s=0.4)).code is UNAVAILABLE
        assert trio.current_time() - started < 0.4


async def test_a_server_that_is_not_there_is_unavailable():
    async with running(patience=HASTY) as (server, _):
        url = server.url
    config = DeepLConfig(auth_key="key", server_url=url, patience=Patience(attempts=1))
    async with open_deepl(config)() as engine:
        assert (await ask(engine)).code is UNAVAILABLE
        assert ("en", "pt") in engine.info.pairs


async def test_the_breaker_keeps_a_failing_service_from_being_called_until_one_try_succeeds():
    now = trio.current_time
    patience = Patience(attempts=1, fair_s=0.05)
    new_breaker = lambda: Breaker(threshold=2, rest_s=0.2)  # noqa: E731 - as short as it is
    async with running(patience=patience, new_breaker=new_breaker) as (server, engine):
        server.misbehave("503", times=3)
        for _ in range(2):
            assert (await ask(engine)).message == "DeepL failed with HTTP status 503"
        assert engine.breaker.state(now()) is BreakerState.OPEN
        refused = await ask(engine)
        assert refused.code is UNAVAILABLE
        assert "failed 2 times in a row" in refused.message
        assert len(server.translations()) == 2
        await trio.sleep_until(now() + engine.breaker.rest_left_s(now()))
        assert engine.breaker.state(now()) is BreakerState.HALF_OPEN
        assert "503" in (await ask(engine)).message
        assert engine.breaker.state(now()) is BreakerState.OPEN
        await trio.sleep_until(now() + engine.breaker.rest_left_s(now()))
        assert (await ask(engine)).text == "pt-br: Hello."
        assert engine.breaker.state(now()) is BreakerState.CLOSED


async def test_calls_that_were_given_up_still_count_among_those_at_once():
    async with running(calls_at_once=1) as (server, engine):
        server.misbehave("slow")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, engine)
            await trio.to_thread.run_sync(server.wait_calls, 1)
            nursery.cancel_scope.cancel()
        assert (await ask(engine, within_s=0.3)).code is UNAVAILABLE
        assert len(server.translations()) == 1
        server.behave()
        assert (await ask(engine)).text == "pt-br: Hello."


async def test_the_quota_is_seen_however_many_calls_are_under_way():
    watch = QuotaWatch()
    async with running(watch=watch, calls_at_once=1, usage_every_s=0.01) as (server, engine):
        server.misbehave("slow")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, engine)
            await trio.to_thread.run_sync(server.wait_calls, 1)
            polled = sum(path == "/v2/usage" for path, _ in server.calls)
            await trio.to_thread.run_sync(server.wait_calls, polled + 2, "/v2/usage", 3.0)
            nursery.cancel_scope.cancel()


async def test_an_engine_that_is_closed_waits_for_no_answer():
    async with open_deepl_stand_in() as server:
        config = DeepLConfig(auth_key="key", server_url=server.url)
        with trio.fail_after(2):
            async with open_deepl(config)() as engine, trio.open_nursery() as nursery:
                server.misbehave("slow")
                nursery.start_soon(ask, engine)
                await trio.to_thread.run_sync(server.wait_calls, 1)
                nursery.cancel_scope.cancel()


async def test_one_text_of_a_batch_fails_alone():
    async with running(patience=HASTY) as (server, engine):
        server.misbehave("400")
        requests = [
            TranslateRequest(text=text, source_language="en", target_language="de") for text in ("a", "b")
        ]
        bad, good = await engine.run(requests, trio.current_time() + 10)
    assert bad.code is ErrorCode.TRANSLATION_FAILED
    assert good.text == "de: b"


async def test_the_languages_are_those_that_the_service_offers():
    async with running() as (_, engine):
        assert ("en", "pt") in engine.info.pairs
        assert ("no", "zh") in engine.info.pairs
        assert ("en", "ar") not in engine.info.pairs


async def test_a_region_that_the_service_lacks_is_not_asked_for():
    async with open_deepl_stand_in() as server:
        server.targets = ["PT-BR"]
        async with open_deepl(DeepLConfig(auth_key="key", server_url=server.url))() as engine:
            assert (await ask(engine)).text == "pt-br: Hello."


async def test_an_error_of_the_block_comes_out_as_it_is_and_the_connections_are_closed():
    async with open_deepl_stand_in() as server:
        with pytest.raises(RuntimeError, match="a bug"):
            async with open_deepl(DeepLConfig(auth_key="key", server_url=server.url))() as engine:
                raise RuntimeError("a bug")
    assert engine._clients._closed


@pytest.mark.parametrize("fault", ["503", "404", "null", "wrong json", "reset"])
async def test_a_service_that_does_not_tell_its_languages_is_known_by_heart(fault):
    async with open_deepl_stand_in() as server:
        server.misbehave(fault, path="/v2/languages", times=2)
        config = DeepLConfig(auth_key="key", server_url=server.url)
        async with open_deepl(config)() as engine:
            assert ("en", "ar") in engine.info.pairs
            assert (await ask(engine)).text == "pt-br: Hello."


async def test_usage_is_polled_and_a_quota_that_runs_out_is_warned_of_once():
    said, near = [], trio.Event()

    def warn(warning):
        said.append(warning)
        near.set()

    watch = QuotaWatch(on_near=warn)
    async with running(watch=watch, usage_every_s=0.01) as (server, engine):
        server.misbehave("503", path="/v2/usage", times=2)
        await trio.to_thread.run_sync(server.wait_calls, 4, "/v2/usage")
        assert said == []
        server.used = 449_999
        await ask(engine, "a")
        with trio.fail_after(5):
            await near.wait()
        calls = len(server.calls)
        await trio.to_thread.run_sync(server.wait_calls, calls + 3, "/v2/usage")
    (warning,) = said
    assert warning.code is WarningCode.QUOTA_NEAR_LIMIT
    assert "450000 of 500000" in warning.message
    assert watch.quota == Quota(450_000, 500_000)


async def test_an_account_without_a_limit_has_no_quota_to_watch():
    async with open_deepl_stand_in() as server:
        server.limit = None
        watch = QuotaWatch()
        config = DeepLConfig(auth_key="key", server_url=server.url, usage_every_s=0.01)
        async with open_deepl(config, watch)():
            await trio.to_thread.run_sync(server.wait_calls, 3, "/v2/usage")
        assert watch.quota is None


async def test_a_quota_that_is_used_up_is_said_by_the_service_itself():
    async with running() as (server, engine):
        server.limit = 3
        assert (await ask(engine)).code is ErrorCode.QUOTA_EXCEEDED


@pytest.mark.parametrize("key", ["", "  ", "a key", "schlüssel", "line\nbreak", "nul\0"])
def test_a_key_that_can_be_none_stops_the_start_and_is_not_shown(key):
    with pytest.raises(ConfigError, match="DEEPL_AUTH_KEY") as caught:
        DeepLConfig(auth_key=key)
    assert not key.strip() or key not in str(caught.value)


@pytest.mark.parametrize("url", ["api.deepl.com", "ftp://host", "http://", "http://[", "http://host:port"])
def test_an_address_that_can_be_none_stops_the_start(url):
    with pytest.raises(ConfigError, match="DEEPL_SERVER_URL"):
        DeepLConfig(auth_key="key", server_url=url)


def test_the_address_of_a_server_below_a_path_is_kept_whole():
    assert DeepLConfig(auth_key="key", server_url="http://host/deepl").server_url == "http://host/deepl/"
