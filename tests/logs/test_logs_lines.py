"""What stands in the log cannot be forged by what others say, and each line can be read."""

import io
import json
import logging
import sys
import threading
import warnings

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from log_lines import logged

from sts_actors.logs import open_logs
from sts_actors.logs.lines import visible
from sts_actors.settings import load_settings

log = logging.getLogger("tests.logs")

NASTY = st.text(
    st.sampled_from('a1 "\\\n\r\x1b\x00\x85\u2028\u2029\u202e\u2066\ufeff\x0b\x1c\ud800é語'), max_size=40
)
ANYTHING = st.one_of(NASTY, st.text())
VALUES = st.recursive(
    st.one_of(
        ANYTHING,
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.binary(max_size=8),
        st.complex_numbers(),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(ANYTHING, st.integers()), inner, max_size=3),
        st.tuples(inner, inner),
    ),
    max_leaves=5,
)
FIELDS = st.dictionaries(st.sampled_from(["stream", "fragment", "code", "n"]), VALUES, max_size=3)
FORGED = '\n{"time": "2026", "level": "critical", "event": "all is lost"}\n'


@settings(deadline=None)
@given(ANYTHING, FIELDS)
@example(FORGED, {"stream": FORGED})
@example("\r\n\x1b[2J\u2028\u202e\x85", {"n": 10**5000})
def test_every_record_is_one_line_and_one_object_whatever_is_in_it(event, fields):
    with logged() as written:
        log.info("%s", event, extra=fields)
        log.info("after it")
    first, second = written.told
    assert second["event"] == "after it"
    assert first["level"] == "info"
    assert first["logger"] == "tests.logs"
    assert set(first) == {"time", "level", "logger", "event", *fields}


@settings(deadline=None)
@given(ANYTHING, FIELDS)
@example(FORGED, {"stream": FORGED})
def test_a_terminal_gets_one_line_for_each_record_and_nothing_that_moves_its_cursor(event, fields):
    with logged("console") as written:
        log.info("%s", event, extra=fields)
    assert written.text.endswith("\n")
    assert written.text[:-1].isprintable()


@settings(deadline=None)
@given(ANYTHING)
@example(FORGED)
def test_the_traceback_of_an_error_with_any_message_is_no_line_of_its_own(message):
    for form in ("json", "console"):
        with logged(form) as written:
            try:
                raise ValueError(message)  # noqa: TRY301 - a traceback is all it takes
            except ValueError:
                log.exception("it failed")
        if form == "json":
            assert "ValueError" in written.told[0]["exception"]
        else:
            first, *trace = written.text.rstrip("\n").split("\n")
            assert "it failed" in first
            assert all(line.startswith("    | ") and line.isprintable() for line in trace)


@pytest.mark.parametrize("form", ["json", "console"])
def test_an_id_of_a_megabyte_makes_a_short_line(form):
    with logged(form) as written:
        log.info(
            "refused %s", "x" * 1_000_000, extra={"fragment": "y" * 1_000_000, "ids": ["z" * 9999] * 999}
        )
    assert len(written.lines) == 1
    assert len(written.text) < 60_000


def test_bytes_are_counted_and_never_shown():
    with logged() as written:
        log.info("got", extra={"data": b"abc", "view": memoryview(b"abcd")})
    assert (written.told[0]["data"], written.told[0]["view"]) == ("<3 bytes>", "<4 bytes>")


def test_what_cannot_be_shown_costs_no_line():
    class Shy:
        def __repr__(self):
            raise RuntimeError("no")

    with logged() as written:
        log.info("here", extra={"it": Shy()})
    assert written.told[0]["it"] == "<Shy that cannot be shown: RuntimeError>"


def test_a_record_that_does_not_fit_its_arguments_is_told_of_without_them(capsys):
    with logged() as written:
        log.info("%d fragments", "a private word")
    (line,) = written.told
    assert line["event"] == "a line could not be written"
    assert line["of"] == "tests.logs"
    assert "private" not in written.text
    assert "private" not in capsys.readouterr().err


def test_a_stream_that_is_closed_costs_nobody_anything(capsys):
    stream = io.StringIO()
    with open_logs(load_settings(profile="fake", environment={}), stream):
        stream.close()
        log.info("for nobody")
    assert capsys.readouterr().err == ""


def test_what_python_would_print_by_itself_goes_the_same_way():
    class Late:
        def __del__(self):
            raise ValueError("late\nlate")

    def fail():
        raise ValueError("in a thread\nin a thread")

    with logged() as written:
        thread = threading.Thread(target=fail, name="side")
        thread.start()
        thread.join()
        del_me = Late()
        del del_me
        try:
            fail()
        except ValueError:
            sys.excepthook(*sys.exc_info())
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("look\nhere", stacklevel=1)
    *errors, warning = written.told
    assert [(line["level"], line["event"]) for line in errors] == [
        ("critical", "an error that nobody caught, in a thread"),
        ("error", "an error that could not be raised"),
        ("critical", "an error that nobody caught"),
    ]
    assert errors[0]["in"] == "side"
    assert all("ValueError" in line["exception"] for line in errors)
    assert (warning["level"], warning["logger"]) == ("warning", "py.warnings")


def test_after_the_block_all_is_as_it_was():
    root = logging.getLogger()
    before = root.handlers[:], root.level, sys.excepthook, threading.excepthook, sys.unraisablehook
    with logged():
        assert root.handlers != before[0]
    assert (root.handlers, root.level, sys.excepthook, threading.excepthook, sys.unraisablehook) == before


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("form", "stream", "is_json", "coloured"),
    [
        ("auto", io.StringIO, True, False),
        ("auto", Terminal, False, True),
        ("json", Terminal, True, False),
        ("console", io.StringIO, False, False),
    ],
)
def test_it_is_text_on_a_terminal_and_json_anywhere_else(form, stream, is_json, coloured, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    out = stream()
    with open_logs(load_settings(profile="fake", overrides={"log_format": form}, environment={}), out):
        log.info("listening", extra={"port": 8000})
    assert ("\x1b[" in out.getvalue()) is coloured
    if is_json:
        assert json.loads(out.getvalue())["port"] == 8000
    else:
        assert "listening  port=8000" in out.getvalue()


def test_no_colour_is_shown_to_who_wants_none(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    out = Terminal()
    with open_logs(load_settings(profile="fake", environment={}), out):
        log.info("listening")
    assert out.getvalue().strip().isprintable()


def test_only_what_is_asked_for_is_logged():
    with logged(level="WARNING") as written:
        log.info("no")
        log.warning("yes")
    assert [line["event"] for line in written.told] == ["yes"]


@settings(deadline=None)
@given(st.text())
def test_visible_text_is_printable_and_ascii_words_stay_as_they_are(text):
    assert visible(text).isprintable()
    assert not text.isprintable() or visible(text) == text
