"""The languages of a `stream:init`, and whose voice speaks each."""

import re

import attrs

from sts_actors.errors import ErrorCode, ServiceError
from sts_actors.messages import primary_language
from sts_actors.wire.fields import Payload, text

MAX_TARGETS = 10
MAX_VOICE_CHARACTERS = 128

_LANGUAGE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*")
_BAD = ErrorCode.INVALID_CONFIG


@attrs.frozen(kw_only=True)
class Voices:
    """`voice_profile`: one voice for all languages, or a voice by language."""

    voice: str | None = None
    by_language: dict[str, str] = attrs.field(factory=dict)


def language(fields: Payload, name: str) -> str:
    """A language as a normalised tag.

    Raises:
        ServiceError: `UNSUPPORTED_LANGUAGE`, naming the field.
    """
    return _tag(fields.get(name), name)


def targets(fields: Payload) -> tuple[str, ...]:
    """The target languages, normalised; `target_language`, where there is one, comes first.

    Raises:
        ServiceError: `UNSUPPORTED_LANGUAGE` or `INVALID_CONFIG`, naming the field.
    """
    named = fields.get("target_languages")
    if named is None:
        return (language(fields, "target_language"),)
    if not isinstance(named, list) or not 1 <= len(named) <= MAX_TARGETS:
        raise ServiceError(_BAD, f"target_languages must be a list of 1 to {MAX_TARGETS} languages")
    tags = tuple(_tag(each, "each of target_languages") for each in named)
    if len(set(tags)) < len(tags):
        raise ServiceError(_BAD, "target_languages must not name a language twice")
    if fields.get("target_language") is None:
        return tags
    first = language(fields, "target_language")
    if first not in tags:
        raise ServiceError(_BAD, f"target_language {first} must be among target_languages")
    return (first, *(tag for tag in tags if tag != first))


def voices(fields: Payload, targets_: tuple[str, ...]) -> Voices:
    """Who is to speak; a voice for `pt` is taken for `pt-br` where there is none for that.

    Raises:
        ServiceError: `INVALID_CONFIG`, naming the field.
    """
    told = fields.get("voice_profile")
    if not isinstance(told, dict):
        return Voices(voice=text(fields, "voice_profile", limit=MAX_VOICE_CHARACTERS, code=_BAD) or None)
    named: dict[str, str | None] = {}
    for key in told:
        if not isinstance(key, str) or not _LANGUAGE.fullmatch(key):
            raise ServiceError(_BAD, "voice_profile must be a voice, or an object of voices by language code")
        tag = _normal(key)
        if tag in named:
            raise ServiceError(_BAD, f"voice_profile names {tag} twice")
        named[tag] = _voice(told[key], tag)
    primary = {primary_language(target) for target in targets_}
    strange = [tag for tag in named if tag not in targets_ and tag not in primary]
    if strange:
        raise ServiceError(_BAD, f"voice_profile has a voice for {strange[0]}, which is no target language")
    chosen = {target: named.get(target) or named.get(primary_language(target)) for target in targets_}
    return Voices(by_language={target: voice for target, voice in chosen.items() if voice})


def _voice(value: object, tag: str) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > MAX_VOICE_CHARACTERS or not value.isprintable():
        raise ServiceError(
            _BAD,
            f"voice_profile: the voice for {tag} must be a text of at most {MAX_VOICE_CHARACTERS} "
            "printable characters",
        )
    return value


def _tag(value: object, name: str) -> str:
    if not isinstance(value, str) or not _LANGUAGE.fullmatch(value):
        raise ServiceError(
            ErrorCode.UNSUPPORTED_LANGUAGE, f"{name} must be a language code such as en or pt-BR"
        )
    return _normal(value)


def _normal(code: str) -> str:
    return code.replace("_", "-").lower()
