"""What the journal knows of one stream. Pure."""

from collections import deque
from collections.abc import Callable
from sys import getsizeof

import attrs

from sts_actors.errors import ServiceError
from sts_actors.journal.fragments import FragmentEntry
from sts_actors.journal.shelf import Shelf
from sts_actors.journal.sound import Sound
from sts_actors.messages import (
    Fragment,
    FragmentHeader,
    Result,
    Samples,
    Speech,
    StreamConfig,
    Transcript,
    Translation,
)
from sts_actors.wire.session_states import State
from sts_actors.witness import StreamWitness, Work

FRAGMENTS = 40
"""Kept of one stream, the newest."""
NOTES = 20
"""Restarts, and refusals, that are kept of one stream."""
NOTE_CHARACTERS = 300

_ENDS = frozenset({State.COMPLETE.value, State.FAILED.value})

Key = tuple[int, int, str]
"""A stream's number, a fragment's index, and the target language; "" for what was said."""


@attrs.frozen(kw_only=True)
class Shelves:
    """What all streams have together."""

    audio: Shelf[Key, Sound]
    texts: Shelf[Key, str]


@attrs.frozen(kw_only=True)
class RestartNote:
    """An actor was started anew."""

    at: float
    actor: str
    cause: str


@attrs.frozen(kw_only=True)
class RefusalNote:
    """The worker was told an error."""

    at: float
    code: str
    message: str
    fragment_id: str | None


