import io

import attrs
import pytest
from rich.console import Console
from test_cli_report import ANSWER, asked, done, report

from sts_actors.cli.progress import Display, closing_table, describe, stage_cell, verdict
from sts_actors.cli.report import fragment_report
from sts_actors.client import FragmentError


def console(*, terminal: bool) -> Console:
    return Console(file=io.StringIO(), force_terminal=terminal, width=120, color_system=None)


def failed(code="TIMEOUT", stage="translation"):
    answer = attrs.evolve(
        ANSWER,
        status="failed",
        audio=None,
        translated_text=None,
        stage_timings={"asr_ms": 900},
        error=FragmentError(stage=stage, code=code, message="m", retryable=True),
    )
    return fragment_report(asked(), answer, answered_s=7.5, late_after_s=8.0)


def test_a_fragment_that_came_back_shows_each_stage_and_both_texts():
    line = describe(done(3, 18.0, 3.9)).plain
    assert "0:18-0:24" in line
    assert "recognised 1.2 s" in line
    assert "translated 0.0 s" in line
    assert "spoken 2.6 s" in line
    assert "3.9 s" in line
    assert "It was the best of times → Foi o melhor dos tempos" in line


def test_a_failed_fragment_shows_where_and_why():
    fragment = failed()
    assert stage_cell(fragment, "asr").plain == "0.9 s"
    assert stage_cell(fragment, "translation").plain == "failed"
    assert stage_cell(fragment, "tts").plain == "-"
    assert stage_cell(attrs.evolve(fragment, asr_ms=None), "asr").plain == "done"
    assert verdict(fragment).plain == "7.5 s TIMEOUT"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"late": True}, "3.9 s late"),
        ({"status": "partial"}, "3.9 s partial"),
        ({"status": "failed"}, "3.9 s failed"),
        ({"answered_s": None}, "unanswered"),
    ],
)
def test_a_verdict_says_what_an_answer_was_worth(changes, words):
    assert verdict(attrs.evolve(done(0, 6.0, 3.9), **changes)).plain == words


def test_away_from_a_terminal_each_fragment_is_one_plain_line():
    out = console(terminal=False)
    with Display(out, estimated_s=12.0) as display:
        display.waiting("loading the models")
        display.sent(asked(0))
        display.answered(done(0, 6.0, 3.9))
        display.answered(done(1, 12.0, 3.9))
    lines = out.file.getvalue().splitlines()
    assert len(lines) == 3
    assert lines[0] == "loading the models"
    assert "\x1b" not in out.file.getvalue()


def test_on_a_terminal_the_table_shows_what_is_under_way_and_what_is_done():
    out = console(terminal=True)
    with Display(out, estimated_s=12.0) as display:
        display.answered(done(0, 6.0, 3.9))
        display.sent(asked(1))
        out.print(display._render())
    text = out.file.getvalue()
    assert "Foi o melhor" in text
    assert "0:06 of 0:12" in text
    assert "…" in text


def test_on_a_narrow_terminal_only_the_words_are_cut():
    out = Console(file=io.StringIO(), force_terminal=True, width=80, color_system=None)
    with Display(out) as display:
        display.answered(attrs.evolve(done(11, 66.0, 3.9), translated_text="palavra " * 40))
        out.print(display._render())
    text = out.file.getvalue()
    for whole in ("recognised", "translated", "spoken", "answered in", "11", "1:06", "2.6 s"):
        assert whole in text
    assert "…" in text


def test_a_servers_words_cannot_steer_the_terminal():
    answer = attrs.evolve(ANSWER, transcript="\x1b[2J[red]gone\r\n", translated_text="\x9b31m[/]")
    fragment = fragment_report(asked(), answer, answered_s=1.0, late_after_s=8.0)
    out = console(terminal=False)
    with Display(out) as display:
        display.answered(fragment)
    text = out.file.getvalue()
    assert "\x1b" not in text
    assert "\x9b" not in text
    assert "[red]gone" in text
    assert len(text.splitlines()) == 1


def test_the_closing_table_says_whether_it_kept_up():
    out = console(terminal=False)
    out.print(closing_table(report(done(0, 6.0, 3.0), done(1, 12.0, 4.0))))
    text = out.file.getvalue()
    assert "0:12 in 2 fragments" in text
    assert "2 well" in text
    assert "3.0 s (median), 4.0 s (p95)" in text
    assert "kept up with real time" in text
    assert "yes" in text


def test_the_closing_table_counts_what_went_wrong():
    out = console(terminal=False)
    out.print(closing_table(report(done(0, 6.0, 9.0), failed(), asked(2))))
    text = out.file.getvalue()
    assert "1 well, 1 failed, 1 unanswered, 1 late" in text
    assert "no" in text


def lags(count):
    return [attrs.evolve(done(n, 6.0 * n, 3.0), start_s=6.0 * n, lag_ms=100.0 + n) for n in range(count)]


def test_the_closing_table_says_how_far_the_dub_is_behind_and_how_much_longer_it_is():
    out = console(terminal=False)
    out.print(closing_table(attrs.evolve(report(*lags(2)), tail_s=0.75)))
    text = out.file.getvalue()
    assert "0.1 s (at most), 0.1 s (p95)" in text
    assert "an hour" not in text  # nothing to go by in so short a time
    assert "by 0.8 s" in text
    out.print(closing_table(report(*lags(60))))
    assert "+600 ms an hour" in out.file.getvalue()


def test_the_closing_table_says_nothing_of_lags_that_it_does_not_know():
    out = console(terminal=False)
    out.print(closing_table(report(done(0, 6.0, 3.0))))
    assert "its source" not in out.file.getvalue()


def test_each_language_of_a_fragment_has_its_line_and_its_part_of_the_progress():
    pt, es = (attrs.evolve(done(3, 18.0, 3.9), target_language=tag) for tag in ("pt", "es"))
    assert describe(pt).plain.startswith("3 pt  0:18")
    out = console(terminal=True)
    with Display(out, estimated_s=12.0, languages=2) as display:
        for each in (pt, es):
            display.sent(attrs.evolve(asked(3), target_language=each.target_language))
        display.answered(pt)
        out.print(display._render())
    text = out.file.getvalue()
    assert "0:03 of 0:12" in text
    assert "3 pt" in text
    assert "3 es" in text
    assert "…" in text


def test_the_closing_table_names_all_languages_and_counts_fragments_once():
    its = [attrs.evolve(done(0, 6.0, 3.0), target_language=tag) for tag in ("pt", "es")]
    out = console(terminal=False)
    out.print(closing_table(attrs.evolve(report(*its), outputs={"pt": "a", "es": "b"})))
    text = out.file.getvalue()
    assert "en → pt, es" in text
    assert "0:06 in 1 fragments" in text
    assert "2 well" in text
