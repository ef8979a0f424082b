"""What a stream's actors ask, and how they are to do it."""

from collections.abc import Mapping

import attrs

from sts_actors.actors.compute import Compute, in_thread
from sts_actors.actors.stage import StageLimits
from sts_actors.actors.voicing import Voicing
from sts_actors.audio.speech_rate import DurationModel
from sts_actors.engines.ports import (
    Asker,
    RecogniseRequest,
    Recognition,
    SynthesisedAudio,
    SynthesiseRequest,
    TranslatedText,
    TranslateRequest,
)

UNLIMITED = StageLimits()


@attrs.frozen(kw_only=True)
class Collaborators:
    """What a stream's actors ask, and how long each stage may take."""

    recogniser: Asker[RecogniseRequest, Recognition]
    translator: Asker[TranslateRequest, TranslatedText]
    synthesiser: Asker[SynthesiseRequest, SynthesisedAudio]
    voicing: Voicing
    voicing_by_language: Mapping[str, Voicing] = attrs.field(factory=dict)
    """Of the target languages that are not spoken like the first one."""
    durations: DurationModel = attrs.field(factory=DurationModel)
    """How fast voices are, learnt by all streams together."""
    original: bool = False
    """Where a dub fails, the original is the answer."""
    asr_limits: StageLimits = UNLIMITED
    translation_limits: StageLimits = UNLIMITED
    tts_limits: StageLimits = UNLIMITED
    compute: Compute = in_thread
