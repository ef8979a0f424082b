"""The order of answers: results leave by the client's sequence numbers, and no number is worked on twice.

Pure: time is an argument (seconds, any monotonic clock), results are whatever the caller makes of them.
"""

from enum import StrEnum
from math import inf
from typing import Generic, TypeVar

import attrs

from sts_actors.wire.remembered import Remembered

R = TypeVar("R")

START_HOLD_S = 0.5
"""How long a stream whose lowest number is above 1 waits for a lower one, from its first fragment."""

HOLE_HOLD_S = 2.0
"""How long a missing number is waited for, from the arrival of the first fragment above it."""

UNANSWERED = 128
"""Arrivals that may be without an answer at once: those in flight, and refusals that wait for their turn."""

LAST_EAGER_START = 1
"""Numbering starts at 0 or 1: with one of them here, nothing lower is waited for."""


class Kind(StrEnum):
    """What an arriving fragment is, and so what to do with it."""

    NEW = "new"
    """Process it (or refuse it); its answer leaves in the place of its number."""

    REPEAT = "repeat"
    """The same number and bytes: do not process; the first one's result answers it too."""

    RETRY = "retry"
    """A known number with other bytes, or after a result that does not last: process, answered at once."""

    LATE = "late"
    """Its place is gone, skipped or too long ago to be remembered: process, answered at once."""

    CROWDED = "crowded"
    """Too many are unanswered; nothing was noted. Refuse it and answer it yourself; its number stays free."""


@attrs.frozen(kw_only=True)
class Admission:
    """What `arrived` decided. `key` names this arrival up to its answer; a crowded one has none."""

    kind: Kind
    key: int | None

    @property
    def wants_work(self) -> bool:
        """Whether `finished` must be called for this key."""
        return self.kind in {Kind.NEW, Kind.RETRY, Kind.LATE}


@attrs.frozen(kw_only=True)
class Due(Generic[R]):
    """A result that answers the arrival `key`; to be emitted now."""

    key: int
    number: int
    result: R


@attrs.define(kw_only=True, eq=False)
class _Fragment(Generic[R]):
    """One that is worked on, or finished and held."""

    key: int
    number: int
    digest: bytes
    arrived: float
    latest: float
    repeats: list[int] = attrs.field(factory=list)
    done: tuple[R, int, bool] | None = None


