"""Writing: the dub and its subtitles grow side by side, and can be taken up again where they were."""

from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import attrs

from sts_actors.cli.errors import CommandError
from sts_actors.cli.media import Pcm
from sts_actors.cli.naming import OutputPaths
from sts_actors.cli.srt import cues, render
from sts_actors.cli.wav_file import BYTES_PER_SAMPLE, MAX_DATA_BYTES, WavFile
from sts_actors.client import Utterance

SHORTEST_CUE_MS = 1000
BRIEFEST_CUE_MS = 100
"""What is left of a cue whose time another one has taken."""


@attrs.frozen(kw_only=True)
class SubtitlesWritten:
    """How far a file of subtitles is: its length in bytes, its cues, and when the last of them ends."""

    size: int = 0
    cues: int = 0
    shown_until_ms: int = 0


@attrs.frozen(kw_only=True)
class Written:
    """How far a dub is: samples of its sound, and its subtitles."""

    frames: int = 0
    source: SubtitlesWritten = SubtitlesWritten()
    target: SubtitlesWritten = SubtitlesWritten()


class DubWriter:
    """Takes fragments in order, into the partial files of `paths`; a context manager.

    They are readable at any moment, and left where they are: see `PartFolder`.

    Args:
        paths: its files.
        sample_rate_hz: of the sound, as are `channels`.
        written: what there is of them already, and stands; what was written after it is cut off.
        begin_ms: when the sound begins, by the clock of the subtitles.

    Raises:
        CommandError: a file cannot be written; from `__enter__`, before any work is done.
    """

    def __init__(
        self,
        paths: OutputPaths,
        *,
        sample_rate_hz: int,
        channels: int,
        written: Written | None = None,
        begin_ms: int = 0,
    ) -> None:
        self.paths = paths
        self.written = written or Written()
        self._rate_hz = sample_rate_hz
        self._channels = channels
        self._begin_ms = begin_ms
        self._files = ExitStack()

    @property
    def seconds(self) -> float:
        """How much of the dub is written."""
        return self.written.frames / self._rate_hz

    def __enter__(self) -> Self:
        partial = self.paths.partial
        try:
            with ExitStack() as files:
                self._wav = files.enter_context(
                    closing(
                        WavFile(
                            partial.wav,
                            sample_rate_hz=self._rate_hz,
                            channels=self._channels,
                            frames=self.written.frames,
                        )
                    )
                )
                self._source: BinaryIO | None = None
                if partial.source_srt is not None:
                    self._source = files.enter_context(_subtitles(partial.source_srt, self.written.source))
                self._target = files.enter_context(_subtitles(partial.target_srt, self.written.target))
                self._files = files.pop_all()
        except OSError as error:
            raise unwritable(error, self.paths.dub) from None
        return self

    def add(
        self, pcm: Pcm, transcript: str, translated_text: str, utterances: Sequence[Utterance] = ()
    ) -> None:
        """Append a fragment's dub, shape `(frames, channels)`, and its texts.

        The texts stand where the `utterances` were said, or else for as long as the fragment.

        Raises:
            CommandError: the disk is full, or the dub is too long for a WAV file.
        """
        self._add(pcm, transcript, translated_text, utterances, shown_ms=0)

    def add_tail(
        self, pcm: Pcm, transcript: str, translated_text: str, utterances: Sequence[Utterance] = ()
    ) -> float:
        """Append what is left after the last fragment; how long it sounds, in seconds.

        Texts of unknown time stand for `SHORTEST_CUE_MS` at least, even where there is nothing to hear.

        Raises:
            CommandError: as `add`.
        """
        self._add(pcm, transcript, translated_text, utterances, shown_ms=SHORTEST_CUE_MS)
        return len(pcm) / self._rate_hz

    def _add(
        self,
        pcm: Pcm,
        transcript: str,
        translated_text: str,
        utterances: Sequence[Utterance],
        *,
        shown_ms: int,
    ) -> None:
        before = self.written.frames
        if (before + len(pcm)) * self._channels * BYTES_PER_SAMPLE > MAX_DATA_BYTES:
            raise CommandError(f"{self.paths.wav} would pass the 4 GiB of a WAV file: dub the input in parts")
        begin_ms = self._begin_ms + before * 1000 // self._rate_hz
        end_ms = max(self._begin_ms + (before + len(pcm)) * 1000 // self._rate_hz, begin_ms + shown_ms)
        try:
            self._wav.append(pcm)
            source, target = self.written.source, self.written.target
            spans = [(begin_ms + round(each.start_ms), begin_ms + round(each.end_ms)) for each in utterances]
            said = [each.transcript for each in utterances] or [transcript]
            spoken = [each.translated_text for each in utterances] or [translated_text]
            for span, its_source, its_target in zip(spans or [(begin_ms, end_ms)], said, spoken, strict=True):
                if self._source is not None:
                    source = _append(self._source, source, its_source, span)
                target = _append(self._target, target, its_target, span)
        except OSError as error:
            raise unwritable(error, self.paths.dub) from None
        self.written = Written(frames=before + len(pcm), source=source, target=target)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._files.close()


def _subtitles(path: Path, written: SubtitlesWritten) -> BinaryIO:
    file = path.open("r+b" if written.size else "wb")
    if file.seek(0, 2) < written.size:
        file.close()
        raise OSError(f"{path} has lost its end")
    file.truncate(written.size)
    file.seek(written.size)
    return file


def _append(file: BinaryIO, written: SubtitlesWritten, text: str, span: tuple[int, int]) -> SubtitlesWritten:
    # In order and one after the other, whatever times a service gives.
    begin_ms = max(span[0], written.shown_until_ms)
    end_ms = max(span[1], begin_ms + BRIEFEST_CUE_MS)
    laid = cues(text, begin_ms, end_ms)
    if not laid:
        return written
    data = render(written.cues + 1, laid).encode()
    file.write(data)
    file.flush()
    return SubtitlesWritten(
        size=written.size + len(data), cues=written.cues + len(laid), shown_until_ms=end_ms
    )


def unwritable(error: OSError, path: Path) -> CommandError:
    """What to say of a file that cannot be written."""
    return CommandError(f"cannot write {path}: {error.strerror or error}; give another OUTPUT")
