"""What the containers take that a dub goes into with its picture, and how it is called there."""

from pathlib import Path

import attrs

from sts_actors.cli.picture.languages import iso_639_2


@attrs.frozen(kw_only=True)
class Kind:
    """A kind of container: FFmpeg's names of it and of the codecs for what is added.

    `bibliographic`: which of the two sets of ISO 639-2 it names languages by.
    """

    format: str
    audio: str = "aac"
    subtitles: str
    bibliographic: bool = False

    def language(self, tag: str) -> str:
        """A language as it stands in a track."""
        return iso_639_2(tag, bibliographic=self.bibliographic)


_MP4 = Kind(format="mp4", subtitles="mov_text")
_KINDS = {
    ".mp4": _MP4,
    ".m4v": _MP4,
    ".mov": Kind(format="mov", subtitles="mov_text"),
    ".mkv": Kind(format="matroska", subtitles="subrip", bibliographic=True),
    ".webm": Kind(format="webm", audio="libopus", subtitles="webvtt", bibliographic=True),
}


def kind_of(path: Path) -> Kind:
    """The kind that a name promises: one of `PICTURE_SUFFIXES`."""
    return _KINDS[path.suffix.lower()]
