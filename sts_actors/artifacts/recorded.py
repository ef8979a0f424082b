"""A recorded stream, read back. Blocking."""

import json
from pathlib import Path
from typing import Any

import attrs

from sts_actors.artifacts.layout import FILE, STREAM_FILE, VERSION
from sts_actors.errors import ConfigError


@attrs.frozen(kw_only=True)
class RecordedAnswer:
    """What became of a fragment then; `target_language` is empty in a stream with a single one."""

    target_language: str = ""
    status: str
    transcript: str = attrs.field(repr=False)
    translation: str = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class RecordedFragment:
    """One fragment: what was sent, at which second from the stream's start, and what became of it."""

    fragment_id: str
    sequence_number: int
    at_s: float
    label: dict[str, Any]
    audio: bytes = attrs.field(repr=False)
    answers: tuple[RecordedAnswer, ...]


@attrs.frozen(kw_only=True)
class RecordedStream:
    """What a worker asked for, as a flat `stream:init`, and its fragments in the order they came."""

    init: dict[str, Any]
    fragments: tuple[RecordedFragment, ...] = attrs.field(repr=False)


def read_recorded(folder: Path) -> RecordedStream:
    """Read the folder of one stream; fragments whose audio was not kept are left out.

    Raises:
        ConfigError: it is no such folder, or something in it is broken: one line with the file's name.
    """
    told = _read_json(folder / STREAM_FILE)
    version = told.get("version")
    if version != VERSION:
        raise ConfigError(f"{folder / STREAM_FILE} is of version {version!r}, this program reads {VERSION}")
    by_stem: dict[str, list[Path]] = {}
    # The first language's answer has the shortest name.
    for path in sorted(folder.iterdir(), key=lambda path: (len(path.name), path.name)):
        named = FILE.fullmatch(path.name)
        if named is not None and named["answer"]:
            by_stem.setdefault(named["stem"], []).append(path)
    found = (_fragment(by_stem[stem]) for stem in sorted(by_stem))
    fragments = tuple(fragment for fragment in found if fragment is not None)
    if not fragments:
        raise ConfigError(f"{folder} holds no fragment that could be sent")
    return RecordedStream(init=_init(folder / STREAM_FILE, told), fragments=fragments)


def _init(path: Path, told: dict[str, Any]) -> dict[str, Any]:
    label = _field(path, told, "label", dict)
    further, bed = told.get("further_targets"), told.get("bed")
    asked = {
        "source_language": _field(path, told, "source_language", str),
        "target_language": _field(path, told, "target_language", str),
        "chunk_duration_ms": told.get("chunk_duration_ms"),
        "max_inflight": told.get("max_inflight"),
        "timeout_ms": told.get("timeout_ms"),
        "target_languages": [told["target_language"], *further] if further else None,
        "voice_profile": told.get("voice") or told.get("voice_by_language") or None,
        "seam": told.get("seam"),
        "bed": {"mode": "duck", **bed} if isinstance(bed, dict) else "none",
        "verify": told.get("verify"),
        "formality": told.get("formality"),
        "domain_hints": told.get("domain_hints"),
        **_label(label),
    }
    return {name: value for name, value in asked.items() if value is not None}


def _fragment(paths: list[Path]) -> RecordedFragment | None:
    """From the files of its answers; None where none of them knows its audio."""
    path, told = paths[0], _read_json(paths[0])
    name = told.get("in")
    if name is None:
        return None
    # Only a plain name of our pattern: the JSON might have been sent by somebody.
    if not isinstance(name, str) or not FILE.fullmatch(name):
        raise ConfigError(f"{path}: in={name!r} is no name of an audio file")
    try:
        audio = (path.parent / name).read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read {path.parent / name}: {error.strerror}") from None
    return RecordedFragment(
        fragment_id=_field(path, told, "fragment_id", str),
        sequence_number=_field(path, told, "sequence_number", int),
        at_s=float(_field(path, told, "at_s", (int, float))),
        label=_label(_field(path, told, "label", dict)),
        audio=audio,
        answers=(_answer(path, told), *(_answer(other, _read_json(other)) for other in paths[1:])),
    )


def _answer(path: Path, told: dict[str, Any]) -> RecordedAnswer:
    return RecordedAnswer(
        target_language=str(told.get("target_language", "")),
        status=_field(path, told, "status", str),
        transcript=str(told.get("transcript", "")),
        translation=str(told.get("translation", "")),
    )


def _label(label: dict[str, Any]) -> dict[str, Any]:
    return {
        "format": label.get("container"),
        "sample_rate": label.get("sample_rate_hz"),
        "channels": label.get("channels"),
    }


def _read_json(path: Path) -> dict[str, Any]:
    try:
        told = json.loads(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}; is it the folder of a stream?") from None
    except ValueError as error:
        raise ConfigError(f"{path} is not valid JSON: {error}") from None
    if not isinstance(told, dict):
        raise ConfigError(f"{path} holds no object")
    return told


def _field(path: Path, told: dict[str, Any], name: str, kind: type | tuple[type, ...]) -> Any:
    value = told.get(name)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ConfigError(f"{path}: {name}={value!r} is not what it should be")
    return value
