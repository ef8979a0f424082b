"""One language's way back: its answers, put in order, become its files and its figures."""

from collections.abc import Sequence

import attrs
import numpy as np
import trio

from sts_actors.cli.media import Pcm
from sts_actors.cli.output import DubWriter
from sts_actors.cli.progress import Display
from sts_actors.cli.report import FragmentReport, fragment_report
from sts_actors.cli.unfinished.journal import Entry, Journal
from sts_actors.client import Processed, Tail


@attrs.define(eq=False)
class Track:
    """A language of a dub; `language` is normalised, `fragments` is the record, in order, of what came.

    The dub is as long as the input to the sample, whatever the service does, and then its tail: a fragment
    that fails leaves its length of silence. Each that is written is noted in the `journal`, if there is one.
    """

    language: str
    writer: DubWriter
    display: Display
    channels: int
    late_after_s: float
    fragments: list[FragmentReport] = attrs.field(factory=list)
    journal: Journal | None = None
    written: int = attrs.field(default=0, init=False)
    tail_s: float = attrs.field(default=0.0, init=False)
    _asked: list[tuple[int, str]] = attrs.field(factory=list, init=False)
    _early: dict[int, Processed] = attrs.field(factory=dict, init=False)

    def go_on_from(self, dubbed: Sequence[FragmentReport], tail_s: float = 0.0) -> None:
        """These fragments are written already, by an earlier run."""
        self.fragments[:] = dubbed
        self.written = len(dubbed)
        self.tail_s = tail_s
        self._asked = [(0, "")] * len(dubbed)

    @property
    def complete(self) -> bool:
        """Whether all that was asked is answered."""
        return self.written == len(self.fragments)

    def ask(self, fragment: FragmentReport, frames: int, digest: str = "") -> None:
        """A fragment of `frames` samples is about to be sent."""
        self.fragments.append(fragment)
        self._asked.append((frames, digest))
        self.display.sent(fragment)

    async def take(self, answer: Processed, answered_s: float) -> None:
        """Write a fragment's dub as soon as all before it are written.

        Raises:
            CommandError: it cannot be written.
        """
        number = answer.sequence_number
        if not self.written <= number < len(self.fragments) or number in self._early:
            return  # answered already, or never asked
        self._early[number] = answer
        self.fragments[number] = fragment_report(
            self.fragments[number], answer, answered_s=answered_s, late_after_s=self.late_after_s
        )
        # Answers come in order; but a refusal that found no room in the service's line may overtake.
        while (due := self._early.pop(self.written, None)) is not None:
            await trio.to_thread.run_sync(self._write, due)
            self.display.answered(self.fragments[self.written])
            self.written += 1

    def _write(self, answer: Processed) -> None:
        frames, digest = self._asked[self.written]
        pcm = fit(answer.audio or b"", frames, self.channels)
        self.writer.add(pcm, answer.transcript or "", answer.translated_text or "", answer.utterances)
        if self.journal is not None:
            report = self.fragments[self.written]
            entry = Entry(number=self.written, digest=digest, written=self.writer.written, report=report)
            self.journal.add(self.language, entry)

    async def finish(self, tail: Tail) -> None:
        """Write what was left when the last fragment was answered.

        Raises:
            CommandError: it cannot be written.
        """
        pcm = fit(tail.audio or b"", len(tail.audio or b"") // 2 // self.channels, self.channels)
        self.tail_s = await trio.to_thread.run_sync(
            self.writer.add_tail, pcm, tail.transcript, tail.translated_text, tail.utterances
        )


def fit(audio: bytes, frames: int, channels: int) -> Pcm:
    """`audio`, int16 little endian, cut or filled with silence to `frames`; shape `(frames, channels)`.

    Our service needs no such help: this is for the dubs of others.
    """
    wanted = frames * channels
    samples = np.frombuffer(audio[: len(audio) // 2 * 2], dtype="<i2")[:wanted]
    filled = np.zeros(wanted, dtype=np.int16)
    filled[: len(samples)] = samples
    return filled.reshape(frames, channels)
