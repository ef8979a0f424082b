"""Adding a voice to a file of voices: its shape, and all in it that is not ours, stay. Blocking."""

import json
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from sts_actors.errors import ConfigError
from sts_actors.voices.reading import fault_lines, read_bytes
from sts_actors.voices.shapes import (
    DEFAULTS,
    MAX_FILE_BYTES,
    MAX_VOICES,
    RECORDING_KEYS,
    Fault,
    Shape,
    ShapeError,
    entries,
    faults_of,
    load_document,
)


@attrs.define
class Edit:
    """A file of voices that is to get a voice; where it is not there yet, in the nested shape."""

    path: Path
    document: dict[str, Any]
    shape: Shape

    @property
    def names(self) -> list[str]:
        """The voices that are in it."""
        return list(entries(self.document, self.shape))

    def check(self, name: str, fields: Mapping[str, str], *, replace: bool) -> None:
        """Refuse what could not be added.

        Raises:
            ConfigError: the name is taken, or not one; a field is not fit; the file is full.
        """
        faults = [Fault(name, wrong) for wrong in faults_of(name, {**fields, "voice": "any"})]
        if self.shape is Shape.FLAT and (name == DEFAULTS or name[:1] in {"_", "$"}):
            faults.append(Fault(name, "not a name in this shape of file; take another"))
        if name in self.names and not replace:
            faults.append(Fault(name, "is there already; take another name, or --replace it"))
        if name not in self.names and len(self.names) >= MAX_VOICES:
            faults.append(Fault(name, f"is one too many; at most {MAX_VOICES} are taken"))
        if faults:
            raise ConfigError(*fault_lines(self.path, faults))

    def add(self, name: str, fields: Mapping[str, str], wav: bytes) -> Path:
        """Write the recording beside the file, then the file with the voice in it; each appears whole.

        Raises:
            ConfigError: the file would be too long.
            OSError: something cannot be written; the file is as it was.
        """
        voices = self.document["voices"] if self.shape is Shape.NESTED else self.document
        before = voices.get(name)
        foreign = before.items() if isinstance(before, dict) else ()
        kept = {key: value for key, value in foreign if key not in {"voice", *RECORDING_KEYS}}
        recording = self._place(name, before)
        key = "speaker_wav" if self.shape is Shape.NESTED else "reference_audio"
        voices[name] = {**kept, **fields, key: recording.name}
        data = json.dumps(self.document, indent=2, ensure_ascii=False).encode() + b"\n"
        if len(data) > MAX_FILE_BYTES:
            raise ConfigError(f"{self.path}: would be longer than {MAX_FILE_BYTES} bytes; split it")
        write_whole(recording, wav)
        write_whole(self.path, data)
        return recording

    def _place(self, name: str, before: object) -> Path:
        """Beside the file, named after the voice; no other file is overwritten but the voice's own."""
        stem = re.sub(r"[^\w-]+", "_", name)
        own = {before.get(key) for key in RECORDING_KEYS} if isinstance(before, dict) else set()
        number, place = 1, self.path.with_name(f"{stem}.wav")
        while place.exists() and place.name not in own:
            number += 1
            place = self.path.with_name(f"{stem}-{number}.wav")
        return place


def open_edit(path: Path) -> Edit:
    """The file as it is.

    Raises:
        ConfigError: it is there and is no file of voices.
    """
    # A link stays one: what is written is the file that it leads to.
    real = path.resolve()
    if not real.exists():
        return Edit(real, {"voices": {}}, Shape.NESTED)
    try:
        return Edit(real, *load_document(read_bytes(real)))
    except ShapeError as error:
        raise ConfigError(f"{path}: {error}") from None


def write_whole(path: Path, data: bytes) -> None:
    """Put a file in its place at once: a reader sees the old one or the new one, with the old one's mode."""
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
    descriptor, partial = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(descriptor, mode)
            os.fsync(descriptor)
        Path(partial).replace(path)
    except BaseException:
        Path(partial).unlink(missing_ok=True)
        raise
