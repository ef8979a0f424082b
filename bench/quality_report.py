"""Tables and pictures out of what `quality.py` has measured."""

import json
import re
from collections import defaultdict

import quality_pictures as pictures

BEGIN, END = "<!-- quality: made by just bench-quality -->", "<!-- /quality -->"
COUNTS = ("lost", "invented", "doubled", "substituted")
NAMES = {
    "clear": "clear speech (news, sport, lecture, story)",
    "numbers": "numbers and names",
    "dialogue": "dialogue, short turns",
    "noise15": "noise at 15 dB",
    "noise10": "noise at 10 dB",
    "music": "music underneath",
    "telephone": "telephone band",
    "human": "human, read aloud",
    "telephone talk": "two people on a real telephone",
    "extra": "recordings of one's own",
}
CLEAR = {"news", "sport", "lecture", "story"}
DUB_COLUMNS = (
    "fragments, failed",
    "round trip WER %",
    "pace in -10 to +20 %",
    "stretch P50, P95",
    "timeline error, frames",
    "lag P50, P95 ms",
    "slope ms/h",
    "start offset P50, P95 ms",
    "end offset P50, P95 ms",
)
HELD_OUT = re.compile(r"_[2-9]$")
"""Texts for reporting, not for tuning on."""


def group_of(about):
    """Which row of the tables a recording belongs to."""
    if about["condition"] != "clean":
        return about["condition"]
    return "clear" if about["kind"] in CLEAR else about["kind"]


def results(folder):
    """All recordings with what was measured of them: `(about, {(part, seconds, seam): figures})`."""
    found = []
    for path in sorted((folder / "results").glob("*/about.json")):
        runs = {}
        for each in path.parent.glob("*-*s-*.json"):
            part, seconds, seam = each.stem.split("-")
            runs[part, float(seconds[:-1]), seam] = json.loads(each.read_text("utf-8"))
        found.append((json.loads(path.read_text("utf-8")), runs))
    return found


class Sum:
    """Errors of several recordings together."""

    def __init__(self):
        self.counted, self.recordings = defaultdict(float), 0

    def add(self, about, run):
        self.recordings += 1
        for name in ("substituted", "lost", "invented"):
            self.counted["errors"] += run["words"][name]
            self.counted["whole_errors"] += about["whole"][name]
        self.counted["words"] += run["words"]["reference_words"]
        for name in ("seams", *COUNTS):
            self.counted[f"at_{name}"] += run["at_seams"][name]
            self.counted[f"whole_at_{name}"] += run["whole_at_seams"][name]
        # Of its own process where that is known: others may be at work.
        self.counted["took_s"] += run["cost"].get("processor_s") or run["cost"]["took_s"] or 0.0
        self.counted["audio_s"] += about["seconds"]

    @property
    def rate(self):
        return 100 * self.counted["errors"] / max(self.counted["words"], 1)

    @property
    def whole_rate(self):
        return 100 * self.counted["whole_errors"] / max(self.counted["words"], 1)

    def per_hundred(self, name, prefix="at"):
        return 100 * self.counted[f"{prefix}_{name}"] / max(self.counted["at_seams"], 1)


def summed(found, *, part="recognition", keep=None, by=group_of):
    """Sums by group, length and policy; of recordings that both policies have heard alone."""
    sums = defaultdict(Sum)
    for about, runs in found:
        if keep is not None and not keep(about):
            continue
        for which, seconds, seam in runs:
            if which == part and all((part, seconds, other) in runs for other in ("carry", "fixed")):
                sums[by(about), seconds, seam].add(about, runs[which, seconds, seam])
    return sums


