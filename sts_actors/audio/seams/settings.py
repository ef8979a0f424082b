"""What the seam policy may be set to."""

import attrs


@attrs.frozen(kw_only=True)
class SeamSettings:
    """In seconds, unless the name says otherwise.

    Found with Whisper base (int8) on a read text, a telephone call of two and dialogues of short turns, a few
    minutes together; what a setting was found by stands with it.

    Args:
        guard_s: a word that ends closer to the fragment's end may be cut: it is decided with the next one.
        unsure_guard_s: the same for a word that is less probable than
        sure_probability: what follows a word tells what it was ("Ensure" at 0.58 and 0.68 was "In short").
        carry_s: never more than this is left undecided.
        context_s: how much of what has been decided is heard again before what has not. Of the telephone call
            in 6-s fragments 16 words of 100 were wrong, with 3, 4, 4.5 and 5 s 20, 17, 20 and 21; the read
            text had no error, with 4 s two. What is heard again is paid for.
        lead_s: heard before a word's start, which the recogniser places late rather than early.
        tail_s: a voice is heard so much longer than the word that it ends: asked what it said, a recogniser
            made "us." of it.
        rescue_gap_s: where more than this is left when a voice is heard after the last word, and
        rescue_voice_s: it is heard for longer than this, the recogniser has stopped too early: a full stop
            that is given can end a transcript, and a whole turn was lost so.
        lost_voice_s: more voice than this that no word was heard of, and that would not be carried either, is
            asked for once more.
        rescue_near_s: in what is asked for once more, the last word may be heard again up to so much later.
        voice_s: less voice than this, in all that is undecided, is none.
        doubt_voice_s: doubtful words in less voice than this are none ("I" at 0.03, and "Thank you very much"
            at an end); in more, they are heard once more.
        probability: the geometric mean of the new words' probabilities below which they are doubtful.
        hole_s: this much more voice from one word's end to the next one's than that takes hides others: short
            turns are left out so, most of all after a beginning without full stops. Of a dialogue in 6-s
            fragments, 23 words of 100 were wrong before this was looked for. In 26 minutes, what had been
            left out had 0.6 s and more, and 4,400 words at which nothing was missing up to 0.43 s.
        loop_words: this many words said twice in a row, the second time by the new ones, are doubtful.
    """

    guard_s: float = 0.4
    unsure_guard_s: float = 0.8
    sure_probability: float = 0.7
    carry_s: float = 2.0
    context_s: float = 3.5
    lead_s: float = 0.1
    tail_s: float = 0.5
    rescue_gap_s: float = 1.0
    rescue_voice_s: float = 0.6
    lost_voice_s: float = 0.25
    rescue_near_s: float = 0.3
    voice_s: float = 0.1
    doubt_voice_s: float = 0.4
    probability: float = 0.4
    hole_s: float = 0.5
    loop_words: int = 3
