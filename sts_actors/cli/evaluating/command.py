"""`sts-actors eval`: how good the line is on a recording whose words are known."""

import importlib
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import attrs
import numpy as np
import trio
import typer
from rich.console import Console
from rich.status import Status

from sts_actors.audio.pcm import S16_SCALE
from sts_actors.audio.wav import write_wav
from sts_actors.cli.dub import Profile
from sts_actors.cli.errors import CommandError
from sts_actors.cli.evaluating.figures import (
    Cost,
    DubFigures,
    Evaluation,
    Likeness,
    Reference,
    RunFigures,
    dub_figures,
    dub_sound,
    heard_text,
    said_text,
    splitter,
)
from sts_actors.cli.evaluating.line import Bench, Dubbed, Recording, open_bench
from sts_actors.cli.evaluating.table import tables
from sts_actors.cli.interrupt import interruptible
from sts_actors.cli.media import MAX_RATE_HZ, open_audio
from sts_actors.cli.models import prepare_models
from sts_actors.cli.requirements import install_command
from sts_actors.messages import SeamPolicy

_BOTH = ",".join(SeamPolicy)


def evaluate(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A recording.", dir_okay=False)],
    *,
    reference: Annotated[Path, typer.Option(metavar="TEXT", help="What is said in it.", dir_okay=False)],
    source: Annotated[str, typer.Option(metavar="LANGUAGE", help="The language spoken in it.")] = "en",
    target: Annotated[str, typer.Option(metavar="LANGUAGE", help="The language to dub it in.")] = "pt",
    voice: Annotated[str | None, typer.Option(metavar="NAME", help="The voice to dub with.")] = None,
    profile: Annotated[Profile, typer.Option(help="Which engines to run on.")] = "embedded",
    seconds: Annotated[str, typer.Option(metavar="N,N", help="Lengths of fragments.")] = "6,3",
    seam: Annotated[str, typer.Option(metavar="WAY,WAY", help=f"Of {_BOTH}.")] = _BOTH,
    only: Annotated[
        Literal["recognition"] | None, typer.Option(help="Leave translation and speech out: quicker.")
    ] = None,
    reference_translation: Annotated[
        Path | None, typer.Option(metavar="TEXT", help="A good translation, to compare with.", dir_okay=False)
    ] = None,
    json: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write all figures here.", dir_okay=False)
    ] = None,
    keep: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Keep the dubs here.", file_okay=False)
    ] = None,
) -> None:
    """Measure what is heard and how it is dubbed, in fragments of several lengths, against a known text."""
    job = Job(
        file=file,
        recording=read_recording(file),
        reference=_read(reference),
        translation=None if reference_translation is None else _read(reference_translation),
        source=source,
        target=target,
        voice=voice,
        profile=profile,
        seconds=_lengths(seconds),
        seams=_policies(seam),
        recognition=only is not None,
        keep=keep,
    )
    if job.translation is not None:
        compare_texts("", "")  # fails now rather than at the end, where it is not installed
    prepare_models(profile, Console(stderr=True))
    with Console(stderr=True).status("loading the engines") as status:
        evaluation = trio.run(interruptible, partial(job.run, status))
    console = Console()
    for table in tables(evaluation):
        console.print(table)
    if json is not None:
        json.parent.mkdir(parents=True, exist_ok=True)
        json.write_bytes(evaluation.as_json())


@attrs.frozen(kw_only=True)
class Job:
    """An evaluation as it was asked for."""

    file: Path
    recording: Recording
    reference: str = attrs.field(repr=False)
    translation: str | None = attrs.field(repr=False)
    source: str
    target: str
    voice: str | None
    profile: str
    seconds: tuple[float, ...]
    seams: tuple[SeamPolicy, ...]
    recognition: bool
    keep: Path | None

    async def run(self, status: Status) -> Evaluation:
        """Load the models and evaluate; `status` says how far it is.

        Raises:
            ConfigError, ServiceError: what the service itself would raise.
        """
        async with open_bench(
            self.profile,
            source_language=self.source,
            target_language=self.target,
            voice=self.voice,
            recognition=self.recognition,
        ) as bench:
            status.update("the whole recording")
            whole, asked = await bench.whole(self.recording, self.source)
            reference = Reference.of(self.reference, whole, splitter(self.source))
            runs = []
            for fragment_s in self.seconds:
                for seam in self.seams:
                    one = Run(job=self, bench=bench, reference=reference, fragment_s=fragment_s, seam=seam)
                    runs.append(await one.figures(whole.text, status))
        return Evaluation(
            file=self.file.name,
            seconds=self.recording.seconds,
            source_language=self.source,
            target_language=self.target,
            profile=self.profile,
            whole=reference.errors(whole.text),
            whole_cost=Cost.of(asked, pretended=self.pretended),
            runs=tuple(runs),
        )

    @property
    def pretended(self) -> bool:
        """Its engines only pretend: how long they take means nothing."""
        return self.profile == "fake"