def heard_table(found):
    """Word errors: the whole, carried, fixed."""
    sums = summed(found)
    lengths = sorted({seconds for _, seconds, _ in sums}, reverse=True)
    head = " | ".join(f"{seconds:g} s: carry, fixed" for seconds in lengths)
    rows = [f"| word errors % | minutes | words | whole | {head} |", "|---" * (4 + len(lengths)) + "|"]
    for group in [name for name in NAMES if any(key[0] == name for key in sums)]:
        any_of = next(value for key, value in sums.items() if key[0] == group)
        cells = []
        for seconds in lengths:
            both = [sums.get((group, seconds, seam)) for seam in ("carry", "fixed")]
            cells.append(", ".join(f"{each.rate:.1f}" for each in both) if all(both) else "")
        counted = any_of.counted
        rows.append(
            f"| {NAMES[group]} | {counted['audio_s'] / 60:.1f} | {counted['words']:.0f} "
            f"| {any_of.whole_rate:.1f} | {' | '.join(cells)} |"
        )
    return rows


def seams_table(found):
    """Errors per 100 seams, and what the policies cost."""
    rows = [
        "| fragments | seams | | lost | invented | of them doubled | substituted | recognition time |",
        "|---" * 8 + "|",
    ]
    for name, keep in (
        ("", None),
        (", held out", lambda about: HELD_OUT.search(about["name"])),
    ):
        sums = summed(found, keep=keep, by=lambda _: "all")
        for seconds in sorted({seconds for _, seconds, _ in sums}, reverse=True):
            carry, fixed = (sums["all", seconds, seam] for seam in ("carry", "fixed"))
            for label, each, prefix in (
                ("carry", carry, "at"),
                ("fixed", fixed, "at"),
                ("whole, there", fixed, "whole_at"),
            ):
                cells = " | ".join(f"{each.per_hundred(count, prefix):.1f}" for count in COUNTS)
                cost = ""
                if label == "carry" and fixed.counted["took_s"]:
                    cost = f"{carry.counted['took_s'] / fixed.counted['took_s']:.2f} of fixed"
                seams = f"{fixed.counted['at_seams']:.0f}"
                first = f"{seconds:g} s{name} | {seams}" if label == "carry" else " | "
                rows.append(f"| {first} | {label} | {cells} | {cost} |")
    return rows


def dub_table(found):
    """How the dubs came out: a row for each."""
    rows = [
        f"| {' | '.join(('dub', *DUB_COLUMNS))} |",
        "|---" * (len(DUB_COLUMNS) + 1) + "|",
    ]
    for about, runs in found:
        for part, seconds, seam in sorted(runs):
            if part != "dub":
                continue
            dub = runs[part, seconds, seam]["dub"]
            trip, pace = dub["round_trip"], dub["in_pace"]
            cells = (
                f"{dub['fragments']}, {dub['failed']}",
                "" if trip is None else f"{100 * trip['rate']:.1f}",
                "" if pace is None else f"{100 * pace:.0f} %",
                _spread(dub["stretch"], 2),
                f"{dub['timeline_error_frames']}",
                _spread(dub["lag_ms"]),
                "" if dub["slope_ms_per_hour"] is None else f"{dub['slope_ms_per_hour']:.0f}",
                _spread(dub["start_offset_ms"]),
                _spread(dub["end_offset_ms"]),
            )
            rows.append(f"| {about['name']}, {seconds:g} s, {seam} | {' | '.join(cells)} |")
    return rows if len(rows) > 2 else []


def _spread(found, digits=0):
    return "" if found is None else f"{found['p50']:.{digits}f}, {found['p95']:.{digits}f}"


def report(folder, page, console):
    """Write the tables between the markers of a page, and the pictures beside it."""
    found = results(folder)
    drawn = pictures.draw(found, summed, folder / "dubs", page.with_suffix(""))
    parts = [heard_table(found), seams_table(found), dub_table(found)]
    shown = [f"![{title}]({page.stem}/{name})" for name, title in drawn]
    body = "\n\n".join(["\n".join(rows) for rows in parts if rows] + shown)
    text = page.read_text("utf-8")
    made = f"{BEGIN}\n\n{body}\n\n{END}"
    between = re.compile(f"{re.escape(BEGIN)}.*{re.escape(END)}", re.DOTALL)
    page.write_text(between.sub(lambda _: made, text), "utf-8")
    for rows in parts:
        console.print("\n".join(rows), markup=False, soft_wrap=True)
    console.print(f"{page}: {len(found)} recordings, {len(drawn)} pictures")
