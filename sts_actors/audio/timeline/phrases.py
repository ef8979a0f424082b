"""From recognised words to the phrases that are dubbed one by one."""

from collections.abc import Iterable

import attrs

from sts_actors.messages import Word

PAUSE_S = 0.3
"""A gap between words that a listener hears as a pause."""
LONGEST_S = 8.0
"""Nobody speaks longer in one breath; a longer phrase could not be kept beside its source."""
_SENTENCE_ENDS = frozenset(".?!…\u3002\uff1f\uff01\uff61\u061f\u0964")
_CLOSERS = "\"')]”»\u2019\u300d\u300f"
_ABBREVIATIONS = frozenset({"dr.", "mr.", "mrs.", "ms.", "prof.", "sr.", "jr.", "st.", "vs."})


@attrs.frozen(kw_only=True)
class Phrase:
    """Words that are dubbed together; `start` and `end` in samples since the stream's start.

    Raises:
        ValueError: not 0 ≤ start ≤ end.
    """

    start: int
    end: int
    text: str = ""

    def __attrs_post_init__(self) -> None:
        if not 0 <= self.start <= self.end:
            raise ValueError(f"no phrase goes from sample {self.start} to {self.end}")


def phrases(
    words: Iterable[Word],
    sample_rate_hz: int,
    *,
    pause_s: float = PAUSE_S,
    longest_s: float = LONGEST_S,
    after: int = 0,
) -> list[Phrase]:
    """Cut `words`, in order and timed in seconds since the stream's start, into phrases.

    A phrase ends where a sentence does, before a pause of at least `pause_s`, and before the word that
    would make it longer than `longest_s`. Recognisers let words overlap and run backwards a little; phrases
    do not: each begins where the one before has ended, at the earliest, and the first at `after`: the end of
    the last phrase of the fragment before.
    """
    found: list[Phrase] = []
    for group in grouped(words, pause_s=pause_s, longest_s=longest_s):
        start = max(round(group[0].start_s * sample_rate_hz), found[-1].end if found else after)
        end = max(round(max(word.end_s for word in group) * sample_rate_hz), start)
        found.append(Phrase(start=start, end=end, text=joined([word.text for word in group])))
    return found


def grouped(
    words: Iterable[Word], *, pause_s: float = PAUSE_S, longest_s: float = LONGEST_S
) -> list[list[Word]]:
    """`words` by the phrase that each belongs to, without the empty ones; see `phrases`."""
    groups: list[list[Word]] = []
    for word in words:
        if not word.text.strip():
            continue
        if (
            not groups
            or word.start_s - groups[-1][-1].end_s >= pause_s
            or word.end_s - groups[-1][0].start_s > longest_s
            or ends_sentence(groups[-1][-1].text, word.text)
        ):
            groups.append([])
        groups[-1].append(word)
    return groups


def joined(texts: Iterable[str]) -> str:
    """Words as a text: with spaces between them, but for Chinese and Japanese, which have none."""
    text = ""
    for word in texts:
        stripped = word.strip()
        if text and stripped and not (_spaceless(text[-1]) or _spaceless(stripped[0])):
            text += " "
        text += stripped
    return text


def _spaceless(character: str) -> bool:
    return (
        "\u3000" <= character <= "\u30ff"
        or "\u3400" <= character <= "\u9fff"
        or "\uff00" <= character <= "\uffef"
    )


def ends_sentence(text: str, following: str = "") -> bool:
    """Whether a sentence ends with the word `text`, as far as that and the `following` word tell."""
    bare = text.strip().rstrip(_CLOSERS)
    if not bare or bare[-1] not in _SENTENCE_ENDS or following.strip()[:1].islower():
        return False
    # "J. Smith", "the U.S. Senate": a full stop after one capital is an initial far more often than an end.
    initial = bare[-1] == "." and bare[-2:-1].isupper() and not bare[-3:-2].isalpha()
    return not initial and bare.lower() not in _ABBREVIATIONS
