"""How Whisper is asked to decode, and what is taken for speech."""

import attrs


@attrs.frozen(kw_only=True)
class WhisperOptions:
    """The operator's choices.

    Args:
        beam_size: hypotheses followed at once; more is slower and a little better.
        vad: leave out what a voice detector hears no voice in.
        no_speech_threshold: probability of no speech above which a badly decoded window has none.
        logprob_threshold: mean log-probability of a token below which a window is badly decoded.
    """

    beam_size: int = 5
    vad: bool = True
    no_speech_threshold: float = 0.6
    logprob_threshold: float = -1.0
