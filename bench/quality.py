"""How good recognition at seams and the whole dub are, over the corpus: figures and pictures for the docs.

`--part recognition` hears each recording whole, and in fragments under both policies; `--part dub` dubs some
of them and listens to the dubs; `--part report` makes the tables in docs/benchmarks.md and the pictures out
of what there is. Each result is kept when it is done (`--folder`), so that it can be stopped and go on;
`--fresh` begins anew, for when the line has changed. The corpus is spoken first, where it is not there yet.
"""

import argparse
import json
import shutil
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import attrs
import trio
from quality_input import make
from quality_report import report
from quality_script import FOLDER, scripts
from rich.console import Console

from sts_actors.cli.evaluating.command import Job, Run, read_recording
from sts_actors.cli.evaluating.figures import Cost, Reference, as_plain, splitter
from sts_actors.cli.evaluating.line import open_bench
from sts_actors.cli.models import prepare_models
from sts_actors.engines.ports import Recognition
from sts_actors.engines.weights.assets import package_file
from sts_actors.messages import SeamPolicy, Word

CONDITIONS_OF = {
    "news": ("clean", "music", "noise15"),
    "sport": ("clean", "noise15", "noise10"),
    "dialogue": ("clean", "telephone", "noise10"),
    "numbers": ("clean", "telephone"),
    "lecture": ("clean", "music"),
    "story": ("clean", "music"),
}
"""What each kind of text is heard in; not everything in everything: it takes hours."""
HUMAN = ("two_cities", "beckett")
DUBBED = ("news_2", "dialogue_2", "story_2")


@attrs.frozen(kw_only=True)
class Piece:
    """A recording with its text; `kind` and `condition` are what the tables go by."""

    name: str
    kind: str
    condition: str
    wav: Path
    text: str

    @property
    def label(self):
        return f"{self.name}.{self.condition}"


def pieces(console, chosen):
    """All recordings, those first whose figures matter most: everything clean, then the rest."""
    found = [
        Piece(
            name=name,
            kind="human",
            condition="clean",
            wav=package_file("moonshine_voice", f"assets/{name}.wav"),
            text=(FOLDER / "human" / f"{name}.txt").read_text("utf-8"),
        )
        for name in HUMAN
    ]
    found += [
        Piece(name=wav.stem, kind="telephone talk" if text.suffix == ".stm" else "extra", condition="clean",
              wav=wav, text=read_reference(text))
        for wav, text in [*telephone_talk(), *[map(Path, pair) for pair in chosen.extra]]
    ]  # fmt: skip
    rest = []
    for script in scripts():
        kind = script.name.partition("_")[0]
        if chosen.only and script.name not in chosen.only:
            continue
        folder = make(script, console)
        text = (folder / "reference.txt").read_text("utf-8")
        for condition in CONDITIONS_OF[kind]:
            piece = Piece(
                name=script.name, kind=kind, condition=condition, wav=folder / f"{condition}.wav", text=text
            )
            (found if condition == "clean" else rest).append(piece)
    return [
        piece
        for piece in found + rest
        if (not chosen.conditions or piece.condition in chosen.conditions)
        and (not chosen.only or piece.name in chosen.only)
    ]


def telephone_talk():
    """Half a minute of two people on a real telephone, out of pyannote.audio where it is installed."""
    found = find_spec("pyannote")
    folders = (
        [Path(folder, "audio", "sample") for folder in found.submodule_search_locations] if found else []
    )
    folders = [folder for folder in folders if folder.is_dir()]
    return [(folder / "sample.wav", folder / "sample.stm") for folder in folders]


def read_reference(path):
    """A text; of an STM file, what its segments say."""
    text = path.read_text("utf-8")
    if path.suffix != ".stm":
        return text
    rows = [row.split(maxsplit=5) for row in text.splitlines() if row and not row.startswith(";")]
    return "\n".join(row[5] for row in sorted(rows, key=lambda row: float(row[3])) if len(row) > 5)


def within(found, minutes):
    """The first of them, until there are so many minutes of each condition."""
    left = {}
    for piece in found:
        seconds = read_recording(piece.wav).seconds
        if left.get(piece.condition, 60 * minutes) > 0:
            left[piece.condition] = left.get(piece.condition, 60 * minutes) - seconds
            yield piece


async def whole_of(bench, job, place):
    """What is heard of the whole; kept with the words' times."""
    if not place.is_file():
        heard, asked = await bench.whole(job.recording, job.source)
        words = [attrs.asdict(word) for word in heard.words]
        cost = attrs.asdict(Cost.of(asked, pretended=False))
        keep(place, {"text": heard.text, "words": words, "cost": cost})
    kept = json.loads(place.read_text("utf-8"))
    words = tuple(Word(**word) for word in kept["words"])
    return Recognition(text=kept["text"], language=job.source, words=words), kept["cost"]


