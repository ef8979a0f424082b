"""What the seam policy may be set to."""

import attrs


@attrs.frozen(kw_only=True)
class SeamSettings:
    """In seconds, unless the name says otherwise.

    Args:
        guard_s: a word that ends closer to the fragment's end may be cut: it is decided with the next one.
        carry_s: never more than this is left undecided.
        context_s: how much of what has been decided is heard again before what has not.
        lead_s: heard before a word's start, which the recogniser places late rather than early.
        rescue_gap_s: where more than this follows the last word, and
        rescue_voice_s: more than this of it is voice, the recogniser has stopped too early: a full stop
            that is given can end a transcript, and a whole turn was lost so.
        voice_s: less voice than this, in all that is undecided, is none.
        probability: the geometric mean of the new words' probabilities below which they are doubtful.
        loop_words: this many words said twice in a row, the second time by the new ones, are doubtful.
    """

    guard_s: float = 0.4
    carry_s: float = 2.0
    context_s: float = 6.0
    lead_s: float = 0.1
    rescue_gap_s: float = 1.0
    rescue_voice_s: float = 0.6
    voice_s: float = 0.1
    probability: float = 0.4
    loop_words: int = 3
