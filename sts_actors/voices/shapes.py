"""The two shapes of a file of voices, read alike; pure.

Flat: each key is a voice, `{"ana": {"language": "es", "gender": "female", "reference_audio": "ana.wav"}}`.
Nested: the voices stand under `voices`, with `speaker_wav` for the recording. Both may name a default voice
for a language under `default_voice_per_language`, and a voice may be a built-in one of the engine, named by
`voice`. Unknown keys are ignored; in the flat shape those that begin with `_` or `$` are no voices.
"""

import json
import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

import attrs

from sts_actors.messages import primary_language
from sts_actors.voices.profile import VoiceProfile, Voices

MAX_FILE_BYTES = 1024 * 1024
MAX_VOICES = 1000
MAX_NAME_CHARACTERS = 128
"""As much as `stream:init` may name."""
MAX_TEXT_CHARACTERS = 1000

DEFAULTS = "default_voice_per_language"
RECORDING_KEYS = ("reference_audio", "speaker_wav")
NOT_A_NAME = frozenset({"", "default"})
"""What a worker says that names no voice."""

_ENTRY_KEYS = frozenset({"language", "voice", *RECORDING_KEYS})
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*")
_SHAPES = 'write {"NAME": {…}} or {"voices": {"NAME": {…}}}'


class Shape(StrEnum):
    """How a file is laid out."""

    FLAT = "flat"
    NESTED = "nested"


class ShapeError(Exception):
    """The file as a whole is none of voices; the message is a line without the file's name."""


@attrs.frozen
class Fault:
    """What is wrong with one voice, or with a default where `voice` is ""; with the remedy."""

    voice: str
    message: str


@attrs.frozen(kw_only=True)
class Parsed:
    """The voices that are fit so far, and the faults of the others."""

    voices: Voices
    faults: tuple[Fault, ...] = ()


def load_document(data: bytes) -> tuple[dict[str, Any], Shape]:
    """A file's JSON and the shape that it has.

    Raises:
        ShapeError: it is no JSON object of either shape, is too long, or says a key twice.
    """
    if len(data) > MAX_FILE_BYTES:
        raise ShapeError(f"longer than {MAX_FILE_BYTES} bytes; split it")
    try:
        document = json.loads(data, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise ShapeError(f"no valid JSON ({error}); mend it, or restore a copy") from None
    if not isinstance(document, dict):
        raise ShapeError(f"of no known shape: the outermost value is no object; {_SHAPES}")
    voices = document.get("voices")
    if voices is None:
        return document, Shape.FLAT
    if not isinstance(voices, dict):
        raise ShapeError(f"of no known shape: `voices` is no object; {_SHAPES}")
    # In a flat file somebody may well be called "voices".
    is_entry = any(isinstance(voices.get(key), str) for key in _ENTRY_KEYS)
    return document, Shape.FLAT if is_entry else Shape.NESTED


def entries(document: Mapping[str, Any], shape: Shape) -> dict[str, Any]:
    """What stands for each voice, by name."""
    if shape is Shape.NESTED:
        return dict(document["voices"])
    return {
        name: entry for name, entry in document.items() if name != DEFAULTS and name[:1] not in {"_", "$"}
    }


def parse_voices(data: bytes, source: Path) -> Parsed:
    """The voices of a file, before any recording is looked at; its paths are relative to its folder.

    Raises:
        ShapeError: the file as a whole cannot be read.
    """
    document, shape = load_document(data)
    its = entries(document, shape)
    if len(its) > MAX_VOICES:
        raise ShapeError(f"a file of {len(its)} voices; at most {MAX_VOICES} are taken")
    profiles: dict[str, VoiceProfile] = {}
    faults: list[Fault] = []
    for name, entry in its.items():
        wrong = list(faults_of(name, entry))
        if wrong:
            faults += [Fault(name, message) for message in wrong]
        else:
            profiles[name] = _profile(name, entry, source.parent)
    defaults, wrong_defaults = _defaults(document.get(DEFAULTS), its)
    return Parsed(
        voices=Voices(source=source, profiles=profiles, defaults=defaults),
        faults=(*faults, *wrong_defaults),
    )


def faults_of(name: str, entry: object) -> Iterator[str]:
    """Each thing that is wrong with an entry, with its remedy."""
    if name.strip() in NOT_A_NAME or name != name.strip() or not name.isprintable():
        yield 'not a name that a worker can say; use letters and digits, and not "default"'
    elif len(name) > MAX_NAME_CHARACTERS:
        yield f"a name of {len(name)} characters; at most {MAX_NAME_CHARACTERS} are taken"
    if not isinstance(entry, dict):
        yield 'no object; write {"language": "es", "reference_audio": "FILE"}'
        return
    for key in ("language", "gender", "description", "voice", *RECORDING_KEYS):
        value = entry.get(key)
        if value is not None and (not isinstance(value, str) or len(value) > MAX_TEXT_CHARACTERS):
            yield f"`{key}` is no text of at most {MAX_TEXT_CHARACTERS} characters; correct it"
            return
    language = entry.get("language")
    if language is None:
        yield '`language` is missing; name one, such as "es"'
    elif not is_language(language):
        yield f"{language!r} is no language code; write one such as es or pt-BR"
    sources = [key for key in (*RECORDING_KEYS, "voice") if entry.get(key)]
    if not sources:
        yield "has neither a recording nor a built-in voice; set `reference_audio` or `voice`"
    elif len({entry[key] for key in sources}) > 1 or {"voice"} < set(sources):
        yield f"has {' and '.join(f'`{key}`' for key in sources)}; keep one of them"


def is_language(code: str) -> bool:
    """Whether it is a language code as `stream:init` takes them."""
    return _LANGUAGE.fullmatch(code) is not None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    its = dict(pairs)
    if len(its) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        # The decoder would keep the last one and say nothing.
        raise ValueError(f"the key {twice!r} stands twice")
    return its


def _profile(name: str, entry: Mapping[str, Any], folder: Path) -> VoiceProfile:
    recording = next((entry[key] for key in RECORDING_KEYS if entry.get(key)), None)
    return VoiceProfile(
        name=name,
        language=primary_language(entry["language"]),
        gender=entry.get("gender") or "",
        description=entry.get("description") or "",
        reference_audio=None if recording is None else folder / recording,
        voice=entry.get("voice") or None,
    )


def _defaults(listed: object, its: Mapping[str, Any]) -> tuple[dict[str, str], list[Fault]]:
    if listed is None:
        return {}, []
    if not isinstance(listed, dict):
        return {}, [Fault("", f'`{DEFAULTS}` is no object; write {{"es": "NAME"}}')]
    defaults: dict[str, str] = {}
    faults: list[Fault] = []
    for code, name in listed.items():
        language = primary_language(code)
        if not is_language(code):
            faults.append(Fault("", f"{code!r} is no language code; write one such as es or pt-BR"))
        elif not isinstance(name, str) or name not in its:
            faults.append(
                Fault("", f"the default for {code} is {name!r}, which is no voice; add it or name another")
            )
        elif defaults.setdefault(language, name) != name:
            faults.append(Fault("", f"there are two defaults for {language}; keep one of them"))
    return defaults, faults
