"""Writing: the dub and its subtitles grow side by side under `.partial` names until all of it is there."""

import wave
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

import attrs

from sts_actors.cli.errors import CommandError, Kept
from sts_actors.cli.media import Pcm
from sts_actors.cli.plain import clock
from sts_actors.cli.srt import cues, render
from sts_actors.client import Utterance

BYTES_PER_SAMPLE = 2
SHORTEST_CUE_MS = 1000
BRIEFEST_CUE_MS = 100
"""What is left of a cue whose time another one has taken."""
MAX_DATA_BYTES = 2**32 - 1024
"""A WAV file counts its bytes in 32 bits."""


@attrs.frozen(kw_only=True)
class OutputPaths:
    """The files of a dub in one language: the sound, and the subtitles of both languages beside it.

    `source_srt` is None where the dub in another language has it already.
    """

    wav: Path
    source_srt: Path | None
    target_srt: Path

    @property
    def partial(self) -> "OutputPaths":
        """The same files while they are being written."""
        return attrs.evolve(
            self,
            wav=_partial(self.wav),
            source_srt=self.source_srt and _partial(self.source_srt),
            target_srt=_partial(self.target_srt),
        )

    def all(self) -> tuple[Path, ...]:
        """Each of them."""
        source = () if self.source_srt is None else (self.source_srt,)
        return self.wav, *source, self.target_srt


def output_paths(
    source: Path, wanted: Path | None, *, source_language: str, target_language: str
) -> OutputPaths:
    """Where a dub goes: `talk.mp3` gives `talk.pt.wav`, `talk.en.srt` and `talk.pt.srt`.

    `wanted` may name another WAV file or a folder.

    Raises:
        CommandError: `wanted` is no WAV name, or a file would be written over the input.
    """
    name = f"{source.stem}.{target_language}.wav"
    if wanted is None:
        wav = source.with_name(name)
    elif wanted.is_dir():
        wav = wanted / name
    else:
        wav = wanted
    if wav.suffix.lower() != ".wav":
        raise CommandError(f"the dub is written as WAV: name it {wav.with_suffix('.wav')}")
    if wav.exists() and source.exists() and wav.samefile(source):
        raise CommandError(f"the dub would be written over {source}: give it another name")
    if source_language == target_language:
        raise CommandError(f"--from and --to are both {source_language}: there is nothing to translate")
    stem = wav.stem.removesuffix(f".{target_language}")
    return OutputPaths(
        wav=wav,
        source_srt=wav.with_name(f"{stem}.{source_language}.srt"),
        target_srt=wav.with_name(f"{stem}.{target_language}.srt"),
    )


def outputs_by_language(
    source: Path, wanted: Path | None, *, source_language: str, target_languages: Sequence[str]
) -> tuple[OutputPaths, ...]:
    """Where a dub into several languages goes: `talk.mp3` gives `talk.pt.wav`, `talk.es.wav` and so on.

    A WAV file that is `wanted`, `mine.wav`, gives `mine.pt.wav`, `mine.es.wav`. With a single language this
    is `output_paths`.

    Raises:
        CommandError: as `output_paths`.
    """
    if wanted is not None and len(target_languages) > 1 and not wanted.is_dir():
        stem = wanted.stem
        for language in target_languages:
            stem = stem.removesuffix(f".{language}")
        each: list[Path | None] = [
            wanted.with_name(f"{stem}.{language}{wanted.suffix}") for language in target_languages
        ]
    else:
        each = [wanted] * len(target_languages)
    paths = [
        output_paths(source, one, source_language=source_language, target_language=language)
        for one, language in zip(each, target_languages, strict=True)
    ]
    return paths[0], *(attrs.evolve(one, source_srt=None) for one in paths[1:])


