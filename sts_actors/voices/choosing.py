"""Which voice a stream speaks with; pure."""

from collections.abc import Iterator

import attrs

from sts_actors.engines.ports import EngineInfo, VoiceReference
from sts_actors.errors import ErrorCode, ServiceError
from sts_actors.voices.profile import VoiceProfile, Voices

DEFAULT_VOICE_NAMES = frozenset({None, "", "default"})
NAMES_SHOWN = 20


@attrs.frozen
class ChosenVoice:
    """A built-in voice of the engine ("": its own choice), or with a `reference` the name of a profile."""

    voice: str
    reference: VoiceReference | None = None


def choose(name: str | None, language: str, voices: Voices, info: EngineInfo | None) -> ChosenVoice:
    """The voice for what a worker named, for a stream in `language` (a primary code).

    A profile wins over a built-in voice of the same name. What an engine that is not loaded yet can do
    (`info` is None) is believed.

    Raises:
        ServiceError: `INVALID_VOICE_PROFILE`, naming the voices there are.
    """
    if name in DEFAULT_VOICE_NAMES:
        name = voices.defaults.get(language)
        if name is None and info is not None and info.clones and not info.voices:
            raise _refused(f"{info.name} has no voice of its own", language, voices, info)
        if name is None:
            return ChosenVoice(info.default_voices.get(language, "") if info else "")
    profile = voices.profiles.get(name or "")
    if profile is None:
        if info is not None and name not in info.voices:
            raise _refused(f"there is no voice {name!r}", language, voices, info)
        return ChosenVoice(name or "")
    fault = None if info is None else _misfit(profile, info) or _foreign(profile, language, info)
    if fault and info is not None:
        raise _refused(fault, language, voices, info)
    if profile.clip is not None:
        return ChosenVoice(profile.name, profile.clip.reference)
    return ChosenVoice(profile.voice or "")


def fitting(language: str, voices: Voices, info: EngineInfo) -> tuple[str, ...]:
    """The voices for a language (a primary code): profiles that the engine can speak in, and its own."""
    profiles = (
        name
        for name, profile in voices.profiles.items()
        if not _misfit(profile, info) and not _foreign(profile, language, info)
    )
    builtin = (
        voice
        for voice, its in info.voices.items()
        # A profile of the same name stands before it, fitting or not.
        if its in {"", language} and voice not in voices.profiles
    )
    return tuple(sorted({*profiles, *builtin}))


def unservable(voices: Voices, info: EngineInfo) -> Iterator[str]:
    """What this engine can never do of a file of voices: a line each, with the remedy."""
    for profile in voices.profiles.values():
        fault = _misfit(profile, info)
        if fault:
            yield f"{voices.source}: {fault}; {_remedy(profile)}"
    for language, name in voices.defaults.items():
        foreign = _foreign(voices.profiles[name], language, info)
        if foreign:
            yield f"{voices.source}: {foreign}; name another default for {language}"


def _misfit(profile: VoiceProfile, info: EngineInfo) -> str:
    if profile.clip is not None and not info.clones:
        return f"the voice {profile.name!r} is a recording, and {info.name} does not speak in recorded voices"
    if profile.voice is not None and profile.voice not in info.voices:
        return f"the voice {profile.name!r} stands for {profile.voice!r}, which {info.name} does not have"
    return ""


def _foreign(profile: VoiceProfile, language: str, info: EngineInfo) -> str:
    if profile.language == language or info.clones:
        return ""
    return f"the voice {profile.name!r} speaks {profile.language}, not {language}"


def _remedy(profile: VoiceProfile) -> str:
    if profile.clip is not None:
        return "take it out, use `voice` with a built-in one, or run an engine that clones"
    return "name one that `sts-actors voices` lists"


def _refused(fault: str, language: str, voices: Voices, info: EngineInfo) -> ServiceError:
    there = fitting(language, voices, info)
    shown = ", ".join(there[:NAMES_SHOWN]) + (
        f" and {len(there) - NAMES_SHOWN} more" * (len(there) > NAMES_SHOWN)
    )
    return ServiceError(
        ErrorCode.INVALID_VOICE_PROFILE, f"{fault}; for {language} there is {shown or 'none'}"
    )
