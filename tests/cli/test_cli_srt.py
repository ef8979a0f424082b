import io
import re
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from sts_actors.cli.srt import CUE_LINES, LINE_CHARACTERS, Cue, cues, read_cues, render, stamp

TEXTS = st.text(max_size=400)
SPANS = st.tuples(st.integers(0, 10**8), st.integers(0, 31_000)).map(
    lambda pair: (pair[0], pair[0] + pair[1])
)
STAMP = re.compile(r"(\d{2,}):(\d\d):(\d\d),(\d{3})")


def visible(text: str) -> str:
    return "".join(c for c in text.replace("-->", "→") if c.isprintable() and not c.isspace())


def parse(document: str) -> list[Cue]:
    """A reader as players have it: blocks parted by an empty line."""
    found = []
    for block in filter(None, document.split("\n\n")):
        number, times, *lines = block.split("\n")
        assert int(number) == len(found) + 1
        assert 1 <= len(lines) <= CUE_LINES
        begin, end = (ms(each) for each in times.split(" --> "))
        found.append(Cue(start_ms=begin, end_ms=end, text="\n".join(lines)))
    return found


def ms(text: str) -> int:
    hours, minutes, seconds, rest = map(int, STAMP.fullmatch(text).groups())
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + rest


@given(TEXTS, SPANS)
def test_a_rendered_file_reads_back_as_the_cues_it_was_made_of(text, span):
    laid = cues(text, *span)
    assert parse(render(1, laid)) == list(laid)


@given(TEXTS, SPANS)
def test_cues_fill_their_span_without_gap_or_overlap_and_lose_no_character(text, span):
    laid = cues(text, *span)
    assert visible("".join(cue.text for cue in laid)) == visible(text)
    edges = [edge for cue in laid for edge in (cue.start_ms, cue.end_ms)]
    assert edges == sorted(edges)
    assert all(a.end_ms == b.start_ms for a, b in pairwise(laid))
    if laid:
        assert (edges[0], edges[-1]) == span


@given(TEXTS)
def test_no_line_is_longer_than_subtitlers_allow(text):
    assert all(len(line) <= LINE_CHARACTERS for cue in cues(text, 0, 1000) for line in cue.text.split("\n"))


def test_silence_gives_no_cue():
    assert cues(" \n\t\x00", 0, 6000) == ()


def test_an_arrow_in_the_text_does_not_read_as_a_time_line():
    assert "-->" not in cues("a --> b", 0, 1000)[0].text


def test_a_long_text_is_shown_in_parts_as_long_as_their_share_of_it():
    laid = cues("word " * 34, 0, 6000)
    assert len(laid) == 3
    assert laid[0].end_ms - laid[0].start_ms > laid[2].end_ms - laid[2].start_ms


def test_times_beyond_a_day_keep_counting_hours():
    assert stamp(360_000_000 + 61_001) == "100:01:01,001"


@given(
    st.lists(
        st.tuples(st.integers(0, 10**8), st.integers(1, 9000), st.text(min_size=1, max_size=120)), max_size=5
    )
)
def test_what_was_rendered_is_read_back(said):
    laid = [cue for start, length, text in said for cue in cues(text, start, start + length)]
    assert list(read_cues(io.StringIO(render(1, laid)))) == laid
