"""The child side of a worker, alone: run as a file, spoken to over its pipes, ended in its own way."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from time import perf_counter

import pytest
import supervision_subjects as subjects

import supervision.worker_process
from supervision import framing

MARK = "the mark: "
PROGRAM = Path(supervision.worker_process.__file__)


@pytest.fixture
def process():
    """A worker's process, before it was told what to build."""
    command = [sys.executable, str(PROGRAM), str(os.getpid()), "tested"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, **pipes) as child:
        yield child
        child.stdin.close()
        child.wait(10)


def tell(process, message):
    for piece in framing.dump(message):
        process.stdin.write(piece)
    process.stdin.flush()


def hear(process):
    count = framing.count_parts(process.stdout.read(framing.COUNT.size))
    sizes = framing.part_sizes(process.stdout.read(count * framing.LENGTH.size))
    return framing.load([bytearray(process.stdout.read(size)) for size in sizes])


def start(process, factory, *args):
    tell(process, (list(sys.path), MARK, logging.WARNING))
    tell(process, (factory, args))
    return hear(process)


def test_it_builds_serves_and_goes_when_its_input_ends(process):
    assert start(process, list, "abc") == ("value", None)
    tell(process, ("count", ("b",)))
    kind, value, began, ended = hear(process)
    assert (kind, value) == ("value", 1)
    assert began <= ended <= perf_counter()
    process.stdin.close()
    assert process.wait(10) == 0


def test_input_that_ends_inside_a_frame_is_an_end_as_well(process):
    start(process, list)
    process.stdin.write(framing.dump(("count", ("b",)))[0][:2])
    process.stdin.close()
    assert process.wait(10) == 0


def test_a_factory_that_fails_is_told_with_its_traceback_and_ends_it(process):
    kind, message, trace, error_type = start(process, int, "nonsense")
    assert kind == "failed"
    assert message.startswith("ValueError: invalid literal")
    assert "Traceback" in trace
    assert error_type == "builtins.ValueError"
    assert process.wait(10) == 1


def test_a_method_that_fails_is_told_and_the_next_call_is_served(process):
    start(process, list)
    tell(process, ("remove", ("b",)))
    assert hear(process)[:2] == ("failed", "ValueError: list.remove(x): x not in list")
    tell(process, ("copy", ()))
    assert hear(process)[:2] == ("value", [])


def test_a_value_that_cannot_be_pickled_is_that_calls_failure(process):
    start(process, subjects.Subject)
    tell(process, ("unpicklable", ()))
    assert hear(process)[0] == "failed"
    tell(process, ("echo", ("still here",)))
    assert hear(process)[:2] == ("value", "still here")


def test_what_it_logs_is_a_line_behind_the_mark_whatever_is_said(process):
    start(process, subjects.Subject)
    tell(process, ("log_it", ("one\ntwo\r\u2028",)))
    assert hear(process)[0] == "value"
    process.stdin.close()
    first, second, third = process.stderr.read().decode().splitlines()
    told = [json.loads(line.removeprefix(MARK)) for line in (first, second)]
    assert [each["text"] for each in told] == ["one\ntwo\r\u2028", "it failed"]
    assert told[0] == {"level": 30, "logger": "subjects", "text": "one\ntwo\r\u2028", "trace": ""}
    assert told[1]["trace"].endswith("ValueError: one\ntwo\r\u2028\n")
    assert third == "a line of subjects could not be logged"
