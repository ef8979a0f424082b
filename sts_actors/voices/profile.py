"""What is known of a voice, and of all voices of a file at one moment."""

from collections.abc import Mapping
from pathlib import Path

import attrs

from sts_actors.engines.ports import VoiceReference


@attrs.frozen(kw_only=True)
class Clip:
    """A recording that has been read and found fit; `reference` is a mono copy of it, of the same rate."""

    reference: VoiceReference
    sample_rate_hz: int
    duration_s: float


@attrs.frozen(kw_only=True)
class VoiceProfile:
    """One voice. Either `reference_audio` or `voice` is set: a recording, or a built-in voice of the engine.

    `language` is a primary code (ISO 639-1, lower case). `clip` is what was read from `reference_audio`.
    """

    name: str
    language: str
    gender: str = ""
    description: str = ""
    reference_audio: Path | None = None
    voice: str | None = None
    clip: Clip | None = None


@attrs.frozen(kw_only=True)
class Voices:
    """All voices of one file at one moment: profiles by name, default voices by language."""

    source: Path | None = None
    profiles: Mapping[str, VoiceProfile] = attrs.field(factory=dict)
    defaults: Mapping[str, str] = attrs.field(factory=dict)

    @property
    def references(self) -> tuple[VoiceReference, ...]:
        """The recordings, for an engine to listen to before anybody speaks."""
        return tuple(its.clip.reference for its in self.profiles.values() if its.clip is not None)