def keep(place, content):
    """Write a result, whole or not at all."""
    place.parent.mkdir(parents=True, exist_ok=True)
    partial_ = place.with_suffix(".part")
    partial_.write_text(json.dumps(content, indent=1), "utf-8")
    partial_.replace(place)


async def measure(found, chosen, console, *, recognition):
    """Do what is not there yet."""
    part = "recognition" if recognition else "dub"
    languages = {"source_language": "en", "target_language": chosen.target}
    async with open_bench(chosen.profile, **languages, voice=None, recognition=recognition) as bench:
        for piece in found:
            folder = chosen.folder / "results" / piece.label
            job = Job(
                file=piece.wav.with_stem(piece.label),
                recording=read_recording(piece.wav),
                reference=piece.text,
                translation=None,
                source="en",
                target=chosen.target,
                voice=None,
                profile=chosen.profile,
                seconds=chosen.seconds,
                seams=tuple(SeamPolicy),
                recognition=recognition,
                keep=None if recognition else chosen.folder / "dubs",
            )
            with console.status(piece.label) as status:
                whole, cost = await whole_of(bench, job, folder / "whole.json")
                reference = Reference.of(piece.text, whole, splitter("en"))
                about = {
                    **{name: getattr(piece, name) for name in ("name", "kind", "condition")},
                    "wav": str(piece.wav),
                    "seconds": job.recording.seconds,
                    "whole": {**attrs.asdict(reference.errors(whole.text)), "cost": cost},
                }
                keep(folder / "about.json", about)
                for fragment_s in chosen.seconds:
                    for seam in job.seams:
                        place = folder / f"{part}-{fragment_s:g}s-{seam}.json"
                        if place.is_file():
                            continue
                        run = Run(job=job, bench=bench, reference=reference, fragment_s=fragment_s, seam=seam)
                        figures = await run.figures(whole.text, status)
                        keep(place, as_plain(figures))
                        console.print(line(piece, figures, reference.errors(whole.text)), soft_wrap=True)


def line(piece, figures, whole):
    """One result, told at once."""
    seams = figures.at_seams
    said = (
        f"{piece.label:22} {figures.fragment_s:g} s {figures.seam:6} WER {figures.words.rate * 100:5.1f} "
        f"(whole {whole.rate * 100:.1f})  "
        f"lost {seams.lost} invented {seams.invented} doubled {seams.doubled} "
        f"at {seams.seams} seams, {figures.cost.took_s or 0:.0f} s"
    )
    if figures.dub is not None and figures.dub.round_trip is not None:
        said += f"; round trip {figures.dub.round_trip.rate * 100:.1f}"
    return said


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=("corpus", "recognition", "dub", "report"), action="append")
    parser.add_argument("--minutes", type=float, default=1e9, help="of each condition, at the most")
    parser.add_argument("--seconds", default="", help="lengths of fragments; 6,3,2,4, and 6 for dubs")
    parser.add_argument("--only", action="append", default=[], help="of the texts")
    parser.add_argument("--conditions", default="", help="clean,telephone,...")
    parser.add_argument("--extra", nargs=2, action="append", default=[], metavar=("WAV", "TEXT"))
    parser.add_argument("--profile", default="embedded")
    parser.add_argument("--target", default="pt")
    parser.add_argument("--folder", type=Path, default=Path("out/quality"))
    parser.add_argument("--page", type=Path, default=Path("docs/benchmarks.md"))
    parser.add_argument("--fresh", action="store_true", help="throw away what was measured before")
    return parser.parse_args()


def main():
    chosen, console = parse(), Console()
    parts = chosen.part or ["recognition", "dub", "report"]
    chosen.conditions = tuple(filter(None, chosen.conditions.split(",")))
    lengths = tuple(map(float, filter(None, chosen.seconds.split(","))))
    if chosen.fresh:
        shutil.rmtree(chosen.folder, ignore_errors=True)
    if {"corpus", "recognition", "dub"} & set(parts):
        found = list(within(pieces(console, chosen), chosen.minutes))
    if {"recognition", "dub"} & set(parts):
        prepare_models(chosen.profile, console)
    if "recognition" in parts:
        chosen.seconds = lengths or (6.0, 3.0, 2.0, 4.0)
        trio.run(partial(measure, found, chosen, console, recognition=True))
    if "dub" in parts:
        chosen.seconds = lengths or (6.0,)
        dubbed = [p for p in found if p.condition == "clean" and p.name in (chosen.only or DUBBED)]
        trio.run(partial(measure, dubbed, chosen, console, recognition=False))
    if "report" in parts:
        report(chosen.folder, chosen.page, console)


if __name__ == "__main__":
    main()
