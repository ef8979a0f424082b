"""The texts of the corpus: who says what, and how long they leave each other.

A file in `corpus/` has a head (`voices: A=af_heart B=am_puck`, and lengths in seconds: `gap_s` between two
lines of one speaker, `turn_s` between speakers, `overlap_s` for those who interrupt), then a line for each
utterance: `A: text`, or `A> text` for one that begins before the last has ended. An empty line is a pause.
"""

import hashlib
import re
from pathlib import Path

import attrs

FOLDER = Path(__file__).parent / "corpus"
PAUSE_S = 1.4
LEAD_S = 0.6
"""Silence before the first word and after the last."""
_LINE = re.compile(r"(\w+)([:>]) (.+)")


@attrs.frozen(kw_only=True)
class Line:
    """An utterance; it begins `after_s` after the end of the one before, earlier where that is below 0."""

    speaker: str
    voice: str
    text: str
    after_s: float


@attrs.frozen(kw_only=True)
class Script:
    """A text of the corpus, ready to be spoken."""

    name: str
    lines: tuple[Line, ...]

    @property
    def digest(self) -> str:
        """Of all that decides how it sounds."""
        said = repr([attrs.astuple(line) for line in self.lines])
        return hashlib.sha256(said.encode()).hexdigest()[:12]


def parse(name, text):
    """A script out of a file's text."""
    head, lines, pause, last = {}, [], False, None
    for number, row in enumerate(text.splitlines(), 1):
        if row.startswith("#"):
            continue
        if not row.strip():
            pause = bool(lines)
            continue
        spoken = _LINE.fullmatch(row.strip())
        if spoken is None or spoken[1] not in _voices(head):
            key, colon, value = row.partition(":")
            if not colon or lines:
                raise ValueError(f"{name}, line {number}: neither a setting nor an utterance: {row}")
            head[key.strip()] = value.strip()
            continue
        speaker, mark, words = spoken.groups()
        if not lines:
            after_s = LEAD_S
        elif mark == ">":
            after_s = -float(head["overlap_s"])
        else:
            after_s = PAUSE_S if pause else float(head["gap_s" if speaker == last else "turn_s"])
        lines.append(Line(speaker=speaker, voice=_voices(head)[speaker], text=words, after_s=after_s))
        pause, last = False, speaker
    return Script(name=name, lines=tuple(lines))


def _voices(head):
    return dict(pair.split("=") for pair in head.get("voices", "").split())


def scripts():
    """All of the corpus: the first of each kind, then the second, …; settings may be tuned on the first."""
    named = {path.stem: path for path in FOLDER.glob("*.txt")}
    order = sorted(named, key=lambda name: (name.rpartition("_")[2], name))
    return [parse(name, named[name].read_text("utf-8")) for name in order]
