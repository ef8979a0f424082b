"""A file of voices with all its recordings, read and checked. Blocking."""

from collections.abc import Iterable
from pathlib import Path

import attrs

from sts_actors.errors import ConfigError
from sts_actors.voices.clips import ClipError, keep_clip, read_clip
from sts_actors.voices.profile import Clip, VoiceProfile, Voices
from sts_actors.voices.shapes import MAX_FILE_BYTES, Fault, Parsed, ShapeError, parse_voices

MAX_FAULTS = 50
"""More are counted, not told."""


def read_voices(path: Path, keep: Path) -> Voices:
    """The voices of the file at `path`, each recording copied into the folder `keep`.

    The copies are what engines are given: mono WAV of 16 bits, named by content, so a recording that is
    overwritten never changes a voice in use.

    Raises:
        ConfigError: all faults of the file and its recordings at once; each line names the file, the voice,
            the fault and the remedy.
    """
    parsed = read_entries(path)
    faults = list(parsed.faults)
    profiles: dict[str, VoiceProfile] = {}
    known: dict[Path, Clip | str] = {}
    for name, profile in parsed.voices.profiles.items():
        where = profile.reference_audio
        if where is None:
            profiles[name] = profile
            continue
        if where not in known:
            known[where] = _clip(where, keep)
        clip = known[where]
        if isinstance(clip, str):
            faults.append(Fault(name, clip))
        else:
            profiles[name] = attrs.evolve(profile, clip=clip)
    if faults:
        raise ConfigError(*fault_lines(path, faults))
    return attrs.evolve(parsed.voices, profiles=profiles)


def read_entries(path: Path) -> Parsed:
    """What the file itself says, no recording looked at.

    Raises:
        ConfigError: it cannot be read, or is no file of voices.
    """
    try:
        return parse_voices(read_bytes(path), path)
    except ShapeError as error:
        raise ConfigError(f"{path}: {error}") from None


def read_bytes(path: Path) -> bytes:
    """The file's bytes, one more than are taken at the most.

    Raises:
        ConfigError: it is not there or cannot be read.
    """
    remedy = "correct VOICE_PROFILES_PATH, or make it with `sts-actors voices add`"
    try:
        if not path.is_file():
            raise ConfigError(f"{path}: there is no such file of voices; {remedy}")
        with path.open("rb") as file:
            return file.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        told = getattr(error, "strerror", None) or error
        raise ConfigError(f"{path}: cannot be read: {told}; {remedy}") from None


def fault_lines(path: Path, faults: Iterable[Fault]) -> list[str]:
    """One line for each fault, up to `MAX_FAULTS`."""
    lines = [
        f"{path}: voice {fault.voice!r}: {fault.message}" if fault.voice else f"{path}: {fault.message}"
        for fault in faults
    ]
    more = len(lines) - MAX_FAULTS
    if more > 0:
        lines = [*lines[:MAX_FAULTS], f"{path}: {more} more faults; mend these first"]
    # A line of a log or a terminal is one line, whatever a file's name holds.
    return ["".join(c if c.isprintable() else "?" for c in line) for line in lines]


def _clip(path: Path, keep: Path) -> Clip | str:
    try:
        return keep_clip(*read_clip(path), keep)
    except ClipError as error:
        return str(error)
    except OSError as error:
        return f"cannot be copied to {keep}: {error.strerror}; make room there, or set TMPDIR"
