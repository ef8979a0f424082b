"""The planted problems of the debugging guide are found by the tools, which show what the page says."""

import importlib
import re
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest
import trio

from sts_actors.cli.tree import fetch

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples" / "debugging"
PAGE = (ROOT / "docs" / "debugging.md").read_text(encoding="utf-8")
SHOWN = re.findall(r"<!-- shown: (\w+) (\w+) -->\n```\n(.*?)```", PAGE, re.DOTALL)
MODULES = ("live", "longest_waits", "leak", "stall", "starve")
PLANTED = {"stall": "sts_actors.actors.languages.tts", "starve": "sts_actors.actors.stream.asr"}
PLANTED["leak"] = "sts_actors.models.model"


def masked(text):
    """Without figures: times and counts differ from run to run, line numbers from version to version."""
    return re.sub(r"\d+(\.\d+)?", "#", text)


def shown(problem, tool):
    """What the page says that a tool shows, by lines."""
    blocks = [block for of, by, block in SHOWN if (of, by) == (problem, tool)]
    assert blocks
    return [line.strip() for block in blocks for line in block.splitlines()]


def missing(problem, tool, text):
    return [line for line in shown(problem, tool) if masked(line) not in masked(text)]


@pytest.fixture
def planted(monkeypatch):
    """Plants a problem, for one test."""
    monkeypatch.syspath_prepend(EXAMPLES)

    def plant(problem):
        module, _, name = PLANTED[problem].rpartition(".")
        holder = importlib.import_module(module)
        monkeypatch.setattr(holder, name, getattr(holder, name))
        example = importlib.import_module(problem)
        example.plant()
        return example

    yield plant
    for name in MODULES:
        sys.modules.pop(name, None)


async def tree(service):
    return await trio.to_thread.run_sync(fetch, service.url, "")


async def metrics(service):
    def read():
        with urlopen(f"{service.url}/metrics") as answer:  # noqa: S310 - our own service
            return answer.read().decode()

    return await trio.to_thread.run_sync(read)


async def until(problem, tool, look):
    """Look again and again until all that the page says is shown."""
    text = ""
    with trio.move_on_after(40):
        while missing(problem, tool, text := await look()):
            await trio.sleep(0.2)
        return text
    raise AssertionError(f"{missing(problem, tool, text)} not in {text}")


async def test_the_tree_and_the_log_name_the_line_that_stalls_the_loop(planted, capsys):
    example = planted("stall")
    async with importlib.import_module("live").live(example.STREAMS, port=0, **example.SETTINGS) as service:
        text = await until("stall", "tree", lambda: tree(service))
    assert missing("stall", "log", capsys.readouterr().err) == []
    busiest = text.partition("roles\n")[2].splitlines()[0]
    assert busiest.strip().startswith("stream/*/tts")


async def test_the_tree_the_log_and_an_instrument_of_trio_s_name_the_stream_that_starves(planted, capsys):
    example = planted("starve")
    waits = example.LongestWaits()
    trio.lowlevel.add_instrument(waits)
    told = []

    async def logged():
        await trio.lowlevel.checkpoint()
        told.append(capsys.readouterr().err)
        return "".join(told)

    try:
        settings = {**example.SETTINGS, "port": 0, "log_level": "INFO"}
        async with importlib.import_module("live").live(example.STREAMS, **settings) as service:
            longest = {}
            with trio.fail_after(40):
                while not longest.get("stream/matinee/asr", 0) > 3:
                    await trio.sleep(0.1)
                    lines = [line.split() for line in waits.longest("stream/", count=100)]
                    longest = {task: float(seconds) for seconds, _, task, *_ in lines}
            assert missing("starve", "waits", "\n".join(waits.longest("stream/", count=100))) == []
            assert max(longest["stream/news/asr"], longest["stream/match/asr"]) < 3
            await until("starve", "tree", lambda: tree(service))
            await until("starve", "log", logged)
    finally:
        trio.lowlevel.remove_instrument(waits)


async def test_the_tree_and_the_metrics_show_tokens_that_nobody_has(planted):
    example = planted("leak")
    async with importlib.import_module("live").live(example.STREAMS, port=0, **example.SETTINGS) as service:
        await until("leak", "metrics", lambda: metrics(service))
        with trio.fail_after(40):
            while "device: 2 of 8 tokens free" not in (text := await tree(service)):
                await trio.sleep(0.1)
        text = await until("leak", "tree", lambda: tree(service))
    assert "device/models/tts: 0 of 1024, sending 0, batches running 2" in text


@pytest.mark.parametrize("problem", sorted(PLANTED))
def test_each_problem_has_a_recipe_and_a_part_of_the_page(problem):
    recipes = (ROOT / "Justfile").read_text(encoding="utf-8")
    assert f"\ndebug-{problem}:" in recipes
    assert f"docs/examples/debugging/{problem}.py" in recipes
    assert f"`just debug-{problem}`" in PAGE


def test_the_page_s_lines_of_the_planted_code_are_those_of_the_planted_code():
    for name, line, function in re.findall(r"(stall|starve|leak)\.py:(\d+) (\w+)", PAGE):
        code = (EXAMPLES / f"{name}.py").read_text(encoding="utf-8").splitlines()
        before = [each for each in code[: int(line)] if each.lstrip().startswith(("def ", "async def "))]
        assert f"def {function}(" in before[-1]
