"""One fragment is one trace, through its actors and into the processes of the engines."""

import os
import subprocess
import sys
import threading

import pytest
import trio
from made_traces import Made, made
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from running import QUICK, dub, dubbing, marked, running

from sts_actors.errors import ConfigError
from sts_actors.settings import load_settings
from sts_actors.traces import open_traces, opening

TREE = {
    "fragment": None,
    "session": "fragment",
    "asr": "fragment",
    "translation": "fragment",
    "tts": "fragment",
    "asr inference": "asr",
    "translation inference": "translation",
    "tts inference": "tts",
}

__all__ = ["made"]


async def test_each_fragment_is_a_trace_of_its_own_with_a_span_for_each_stage_and_inference(made):
    async with (
        running(**QUICK, trace_ratio=1.0, seam="fixed") as service,
        dubbing(service, stream_id="match-7") as stream,
    ):
        await dub(stream, 1, 3)
    traces = made.traces()
    assert len(traces) == 3
    for spans in traces.values():
        assert {name: parent for name, (parent, _) in spans.items()} == TREE
        assert {span.attributes.get("sts.stream", "match-7") for _, span in spans.values()} == {"match-7"}
        for parent, span in spans.values():
            if parent is not None:
                around = spans[parent][1]
                assert around.start_time <= span.start_time <= span.end_time <= around.end_time
    numbers = [spans["fragment"][1].attributes["sts.sequence_number"] for spans in traces.values()]
    assert sorted(numbers) == [0, 1, 2]


async def test_what_is_left_after_the_last_fragment_belongs_to_that_one_s_trace(made):
    async with running(**QUICK, trace_ratio=1.0, seam="carry") as service, dubbing(service) as stream:
        await dub(stream, 1, 2)
    assert len(made.traces()) == 2
    tails = [span for span in made.spans if "sts.tail" in span.attributes]
    (last,) = [span for span in made.named("fragment") if span.attributes["sts.sequence_number"] == 1]
    assert {span.context.trace_id for span in tails} == {last.context.trace_id}


async def test_the_processes_of_the_engines_say_when_they_worked_on_it(made):
    async with (
        running(**QUICK, trace_ratio=1.0, fake_in_process=True, seam="fixed") as service,
        dubbing(service) as stream,
    ):
        await dub(stream, 1, 1)
        processes = {stage.value: process for stage, process in service.models.processes.items()}
    (spans,) = made.traces().values()
    for stage in ("asr", "translation", "tts"):
        parent, span = spans[f"{stage} inference"]
        assert parent == stage
        assert span.attributes["process.pid"] == processes[stage]
        assert span.attributes["sts.batch_size"] == 1
        assert spans[stage][1].start_time <= span.start_time <= span.end_time <= spans[stage][1].end_time


async def test_fragments_that_are_served_together_are_linked(made):
    async with (
        running(
            **{**QUICK, "fake_translation_latency_s": 0.5, "translation_batch": 8},
            trace_ratio=1.0,
            seam="fixed",
        ) as service,
        dubbing(service, stream_id="a") as a,
        dubbing(service, stream_id="b") as b,
        dubbing(service, stream_id="c") as c,
        trio.open_nursery() as nursery,
    ):
        for number, stream in enumerate((a, b, c)):
            nursery.start_soon(dub, stream, number, 1)
    roots = {span.context.span_id for span in made.named("fragment")}
    together = [span for span in made.named("translation inference") if span.attributes["sts.batch_size"] > 1]
    assert together
    for span in together:
        assert len(span.links) == span.attributes["sts.batch_size"] - 1
        assert {link.context.span_id for link in span.links} <= roots


async def test_a_stream_that_is_cut_marks_what_was_under_way(made):
    async with running(**{**QUICK, "fake_asr_latency_s": 60.0}, trace_ratio=1.0) as service:
        async with dubbing(service) as stream:
            await stream.send_fragment(0, marked(1, 0), 1000)
            with trio.fail_after(10):
                while not service.models.scheduler.statistics().queues[0].batches_running:
                    await trio.sleep(0.01)
        with trio.fail_after(10):
            while not made.named("fragment"):
                await trio.sleep(0.01)
    (spans,) = made.traces().values()
    assert set(spans) == {"fragment", "session", "asr", "asr inference"}
    for name in ("fragment", "asr"):
        assert spans[name][1].status.description == "cancelled"
        assert spans[name][1].attributes["sts.cancelled"] is True
    assert spans["session"][1].status.description is None
    assert spans["asr inference"][1].status.description == "nobody waited for its end"


