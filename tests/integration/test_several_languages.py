"""One source, many languages: recognised once, each language by itself, one order for all."""

import pytest
import trio
from running import QUICK, dub, dubbing, http_get, marked, running, who_speaks

from sts_actors.client import Complete, Processed, ServerErrorEvent, open_client
from sts_actors.engines.fake import FakeRecogniser, FakeSynthesiser, FakeTranslator
from sts_actors.errors import EngineError, ErrorCode

FIVE = ("pt", "es", "fr", "de", "it")


@pytest.fixture
def calls(monkeypatch):
    """How many requests each fake engine has served."""
    counted = {}
    for engine in (FakeRecogniser, FakeTranslator, FakeSynthesiser):
        served = engine.run

        def run(self, batch, served=served, name=engine.__name__):
            counted[name] = counted.get(name, 0) + len(batch)
            return served(self, batch)

        monkeypatch.setattr(engine, "run", run)
    return counted


async def test_five_languages_cost_no_more_recognition_than_one(calls):
    async with running(**QUICK) as service:
        async with dubbing(service) as stream:
            await dub(stream, 1, 8, duration_s=3.0)
        one = dict(calls)
        calls.clear()
        async with dubbing(service, target_languages=FIVE) as stream:
            answers = await dub(stream, 1, 8, duration_s=3.0)
    assert one == {"FakeRecogniser": 8, "FakeTranslator": 8, "FakeSynthesiser": 8}
    assert calls == {"FakeRecogniser": 8, "FakeTranslator": 40, "FakeSynthesiser": 40}
    assert len(answers) == 40


async def test_each_fragment_is_answered_in_each_language_and_in_order():
    async with running(**QUICK) as service, dubbing(service, target_languages=FIVE) as stream:
        answers = await dub(stream, 2, 6, duration_s=3.0)
    told = [(answer.sequence_number, answer.target_language) for answer in answers]
    assert told == [(number, language) for number in range(6) for language in FIVE]
    for answer in answers:
        assert answer.status == "success"
        assert answer.translated_text.startswith(f"{answer.target_language}: ")
        assert who_speaks(answer.audio) == (2, answer.sequence_number)


async def test_each_language_fails_alone(monkeypatch):
    translated = FakeTranslator.run

    def run(self, batch):
        refused = EngineError(ErrorCode.TRANSLATION_FAILED, "no French today")
        found = translated(self, batch)
        return [
            refused if request.target_language == "fr" else answer
            for request, answer in zip(batch, found, strict=True)
        ]

    monkeypatch.setattr(FakeTranslator, "run", run)
    async with running(**QUICK) as service, dubbing(service, target_languages=FIVE) as stream:
        answers = await dub(stream, 2, 3, duration_s=3.0)
    assert {(answer.target_language, answer.status) for answer in answers} == {
        (language, "failed" if language == "fr" else "success") for language in FIVE
    }


async def test_a_fragment_that_cannot_be_read_fails_in_every_language():
    async with running(**QUICK) as service, dubbing(service, target_languages=FIVE) as stream:
        await stream.send_fragment(0, b"\x01", 1000)
        await stream.end()
        events = [event async for event in stream.events]
    answers = [event for event in events if isinstance(event, Processed)]
    assert [answer.target_language for answer in answers] == list(FIVE)
    assert {answer.error.code for answer in answers} == {"INVALID_AUDIO_FORMAT"}
    # And told once besides, for it is one fault.
    assert len([event for event in events if isinstance(event, ServerErrorEvent)]) == 1


async def test_a_fragment_without_a_number_is_refused_in_every_language():
    told = []
    init = {"source_language": "en", "target_languages": ["pt", "es"], "sample_rate_hz": 16_000}
    async with running(**QUICK) as service, open_client(service.url) as client:
        await client.emit("stream:init", init)
        with trio.fail_after(30):
            while not told or told[-1].name != "stream:ready":
                told.append(await anext(client.events))
            await client.emit("fragment:data", {"fragment_id": "f", "sequence_number": 1, "audio": 7})
            while sum(event.name == "fragment:processed" for event in told) < 2:
                told.append(await anext(client.events))
    answers = [event.args[0] for event in told if event.name == "fragment:processed"]
    assert [answer["target_language"] for answer in answers] == ["pt", "es"]


async def test_the_actors_of_a_language_count_under_their_own_roles():
    async with running(**QUICK) as service, dubbing(service, target_languages=FIVE) as stream:
        await dub(stream, 2, 2, duration_s=3.0)
        _, body = await http_get(service, "/metrics")
    assert b"fr" not in b"".join(
        line for line in body.splitlines() if line.startswith(b"sts_") and b"channel" in line
    )


async def test_the_sum_at_the_end_counts_the_answers():
    async with running(**QUICK) as service, dubbing(service, target_languages=FIVE) as stream:
        with trio.fail_after(30):
            for number in range(2):
                await stream.send_fragment(number, marked(1, number, 3.0), 3000)
            await stream.end()
            events = [event async for event in stream.events]
    complete = events[-1]
    assert isinstance(complete, Complete)
    assert complete.success_count == 10
