"""What was heard against what was said, word by word."""

from collections.abc import Iterator, Sequence
from enum import StrEnum

import attrs
from rapidfuzz.distance import Levenshtein


class Kind(StrEnum):
    """What became of a word; the three errors, and none."""

    RIGHT = "right"
    SUBSTITUTED = "substituted"
    LOST = "lost"
    INVENTED = "invented"


@attrs.frozen(kw_only=True)
class Step:
    """One step of an alignment: where it stands in the reference, and in what was heard.

    A lost word has a place in `heard` too, and an invented one in `reference`: that of the word after it.
    """

    kind: Kind
    reference: int
    heard: int


@attrs.frozen(kw_only=True)
class WordErrors:
    """How many words of a reference were heard wrongly, and how many were heard that were not said."""

    substituted: int
    lost: int
    invented: int
    reference_words: int

    @property
    def total(self) -> int:
        """All errors."""
        return self.substituted + self.lost + self.invented

    @property
    def rate(self) -> float:
        """The word error rate: errors by words of the reference, 0.02 for 2 %.

        Without a reference it is 0 where nothing was heard, else 1: all of it was invented.
        """
        if not self.reference_words:
            return float(self.invented > 0)
        return self.total / self.reference_words


def compare(reference: Sequence[str], heard: Sequence[str]) -> WordErrors:
    """The fewest errors that turn `reference` into `heard`; both as `words_of` gives them."""
    counted = dict.fromkeys(Kind, 0)
    for step in align(reference, heard):
        counted[step.kind] += 1
    return WordErrors(
        substituted=counted[Kind.SUBSTITUTED],
        lost=counted[Kind.LOST],
        invented=counted[Kind.INVENTED],
        reference_words=len(reference),
    )


def align(reference: Sequence[str], heard: Sequence[str]) -> list[Step]:
    """How `reference` became `heard`, in order: each word of either stands in exactly one step."""
    return list(_steps(reference, heard))


def _steps(reference: Sequence[str], heard: Sequence[str]) -> Iterator[Step]:
    # Words are compared by hash in there; numbers cannot collide.
    numbers: dict[str, int] = {}
    said, taken = ([numbers.setdefault(word, len(numbers)) for word in words] for words in (reference, heard))
    for step in Levenshtein.opcodes(said, taken):
        first, heard_first = step.src_start, step.dest_start
        match step.tag:
            case "delete":
                for index in range(first, step.src_end):
                    yield Step(kind=Kind.LOST, reference=index, heard=heard_first)
            case "insert":
                for index in range(heard_first, step.dest_end):
                    yield Step(kind=Kind.INVENTED, reference=first, heard=index)
            case tag:
                kind = Kind.RIGHT if tag == "equal" else Kind.SUBSTITUTED
                for index in range(step.src_end - first):
                    yield Step(kind=kind, reference=first + index, heard=heard_first + index)
