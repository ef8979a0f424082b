"""Subtitles: texts on a timeline as SubRip (.srt). Pure."""

import textwrap
from collections.abc import Iterable, Iterator
from itertools import takewhile

import attrs

from sts_actors.cli.plain import one_line

LINE_CHARACTERS = 42
CUE_LINES = 2
"""What subtitlers allow: two lines of 42 characters."""


@attrs.frozen(kw_only=True)
class Cue:
    """A text of at most `CUE_LINES` lines, shown from `start_ms` until `end_ms`."""

    start_ms: int
    end_ms: int
    text: str


def cues(text: str, start_ms: int, end_ms: int) -> tuple[Cue, ...]:
    """Lay a text out from `start_ms` to `end_ms`, each cue as long as its share of the characters.

    A text without a printing character gives no cue.
    """
    # An arrow inside a text would read as a time line.
    words = one_line(text.replace("-->", "→"))
    lines = textwrap.wrap(words, LINE_CHARACTERS, break_on_hyphens=False)
    pages = ["\n".join(lines[at : at + CUE_LINES]) for at in range(0, len(lines), CUE_LINES)]
    total = sum(map(len, pages))
    laid: list[Cue] = []
    said = 0
    for page in pages:
        begin = start_ms + (end_ms - start_ms) * said // total
        said += len(page)
        finish = start_ms + (end_ms - start_ms) * said // total
        laid.append(Cue(start_ms=begin, end_ms=finish, text=page))
    return tuple(laid)


def render(numbered_from: int, cues_: Iterable[Cue]) -> str:
    """Cues as they stand in a file, the first with the number `numbered_from`; may be appended to others."""
    return "".join(
        f"{number}\n{stamp(cue.start_ms)} --> {stamp(cue.end_ms)}\n{cue.text}\n\n"
        for number, cue in enumerate(cues_, numbered_from)
    )


def stamp(ms: int) -> str:
    """Milliseconds as `HH:MM:SS,mmm`."""
    seconds, ms = divmod(ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02},{ms:03}"


def read_cues(lines: Iterable[str]) -> Iterator[Cue]:
    """The cues of a file that `render` has made, line by line."""
    its = iter(lines)
    for _number in its:
        start, _, end = next(its).partition(" --> ")
        text = "".join(takewhile(str.strip, its)).removesuffix("\n")
        yield Cue(start_ms=_ms(start), end_ms=_ms(end), text=text)


def _ms(stamped: str) -> int:
    clock, _, ms = stamped.strip().partition(",")
    hours, minutes, seconds = map(int, clock.split(":"))
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + int(ms)