async def test_a_fragment_that_fails_says_where_and_why(made):
    async with (
        running(
            **{**QUICK, "fake_tts_latency_s": 3.0}, tts_timeout_ms=50, trace_ratio=1.0, seam="fixed"
        ) as service,
        dubbing(service) as stream,
    ):
        await dub(stream, 1, 1)
    (spans,) = made.traces().values()
    root, tts = spans["fragment"][1], spans["tts"][1]
    assert root.status.description == tts.status.description == "TIMEOUT"
    (event,) = root.events
    assert (event.attributes["outcome"], event.attributes["stage"]) == ("failed", "tts")


async def test_several_languages_are_one_trace(made):
    async with (
        running(**QUICK, trace_ratio=1.0, seam="fixed") as service,
        dubbing(service, target_language="pt", target_languages=("pt", "es")) as stream,
    ):
        await dub(stream, 1, 1)
    assert len(made.traces()) == 1
    spoken = [
        span.attributes["sts.language"] for span in made.named("tts") if "sts.tail" not in span.attributes
    ]
    assert sorted(spoken) == ["es", "pt"]
    (root,) = made.named("fragment")
    assert sorted(event.attributes["language"] for event in root.events) == ["es", "pt"]


async def test_nothing_that_was_said_is_in_a_trace(made):
    async with running(**QUICK, trace_ratio=1.0) as service, dubbing(service) as stream:
        answers = await dub(stream, 1, 2)
    told = "\n".join(span.to_json() for span in made.spans)
    assert not [answer.transcript for answer in answers if answer.transcript in told]


async def test_a_share_of_the_fragments_is_traced(made):
    async with running(**QUICK, trace_ratio=0.5, seam="fixed") as service, dubbing(service) as stream:
        await dub(stream, 1, 60)
    assert 0 < len(made.traces()) < 60
    assert all(set(spans) == set(TREE) for spans in made.traces().values())


async def test_at_a_share_of_nothing_nothing_is_made(made):
    async with running(**QUICK, trace_ratio=0.0) as service, dubbing(service) as stream:
        await dub(stream, 1, 2)
    assert made.spans == ()


@pytest.mark.parametrize(("ratio", "variables"), [("0", {}), ("1", {"OTEL_SDK_DISABLED": "true"})])
def test_where_no_traces_are_wanted_opentelemetry_is_not_imported(ratio, variables):
    program = """
import sys, trio
from running import QUICK, dub, dubbing, running
async def main(ratio):
    async with running(**QUICK, trace_ratio=ratio) as service, dubbing(service) as stream:
        await dub(stream, 1, 1)
    print([name for name in sys.modules if "opentelemetry" in name])
trio.run(main, float(sys.argv[1]))
"""
    path = os.pathsep.join(["tests/integration", "."])
    done = subprocess.run(
        [sys.executable, "-c", program, ratio],
        env={**os.environ, "PYTHONPATH": path, **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


async def test_without_opentelemetry_the_start_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    settings = load_settings(profile="fake", overrides={"trace_ratio": 0.1}, environment={})
    with pytest.raises(ConfigError, match=r"sts_actors\[otel\]"):
        async with open_traces(settings):
            raise AssertionError("not without it")


async def test_the_last_spans_are_not_waited_for_for_ever(monkeypatch):
    class Stuck(SimpleSpanProcessor):
        def shutdown(self):
            stopped.set()
            released.wait(30)

    stopped, released = threading.Event(), threading.Event()
    monkeypatch.setattr(opening, "SHUTDOWN_S", 0.1)
    monkeypatch.setattr(opening, "_processor", lambda: Stuck(InMemorySpanExporter()))
    settings = load_settings(profile="fake", overrides={"trace_ratio": 0.1}, environment={})
    try:
        with trio.fail_after(20):
            async with open_traces(settings):
                pass
    finally:
        released.set()
    assert stopped.is_set()


async def test_spans_go_by_the_standard_variables_with_the_service_s_name(monkeypatch):
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test")
    for name, expected in ((None, "sts-actors"), ("dubbing-3", "dubbing-3")):
        made = Made()
        processor = SimpleSpanProcessor(made.exporter)
        monkeypatch.setattr(opening, "_processor", lambda processor=processor: processor)
        if name is not None:
            monkeypatch.setenv("OTEL_SERVICE_NAME", name)
        async with running(**QUICK, trace_ratio=1.0) as service, dubbing(service) as stream:
            await dub(stream, 1, 1)
        resource = made.spans[-1].resource.attributes
        assert resource["service.name"] == expected
        assert resource["deployment.environment"] == "test"
