"""How a stream is spoken in one language."""

import attrs

from sts_actors.audio.fit import FitPolicy
from sts_actors.engines.ports import VoiceReference


@attrs.frozen(kw_only=True)
class Voicing:
    """Voice, the span of the engine's speed knob, the duration rule.

    With a `reference` the voice is that of a recording.
    """

    voice: str
    engine: str = ""
    """What speaks: each has its own pace in a voice of one name."""
    reference: VoiceReference | None = None
    speed_range: tuple[float, float]
    policy: FitPolicy
