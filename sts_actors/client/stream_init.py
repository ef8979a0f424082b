"""What a worker asks of a stream."""

from collections.abc import Mapping
from typing import Any

import attrs

FORMAT = "pcm_s16le"


@attrs.frozen(kw_only=True)
class StreamInit:
    """What to ask for: the contract's fields of `stream:init`; None leaves the choice to the server.

    The audio is raw PCM, 16 bits little endian, `channels` interleaved.

    Attributes:
        target_languages: all of them, 1 to 10, where there are several; `target_language` among them.
        voice_profile: a voice, or voices by language.
        seam: `carry` or `fixed`: what is done with words that a fragment's end cuts.
        bed: the original underneath: `duck`, `none`, or an object `{mode, level_db, ramp_ms}`.
        verify: the share of fragments whose dub is listened to again, 0 … 1.
        resume: whether the stream shall survive its connection, where the client dials again
            (`open_client(reconnect=…)`) and the server knows how.
    """

    source_language: str
    target_language: str
    sample_rate_hz: int
    channels: int = 1
    chunk_duration_ms: int = 6000
    target_languages: tuple[str, ...] | None = None
    voice_profile: str | Mapping[str, str] | None = None
    seam: str | None = None
    bed: str | Mapping[str, Any] | None = None
    verify: float | None = None
    max_inflight: int | None = None
    timeout_ms: int | None = None
    formality: str | None = None
    domain_hints: tuple[str, ...] | None = attrs.field(default=None, repr=False)
    stream_id: str | None = None
    worker_id: str | None = None
    resume: bool = True

    def payload(self, *, resume: bool = False) -> dict[str, Any]:
        """As it goes over the wire, flat; `resume`: whether the client can."""
        asked = attrs.asdict(self, recurse=False)
        asked["resume"] = True if self.resume and resume else None
        return {"format": FORMAT, **{name: value for name, value in asked.items() if value is not None}}