class DubWriter:
    """Takes fragments in order; a context manager.

    Left in peace, it gives the files their names; left by an exception, it keeps what there is under
    the partial names, readable, or nothing where nothing came.

    Raises:
        CommandError: a file cannot be written; from `__enter__`, before any work is done.
    """

    def __init__(self, paths: OutputPaths, *, sample_rate_hz: int, channels: int) -> None:
        self.paths = paths
        self.frames = 0
        self._rate_hz = sample_rate_hz
        self._channels = channels
        self._files = ExitStack()
        self._numbers = {"source": 1, "target": 1}
        self._shown_until_ms = {"source": 0, "target": 0}

    @property
    def seconds(self) -> float:
        """How much of the dub is written."""
        return self.frames / self._rate_hz

    def __enter__(self) -> Self:
        partial = self.paths.partial
        try:
            self.paths.wav.parent.mkdir(parents=True, exist_ok=True)
            with ExitStack() as files:
                raw = files.enter_context(partial.wav.open("wb"))
                self._wav = files.enter_context(wave.open(raw, "wb"))
                self._wav.setnchannels(self._channels)
                self._wav.setsampwidth(BYTES_PER_SAMPLE)
                self._wav.setframerate(self._rate_hz)
                self._source: TextIO | None = None
                if partial.source_srt is not None:
                    self._source = files.enter_context(partial.source_srt.open("w", encoding="utf-8"))
                self._target: TextIO = files.enter_context(partial.target_srt.open("w", encoding="utf-8"))
                self._files = files.pop_all()
        except OSError as error:
            raise _unwritable(error, self.paths.wav) from None
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
        if (self.frames + len(pcm)) * self._channels * BYTES_PER_SAMPLE > MAX_DATA_BYTES:
            raise CommandError(f"{self.paths.wav} would pass the 4 GiB of a WAV file: dub the input in parts")
        begin_ms = self.frames * 1000 // self._rate_hz
        end_ms = max((self.frames + len(pcm)) * 1000 // self._rate_hz, begin_ms + shown_ms)
        try:
            # `writeframes` mends the header each time, so the file can be played at any moment.
            self._wav.writeframes(pcm.astype("<i2", copy=False).tobytes())
            self.frames += len(pcm)
            spans = [(begin_ms + round(each.start_ms), begin_ms + round(each.end_ms)) for each in utterances]
            said = [each.transcript for each in utterances] or [transcript]
            spoken = [each.translated_text for each in utterances] or [translated_text]
            for (start, end), source, target in zip(spans or [(begin_ms, end_ms)], said, spoken, strict=True):
                if self._source is not None:
                    self._append("source", self._source, source, start, end)
                self._append("target", self._target, target, start, end)
        except OSError as error:
            raise _unwritable(error, self.paths.wav) from None

    def _append(self, which: str, file: TextIO, text: str, begin_ms: int, end_ms: int) -> None:
        # In order and one after the other, whatever times a service gives.
        begin_ms = max(begin_ms, self._shown_until_ms[which])
        end_ms = max(end_ms, begin_ms + BRIEFEST_CUE_MS)
        laid = cues(text, begin_ms, end_ms)
        if laid:
            self._shown_until_ms[which] = end_ms
        file.write(render(self._numbers[which], laid))
        file.flush()
        self._numbers[which] += len(laid)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is not None and self.frames:
            error.add_note(Kept(f"partial output kept: {self.paths.partial.wav} ({clock(self.seconds)})"))
        try:
            self._files.close()
            for partial, final in zip(self.paths.partial.all(), self.paths.all(), strict=True):
                if kind is None:
                    partial.replace(final)
                elif not self.frames:
                    partial.unlink(missing_ok=True)
        except OSError as fault:
            # An error that is on its way says more than one from cleaning up after it.
            if error is None:
                raise _unwritable(fault, self.paths.wav) from None


def _partial(path: Path) -> Path:
    return path.with_name(f"{path.stem}.partial{path.suffix}")


def _unwritable(error: OSError, path: Path) -> CommandError:
    return CommandError(f"cannot write {path}: {error.strerror or error}; give another OUTPUT")
