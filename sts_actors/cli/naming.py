"""Names: what a dub's files are called, and where they grow until all of it is there."""

from collections.abc import Sequence
from pathlib import Path

import attrs

from sts_actors.cli.errors import CommandError

PICTURE_SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".webm")
"""The containers that a dub with its picture is written in."""

TAKES_ALL = ".mkv"
"""What a picture out of any other container goes into."""


@attrs.frozen(kw_only=True)
class OutputPaths:
    """The files of a dub in one language: the sound, and the subtitles of both languages beside it.

    `source_srt` is None where the dub in another language has it already. `part` is the folder in which they
    grow; where there is a picture, the sound stays there and becomes a track of `video`.
    """

    wav: Path
    source_srt: Path | None
    target_srt: Path
    part: Path
    video: Path | None = None

    @property
    def partial(self) -> "OutputPaths":
        """The same files while they are being written."""
        return attrs.evolve(
            self,
            wav=self.part / self.wav.name,
            source_srt=self.source_srt and self.part / self.source_srt.name,
            target_srt=self.part / self.target_srt.name,
            video=self.video and self.part / self.video.name,
        )

    @property
    def dub(self) -> Path:
        """What the dub is heard from."""
        return self.video or self.wav

    def all(self) -> tuple[Path, ...]:
        """Each of the files that are there in the end; the dub comes last."""
        source = () if self.source_srt is None else (self.source_srt,)
        return *source, self.target_srt, self.dub


def outputs_by_language(
    source: Path,
    wanted: Path | None,
    *,
    source_language: str,
    target_languages: Sequence[str],
    picture: bool = False,
) -> tuple[OutputPaths, ...]:
    """Where a dub goes, for each of its languages.

    `talk.mp3` gives `talk.pt.wav`, `talk.en.srt`, `talk.pt.srt`, and `talk.es.wav` and so on. A file with a
    picture gives one file with a track for each language: `match.pt.mp4`, `match.pt.es.mp4`. `wanted` may
    name another file or a folder; `mine.wav` gives `mine.pt.wav` and `mine.es.wav` where there are several.

    Raises:
        CommandError: `wanted` is no name for this kind of dub, or a file would be written over the input.
    """
    if source_language in target_languages:
        raise CommandError(f"--from and --to are both {source_language}: there is nothing to translate")
    video = _video(source, wanted, target_languages, picture=picture)
    if video is not None:
        stem = _without(video.stem, target_languages)
        wavs = [video.with_name(f"{stem}.{language}.wav") for language in target_languages]
    else:
        wavs = [_wav(source, wanted, language, target_languages) for language in target_languages]
    dubs = wavs if video is None else [video]
    for dub in dubs:
        if dub.exists() and source.exists() and dub.samefile(source):
            raise CommandError(f"the dub would be written over {source}: give it another name")
    part = dubs[0].with_name(f"{dubs[0].name}.part")
    paths: list[OutputPaths] = []
    for wav, language in zip(wavs, target_languages, strict=True):
        stem = wav.stem.removesuffix(f".{language}")
        paths.append(
            OutputPaths(
                wav=wav,
                source_srt=None if paths else wav.with_name(f"{stem}.{source_language}.srt"),
                target_srt=wav.with_name(f"{stem}.{language}.srt"),
                part=part,
                video=video,
            )
        )
    return tuple(paths)


def _video(source: Path, wanted: Path | None, languages: Sequence[str], *, picture: bool) -> Path | None:
    if wanted is not None and not wanted.is_dir():
        suffix = wanted.suffix.lower()
        if suffix not in PICTURE_SUFFIXES:
            return None
        if not picture:
            raise CommandError(f"{source} has no picture: name the dub {wanted.with_suffix('.wav')}")
        return wanted
    if not picture:
        return None
    suffix = source.suffix if source.suffix.lower() in PICTURE_SUFFIXES else TAKES_ALL
    name = ".".join((source.stem, *languages)) + suffix
    return source.with_name(name) if wanted is None else wanted / name


def _wav(source: Path, wanted: Path | None, language: str, languages: Sequence[str]) -> Path:
    name = f"{source.stem}.{language}.wav"
    if wanted is None:
        wav = source.with_name(name)
    elif wanted.is_dir():
        wav = wanted / name
    elif len(languages) > 1:
        wav = wanted.with_name(f"{_without(wanted.stem, languages)}.{language}{wanted.suffix}")
    else:
        wav = wanted
    if wav.suffix.lower() != ".wav":
        raise CommandError(
            f"the dub is written as WAV: name it {wav.with_suffix('.wav')}; "
            f"with a picture, as one of {' '.join(PICTURE_SUFFIXES)}"
        )
    return wav


def _without(stem: str, languages: Sequence[str]) -> str:
    for language in reversed(languages):
        stem = stem.removesuffix(f".{language}")
    return stem