class StreamEntry(StreamWitness):
    """One stream, as it is told of. `number` is the journal's own; times are the journal's clock's."""

    def __init__(
        self,
        session_id: str,
        config: StreamConfig,
        *,
        worker_id: str,
        number: int,
        shelves: Shelves,
        now: Callable[[], float],
        on_closed: Callable[["StreamEntry"], None],
    ) -> None:
        self.session_id = session_id
        self.stream_id = config.stream_id
        self.worker_id = worker_id
        self.source_language = config.source_language
        self.targets = config.targets
        self.seam = config.seam.value
        self.max_inflight = config.max_inflight
        self.number = number
        self.opened = now()
        self.ended: float | None = None
        self.state = State.OPENING.value
        self.level = "low"
        self.outcomes = {"success": 0, "partial": 0, "failed": 0}
        self.restarts = 0
        self.restart_notes: deque[RestartNote] = deque(maxlen=NOTES)
        self.refusal_notes: deque[RefusalNote] = deque(maxlen=NOTES)
        self._shelves = shelves
        self._now = now
        self._on_closed = on_closed
        self._fragments: dict[int, FragmentEntry] = {}
        self._unanswered: dict[int, set[str]] = {}
        self._lags: dict[str, int] = {}

    # -- what is known ---------------------------------------------------------------------------------------

    @property
    def in_flight(self) -> int:
        """Fragments that were taken and are not answered in all languages."""
        return len(self._unanswered)

    @property
    def lag_ms(self) -> int:
        """How late its dubs are, in the language that is latest."""
        return max(self._lags.values(), default=0)

    @property
    def age_s(self) -> float:
        """How long it has been open, or was."""
        return (self._now() if self.ended is None else self.ended) - self.opened

    @property
    def fragments(self) -> tuple[FragmentEntry, ...]:
        """The latest `FRAGMENTS`, oldest first."""
        return tuple(self._fragments[index] for index in sorted(self._fragments))

    def transcript(self, index: int) -> str | None:
        """What was recognised in a fragment; None where nothing was, or it is kept no longer."""
        return self._shelves.texts.get((self.number, index, ""))

    def translation(self, index: int, language: str) -> str | None:
        """The same in another language."""
        return self._shelves.texts.get((self.number, index, language)) if language else None

    def source(self, index: int) -> Sound | None:
        """A fragment's own sound, while it is kept."""
        return self._shelves.audio.get((self.number, index, ""))

    def dub(self, index: int, language: str) -> Sound | None:
        """What a fragment was answered with, while it is kept."""
        return self._shelves.audio.get((self.number, index, language)) if language else None

    # -- what it is told -------------------------------------------------------------------------------------

    def stands(self, state: str) -> None:
        """See `StreamWitness`."""
        self.state = str(state)

    def pressed(self, level: str) -> None:
        """See `StreamWitness`."""
        self.level = level

    def admitted(self, header: FragmentHeader) -> None:
        """See `StreamWitness`."""
        if self._entry(header) is not None:
            self._unanswered[header.index] = set(self.targets)

    def refused(self, error: ServiceError, fragment_id: str | None) -> None:
        """See `StreamWitness`."""
        self.refusal_notes.append(
            RefusalNote(
                at=self._now(),
                code=error.code.value,
                message=error.message[:NOTE_CHARACTERS],
                fragment_id=fragment_id,
            )
        )

    def worked(self, work: Work) -> None:
        """See `StreamWitness`."""
        entry = self._entry(work.header)
        if entry is None:
            return
        entry.worked(work)
        index, product = work.header.index, work.product
        if isinstance(product, Fragment):
            self._keep_sound((self.number, index, ""), product.pcm, product.sample_rate_hz)
        elif isinstance(product, Transcript):
            self._keep_text((self.number, index, ""), product.text)
        elif isinstance(product, Translation):
            self._keep_text((self.number, index, work.language), product.text)

    def answered(self, result: Result, elapsed_s: float) -> None:
        """See `StreamWitness`."""
        del elapsed_s  # of a repeat it is the repeat's
        if self.ended is not None:
            return
        language = result.target_language
        now = self._now()
        self.outcomes[result.outcome] += 1
        if isinstance(result, Speech):
            self._lags[language] = result.lag_ms
        index = result.header.index
        waiting = self._unanswered.get(index, set())
        waiting.discard(language)
        if not waiting:
            self._unanswered.pop(index, None)
        entry = self._entry(result.header)
        if entry is None or not entry.answered(language, result, now):
            return
        if isinstance(result, Speech):
            self._keep_sound((self.number, index, language), result.pcm, result.sample_rate_hz)

    def restarted(self, actor: str, cause: BaseException | None) -> None:
        """See `StreamWitness`."""
        self.restarts += 1
        # Its class alone: a message may hold anything, and the log has it.
        told = "" if cause is None else type(cause).__name__
        self.restart_notes.append(RestartNote(at=self._now(), actor=actor, cause=told))

    def closed(self) -> None:
        """See `StreamWitness`."""
        if self.ended is None:
            self.ended = self._now()
            if self.state not in _ENDS:
                # Its worker has gone in the middle, or was refused what it asked for.
                self.state = State.CLOSED.value
            self._on_closed(self)

    def forget(self) -> None:
        """Give back the room of all that is kept of it."""
        for index in list(self._fragments):
            self._drop(index)

    # -- bookkeeping -----------------------------------------------------------------------------------------

    def _entry(self, header: FragmentHeader) -> FragmentEntry | None:
        """What is known of a fragment; None for one too old, for what has no place, and after the end."""
        index = header.index
        if self.ended is not None or index < 0:
            return None
        entry = self._fragments.get(index)
        if entry is None:
            if len(self._fragments) >= FRAGMENTS:
                oldest = min(self._fragments)
                if index < oldest:
                    return None
                self._drop(oldest)
            entry = self._fragments[index] = FragmentEntry(header=header)
        return entry

    def _drop(self, index: int) -> None:
        del self._fragments[index]
        for language in ("", *self.targets):
            self._shelves.audio.drop((self.number, index, language))
            self._shelves.texts.drop((self.number, index, language))

    def _keep_sound(self, key: Key, pcm: Samples, sample_rate_hz: int) -> None:
        sound = Sound(pcm=pcm, sample_rate_hz=sample_rate_hz)
        self._shelves.audio.put(key, sound, sound.size)

    def _keep_text(self, key: Key, text: str) -> None:
        self._shelves.texts.put(key, text, getsizeof(text))