@attrs.frozen(kw_only=True)
class Run:
    """One length of fragments under one policy."""

    job: Job
    bench: Bench
    reference: Reference
    fragment_s: float
    seam: SeamPolicy

    async def figures(self, whole: str, status: Status) -> RunFigures:
        """Do it; `whole` is what was heard of the recording in one piece."""
        recording = self.job.recording

        def told(done: int, count: int) -> None:
            status.update(f"{self.seam}, fragments of {self.fragment_s:g} s: {done} of {count}")

        dub: DubFigures | None = None
        if self.job.recognition:
            heard = await self.bench.recognise(recording, self.fragment_s, self.seam, told)
            text, recogniser, failed = heard.text, heard.recogniser, len(heard.failures)
        else:
            dubbed = await self.bench.dub(recording, self.fragment_s, self.seam, told)
            text, recogniser = heard_text(dubbed), dubbed.recogniser
            status.update(f"{self.seam}, fragments of {self.fragment_s:g} s: listening to the dub")
            dub = await self._dub_figures(dubbed)
            failed = dub.failed
        return RunFigures(
            fragment_s=self.fragment_s,
            seam=self.seam,
            words=self.reference.errors(text),
            at_seams=self.reference.at_seams(text, recording, self.fragment_s),
            whole_at_seams=self.reference.at_seams(whole, recording, self.fragment_s),
            failed=failed,
            cost=Cost.of(recogniser, pretended=self.job.pretended),
            dub=dub,
        )

    async def _dub_figures(self, dubbed: Dubbed) -> DubFigures:
        job, sound = self.job, Recording(pcm=dub_sound(dubbed), sample_rate_hz=dubbed.sample_rate_hz)
        if job.keep is not None:
            job.keep.mkdir(parents=True, exist_ok=True)
            name = f"{job.file.stem}-{self.fragment_s:g}s-{self.seam}.wav"
            await trio.to_thread.run_sync(
                (job.keep / name).write_bytes, write_wav(sound.pcm, sound.sample_rate_hz)
            )
        known = await self.bench.knows(job.target)
        heard = (await self.bench.whole(sound, job.target))[0] if known else None
        liked = job.translation
        return dub_figures(
            dubbed,
            heard,
            splitter(job.target),
            likeness=None if liked is None else compare_texts(said_text(dubbed), liked),
            heard_likeness=None if liked is None or heard is None else compare_texts(heard.text, liked),
        )


def compare_texts(text: str, reference: str) -> Likeness:
    """Compare a text with one by another hand, as one long sentence each.

    Raises:
        CommandError: sacrebleu is not installed.
    """
    try:
        sacrebleu = importlib.import_module("sacrebleu")
    except ImportError:
        raise CommandError(f"sacrebleu is not installed: run {install_command('eval')}") from None
    texts, references = [" ".join(text.split())], [[" ".join(reference.split())]]
    return Likeness(
        chrf=sacrebleu.corpus_chrf(texts, references).score,
        bleu=sacrebleu.corpus_bleu(texts, references).score,
    )


def read_recording(path: Path) -> Recording:
    """A file's sound, mixed to mono, at its own rate.

    Raises:
        CommandError: it cannot be read, or there is no sound in it.
    """
    with open_audio(path) as audio:
        pcm = np.concatenate([block.astype(np.float32).mean(axis=1) for block in audio.blocks]) / S16_SCALE
        return Recording(pcm=pcm.astype(np.float32), sample_rate_hz=min(audio.sample_rate_hz, MAX_RATE_HZ))


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise CommandError(f"cannot read {path}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise CommandError(f"{path} is not a text in UTF-8") from None


def _lengths(listed: str) -> tuple[float, ...]:
    try:
        lengths = tuple(float(part) for part in listed.split(","))
    except ValueError:
        lengths = ()
    if not lengths or not all(1 <= length <= 30 for length in lengths):  # noqa: PLR2004 - the wire's
        raise CommandError(f"--seconds {listed}: give lengths from 1 to 30, with commas between them")
    return lengths


def _policies(listed: str) -> tuple[SeamPolicy, ...]:
    try:
        return tuple(SeamPolicy(part.strip()) for part in listed.split(","))
    except ValueError:
        raise CommandError(f"--seam {listed}: give some of {_BOTH}, with commas between them") from None