class Ordering(Generic[R]):
    """Admits fragments, and releases their results in order.

    The caller tells `arrived` of each fragment and `finished` of each result; after every call, and at
    `wakes_at()`, it emits what `due` returns.

    - *Start.* The base is the lowest number seen before the first emission. 0 and 1 start at once; a
      higher one once `start_hold_s` have passed since the stream's first fragment.
    - *Holes.* A number missing below one that is here is waited for until `hole_hold_s` after the first
      fragment above it came, then skipped. A skipped number that comes after all is late.
    - *Order.* New fragments, refused ones included, are answered in the order of their numbers. Retries and
      late ones are answered as soon as they are finished, and repeats with or right after the first's answer.
    - *Haste.* A finished result is held for lower numbers until its `latest` at most; then it goes, and those
      before it that are unfinished are answered as late ones are.
    - *End.* After `ended()` nothing is held for holes, nor for a lower start.
    - *Memory.* At most `unanswered` arrivals wait for their answers. Of what was emitted, `window` results
      and `window_bytes` (sizes as the caller counts them) are remembered for repeats, oldest forgotten first.
    """

    def __init__(
        self,
        *,
        start_hold_s: float = START_HOLD_S,
        hole_hold_s: float = HOLE_HOLD_S,
        unanswered: int = UNANSWERED,
        window: int = 64,
        window_bytes: int = 16 * 2**20,
    ) -> None:
        self._start_hold_s = start_hold_s
        self._hole_hold_s = hole_hold_s
        self._unanswered_max = unanswered
        self._remembered: Remembered[R] = Remembered(fragments=window, size=window_bytes)
        self._keys = 0
        self._unanswered = 0
        self._first_arrival = inf
        self._next: int | None = None
        self._ended = False
        self._placed: dict[int, _Fragment[R]] = {}
        self._working: dict[int, _Fragment[R]] = {}
        self._known: dict[tuple[int, bytes], _Fragment[R]] = {}
        self._at_once: list[Due[R]] = []

    @property
    def unanswered(self) -> int:
        """Arrivals with a key that `due` has not returned."""
        return self._unanswered

    @property
    def remembered(self) -> int:
        """Emitted results kept for repeats."""
        return len(self._remembered)

    def arrived(self, number: int, digest: bytes, now: float, *, latest: float = inf) -> Admission:
        """Decide what a fragment is, as it is received.

        Args:
            number: the client's sequence number.
            digest: of the audio's bytes and whatever else decides the result.
            now: the moment of its receipt.
            latest: until when its finished result may be held for those before it.
        """
        if self._unanswered >= self._unanswered_max:
            return Admission(kind=Kind.CROWDED, key=None)
        key = self._keys
        self._keys += 1
        self._unanswered += 1
        self._first_arrival = min(self._first_arrival, now)
        if (first := self._known.get((number, digest))) is not None:
            first.repeats.append(key)
            return Admission(kind=Kind.REPEAT, key=key)
        if (result := self._remembered.get(number, digest)) is not None:
            self._at_once.append(Due(key=key, number=number, result=result[0]))
            return Admission(kind=Kind.REPEAT, key=key)
        kind = self._kind(number, now)
        fragment = _Fragment[R](key=key, number=number, digest=digest, arrived=now, latest=latest)
        self._working[key] = fragment
        self._known[number, digest] = fragment
        if kind is Kind.NEW:
            self._placed[number] = fragment
        return Admission(kind=kind, key=key)

    def _kind(self, number: int, now: float) -> Kind:
        if number in self._placed or number in self._remembered or self._is_worked_on(number):
            return Kind.RETRY
        return Kind.LATE if self._is_skipped(number, now) else Kind.NEW

    def _is_worked_on(self, number: int) -> bool:
        return any(fragment.number == number for fragment in self._working.values())

    def _is_skipped(self, number: int, now: float) -> bool:
        """Whether its place is gone. A hole's time runs out whether or not its turn has come.

        Otherwise one that comes late would hold those above it for its whole processing time.
        """
        if self._next is not None and number < self._next:
            return True
        above = [fragment.arrived for fragment in self._placed.values() if fragment.number > number]
        if not above:
            return False
        if self._ended:
            return True
        lower_start = self._next is None and len(above) == len(self._placed)
        return not lower_start and now >= min(above) + self._hole_hold_s

    def finished(self, key: int, result: R, *, size: int = 0, lasting: bool = True) -> None:
        """Take in the result, or the refusal, of an arrival that wanted work; in any order.

        Args:
            key: as `arrived` gave it.
            result: what answers it.
            size: what remembering it costs, in bytes.
            lasting: whether it is also the answer to the same bytes sent again. False for what is worth
                retrying: a repeat of those is processed anew.

        Raises:
            KeyError: the key wants no work, or is finished already.
        """
        fragment = self._working.pop(key)
        fragment.done = (result, size, lasting)
        if not lasting:
            del self._known[fragment.number, fragment.digest]
        if self._placed.get(fragment.number) is not fragment:
            self._at_once += self._emit(fragment, result, size, lasting=lasting)

    def ended(self) -> None:
        """The client sends nothing more: hold nothing for numbers that will not come."""
        self._ended = True

    def due(self, now: float) -> list[Due[R]]:
        """What may be emitted now, in this order; it is answered then."""
        out, self._at_once = self._at_once, []
        in_haste = max((f.number for f in self._held() if f.latest <= now), default=-1)
        while self._placed:
            head = self._placed[min(self._placed)]
            hasty = head.number <= in_haste
            if head.done is None:
                if not hasty:
                    break
            elif hasty or now >= self._opens_at(head):
                result, size, lasting = head.done
                out += self._emit(head, result, size, lasting=lasting)
            else:
                break
            del self._placed[head.number]
            self._next = head.number + 1
        self._unanswered -= len(out)
        return out

    def wakes_at(self) -> float | None:
        """When something becomes due by time alone; None where only a call can change that.

        After `due(now)` it is later than `now`.
        """
        moments = [fragment.latest for fragment in self._held()]
        if self._placed:
            head = self._placed[min(self._placed)]
            if head.done is not None:
                moments.append(self._opens_at(head))
        moment = min(moments, default=inf)
        return None if moment == inf else moment

    def _held(self) -> list[_Fragment[R]]:
        return [fragment for fragment in self._placed.values() if fragment.done is not None]

    def _opens_at(self, head: _Fragment[R]) -> float:
        """When nothing lower is waited for any more before the lowest number here."""
        if self._ended or head.number == self._next:
            return -inf
        if self._next is None:
            return -inf if head.number <= LAST_EAGER_START else self._first_arrival + self._start_hold_s
        return min(fragment.arrived for fragment in self._placed.values()) + self._hole_hold_s

    def _emit(self, fragment: _Fragment[R], result: R, size: int, *, lasting: bool) -> list[Due[R]]:
        if lasting:
            del self._known[fragment.number, fragment.digest]
            self._remembered.add(fragment.number, fragment.digest, result, size)
        keys = [fragment.key, *fragment.repeats]
        return [Due(key=key, number=fragment.number, result=result) for key in keys]
