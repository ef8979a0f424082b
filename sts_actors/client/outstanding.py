"""Which answers are still to come: one for each fragment and target language. No I/O."""

from collections.abc import Sequence

ANY = ""
"""The only part of a fragment in a stream with one target language, whatever its answers call that."""


def parts(languages: Sequence[str]) -> frozenset[str]:
    """What a fragment's answers are told apart by: its languages, where the stream has several."""
    return frozenset(languages) if len(languages) > 1 else frozenset({ANY})


def covered(languages: Sequence[str], language: str | None) -> frozenset[str]:
    """Which parts of its fragment an answer settles; one that names no language, as of a refusal: all."""
    all_of_it = parts(languages)
    return all_of_it & {language} if language and ANY not in all_of_it else all_of_it


class Outstanding:
    """The fragments that were sent and are not answered in all the stream's `languages`."""

    def __init__(self, languages: Sequence[str]) -> None:
        self._languages = languages
        self._open: dict[str, list[set[str]]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._open.values()))

    def add(self, fragment_id: str) -> None:
        """A fragment is sent; the same id may come again."""
        self._open.setdefault(fragment_id, []).append(set(parts(self._languages)))

    def withdraw(self, fragment_id: str) -> None:
        """The last one of this id was not sent after all."""
        sendings = self._open.get(fragment_id, [])
        self._close(fragment_id, sendings[-1:])

    def settle(self, fragment_id: str, language: str | None) -> None:
        """An answer has come; of several with one id, the first that waits for it has it."""
        settled = covered(self._languages, language)
        for waiting in self._open.get(fragment_id, []):
            if waiting & settled:
                waiting.difference_update(settled)
                self._close(fragment_id, [] if waiting else [waiting])
                return

    def _close(self, fragment_id: str, over: list[set[str]]) -> None:
        left = [waiting for waiting in self._open.get(fragment_id, []) if all(waiting is not o for o in over)]
        if left:
            self._open[fragment_id] = left
        else:
            self._open.pop(fragment_id, None)
