"""The schemas are up to date, their examples fit, and the service keeps to them and takes what they allow."""

from pathlib import Path

import pytest
import trio
from jsonschema import Draft202012Validator
from running import QUICK, marked, running

from sts_actors.client import open_client
from sts_actors.wire.schemas import EVENTS

FOLDER = Path(__file__).parents[2] / "docs" / "protocol"
SENT_BY_THE_SERVICE = {event.name: event for event in EVENTS if event.sender == "service"}
SENT_BY_WORKERS = {event.name: event for event in EVENTS if event.sender == "worker"}
FLAT = {"source_language": "en", "target_language": "pt"}


def faults(event, payload):
    return [error.message for error in Draft202012Validator(event.payload).iter_errors(payload)]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.file_name)
def test_the_file_of_an_event_is_what_the_code_says(event) -> None:
    Draft202012Validator.check_schema(event.payload)
    assert (FOLDER / event.file_name).read_text(encoding="utf-8") == event.render(), "run: just schemas"
    assert event.examples
    assert [faults(event, example) for example in event.examples] == [[]] * len(event.examples)


def test_there_is_no_file_without_an_event() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {event.file_name for event in EVENTS}


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("stream:init", {}),
        ("stream:init", {"source_language": "en"}),
        ("stream:init", {"config": {}}),
        ("stream:init", {"source_language": "en", "target_languages": None}),
        ("stream:init", {**FLAT, "target_languages": []}),
        ("stream:init", {**FLAT, "target_languages": ["pt", "pt"]}),
        ("stream:init", {**FLAT, "voice_profile": {"Portuguese!": "anna"}}),
        ("stream:init", {**FLAT, "seam": "glue"}),
        ("stream:init", {**FLAT, "bed": {"level_db": 1}}),
        ("stream:init", {**FLAT, "verify": 1.5}),
        ("fragment:data", {"sequence_number": -1, "audio": ""}),
        ("fragment:data", {"sequence_number": 1}),
        ("stream:end", 5),
    ],
)
def test_what_the_service_refuses_the_schema_refuses_too(name, payload) -> None:
    assert faults(SENT_BY_WORKERS[name], payload)


@pytest.mark.parametrize("status", ["success", "partial", "failed"])
def test_a_result_without_what_its_status_promises_does_not_fit(status) -> None:
    example = SENT_BY_THE_SERVICE["fragment:processed"].examples[0]
    bare = {key: value for key, value in example.items() if key not in {"dubbed_audio", "error"}}
    assert faults(SENT_BY_THE_SERVICE["fragment:processed"], {**bare, "status": status})


@pytest.mark.parametrize(
    "opening", SENT_BY_WORKERS["stream:init"].examples, ids=["flat", "nested", "several"]
)
@pytest.mark.parametrize("ending", SENT_BY_WORKERS["stream:end"].examples, ids=["nothing", "{}", "named"])
async def test_each_example_of_a_worker_is_taken_and_all_that_comes_back_fits(opening, ending) -> None:
    told = []
    quick = {**QUICK, "auto_disconnect_delay_s": 0.0}
    async with running(**quick) as service, open_client(service.url) as client:
        for name in ("fragment:data", "stream:init"):  # the first is refused: there is no stream yet
            payload = SENT_BY_WORKERS["fragment:data"].examples[0] if name == "fragment:data" else opening
            await client.emit(name, payload)
        with trio.fail_after(10):
            while not told or told[-1].name != "stream:ready":
                told.append(await anext(client.events))
            examples = [("fragment:data", example) for example in SENT_BY_WORKERS["fragment:data"].examples]
            for name in ("stream:pause", "stream:resume"):
                examples += [(name, example) for example in SENT_BY_WORKERS[name].examples]
            pcm = {"sequence_number": 9, "audio": marked(1, 1), "format": "pcm_s16le", "sample_rate": 16_000}
            examples += [("fragment:data", pcm), ("stream:end", ending)]
            for name, payload in examples:
                await client.emit(name, *([] if payload is None else [payload]))
            told += [event async for event in client.events]
    assert {"error", "stream:ready", "fragment:ack", "fragment:processed", "stream:complete"} <= {
        event.name for event in told
    }
    for event in told:
        (payload,) = event.args
        if isinstance(payload.get("dubbed_audio"), bytes):
            payload["dubbed_audio"] = ""  # bytes went, bytes come
        assert faults(SENT_BY_THE_SERVICE[event.name], payload) == [], event.name


async def test_what_a_worker_that_comes_back_is_told_fits() -> None:
    init = {**SENT_BY_WORKERS["stream:init"].examples[0], "resume": True}
    told = []
    async with running(**QUICK) as service, open_client(service.url) as client:
        await client.emit("stream:init", init)
        for example in SENT_BY_WORKERS["fragment:ack"].examples:
            await client.emit("fragment:ack", *([] if example is None else [example]))
        pcm = {"sequence_number": 0, "audio": marked(1, 1), "format": "pcm_s16le", "sample_rate": 16_000}
        await client.emit("fragment:data", pcm)
        with trio.fail_after(30):
            while not told or told[-1].name != "fragment:processed":
                told.append(await anext(client.events))
                if told[-1].name == "stream:ready":
                    ready = told[-1].args[0]
                    await client.emit("fragment:data", pcm)
        # Taken over, not left: who says goodbye cannot come back.
        async with open_client(service.url) as other:
            (example,) = SENT_BY_WORKERS["stream:resume_session"].examples
            await other.emit("stream:resume_session", example)
            back = {**example, "resume_token": ready["resume_token"], "last_result_number": 0}
            await other.emit("stream:resume_session", back)
            await other.emit("stream:end")
            with trio.fail_after(30):
                while told[-1].name != "stream:complete":
                    told.append(await anext(other.events))
    names = [event.name for event in told]
    assert {"stream:resumed", "backpressure", "error"} <= set(names)
    assert names.count("fragment:processed") >= 2
    for event in told:
        (payload,) = event.args
        if isinstance(payload.get("dubbed_audio"), bytes):
            payload["dubbed_audio"] = ""
        assert faults(SENT_BY_THE_SERVICE[event.name], payload) == [], event.name
