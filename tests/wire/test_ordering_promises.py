"""Fragments, results and waits in any order; the promises of `Ordering`, told otherwise than it works."""

from collections import deque
from math import inf

import attrs
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from sts_actors.wire.ordering import Kind, Ordering

START_HOLD_S, HOLE_HOLD_S = 0.5, 2.0
UNANSWERED, WINDOW, WINDOW_BYTES = 12, 4, 10


@attrs.define(eq=False)
class Sent:
    key: int
    number: int
    digest: bytes
    kind: Kind
    arrived: float
    latest: float
    result: object = None
    lasting: bool = True
    size: int = 0
    emitted: bool = False

    @property
    def in_line(self):
        return self.kind is Kind.NEW and not self.emitted


class Orders(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.now = 0.0
        self.ended = False
        self.sent = {}
        self.passed = -1
        """The highest number that was answered in its place."""
        self.memory = deque()

    @initialize()
    def open(self):
        self.ordering = Ordering(
            start_hold_s=START_HOLD_S,
            hole_hold_s=HOLE_HOLD_S,
            unanswered=UNANSWERED,
            window=WINDOW,
            window_bytes=WINDOW_BYTES,
        )

    def unanswered(self):
        return [sent for sent in self.sent.values() if not sent.emitted]

    def in_work(self):
        return [s for s in self.unanswered() if s.kind is not Kind.REPEAT and s.result is None]

    @rule(
        number=st.integers(0, 9),
        ahead=st.booleans(),
        digest=st.sampled_from([b"a", b"a", b"b"]),
        patience=st.sampled_from([inf, inf, inf, 0.3, 3.0]),
    )
    def arrive(self, number, ahead, digest, patience):
        if ahead:
            number = max(self.passed, 0) + number // 2
        first = [s for s in self.unanswered() if s.kind is not Kind.REPEAT and s.lasting]
        same = [s for s in first if (s.number, s.digest) == (number, digest)]
        pending = [s for s in self.unanswered() if s.in_line]
        latest = self.now + patience
        admission = self.ordering.arrived(number, digest, self.now, latest=latest)
        if len(self.unanswered()) >= UNANSWERED:
            assert (admission.kind, admission.key) == (Kind.CROWDED, None)
            return
        assert admission.key not in self.sent
        remembered = (number, digest) in [(s.number, s.digest) for s in self.memory]
        assert (admission.kind is Kind.REPEAT) == (bool(same) or remembered)
        self.sent[admission.key] = Sent(admission.key, number, digest, admission.kind, self.now, latest)
        if admission.kind in {Kind.NEW, Kind.LATE}:
            above = [s.arrived for s in pending if s.number > number]
            hole = self.passed >= 0 or len(above) < len(pending)
            skipped = any(self.ended or (hole and self.now >= arrived + HOLE_HOLD_S) for arrived in above)
            assert (admission.kind is Kind.LATE) == (number <= self.passed or skipped)
        self.look()

    @precondition(lambda self: self.in_work())
    @rule(data=st.data(), lasting=st.sampled_from([True, True, False]), size=st.integers(0, WINDOW_BYTES + 1))
    def finish(self, data, lasting, size):
        sent = data.draw(st.sampled_from(self.in_work()))
        self.finish_one(sent, lasting=lasting, size=size)

    def finish_one(self, sent, *, lasting=True, size=0):
        sent.result, sent.lasting, sent.size = object(), lasting, size
        self.ordering.finished(sent.key, sent, lasting=lasting, size=size)
        self.look()

    @rule(seconds=st.sampled_from([0.1, 0.4, 0.5, 1.0, 2.0]))
    def wait(self, seconds):
        until = self.now + seconds
        while (moment := self.ordering.wakes_at()) is not None and moment <= until:
            assert moment > self.now
            self.now = moment
            assert self.look(), "woken for nothing"
        self.now = until
        assert not self.look(), "became due without a wake"

    @precondition(lambda self: len(self.sent) > 20)
    @rule()
    def end(self):
        self.ordering.ended()
        self.ended = True
        self.look()

    def look(self):
        """Take what is due, and hold it against the promises."""
        due = self.ordering.due(self.now)
        for place, answer in enumerate(due):
            sent = self.sent[answer.key]
            assert not sent.emitted, "answered twice"
            sent.emitted = True
            first = answer.result
            assert (first.number, first.digest) == (sent.number, sent.digest)
            if sent.kind is not Kind.REPEAT:
                assert first is sent
                self.remember(sent)
            if sent.kind is Kind.NEW:
                self.check_order(sent, [self.sent[a.key] for a in due[place:]])
        self.check_holds()
        self.check_memory()
        return due

    def check_order(self, sent, rest):
        if sent.number < self.passed:
            assert sent.kind is Kind.LATE
        for lower in [s for s in self.unanswered() if s.in_line and s.number < sent.number]:
            assert lower.result is None
            assert any(s.latest <= self.now for s in rest), "overtaken without haste"
            lower.kind = Kind.LATE
        self.passed = max(self.passed, sent.number)

    def remember(self, sent):
        if sent.lasting and sent.size <= WINDOW_BYTES:
            self.memory.append(sent)
        while len(self.memory) > WINDOW or sum(s.size for s in self.memory) > WINDOW_BYTES:
            self.memory.popleft()

    def check_holds(self):
        """A finished result is held for a reason, and no longer than that reason allows."""
        in_line = [s for s in self.unanswered() if s.in_line]
        for held in [s for s in in_line if s.result is not None]:
            assert self.now < held.latest
            if any(s.result is None and s.number < held.number for s in in_line):
                continue
            assert not self.ended
            started = self.passed >= 0
            lowest = held.number == min(s.number for s in in_line)
            if lowest and not started:
                assert held.number > 1
                assert self.now < START_HOLD_S + min(s.arrived for s in self.sent.values())
            else:
                assert self.now < held.arrived + max(HOLE_HOLD_S, 0 if started else START_HOLD_S)
        others = [s for s in self.unanswered() if not s.in_line and s.kind is not Kind.REPEAT]
        assert all(s.result is None for s in others), "a retry or a late one is held"

    def check_memory(self):
        o = self.ordering
        assert o.unanswered == len(self.unanswered()) <= UNANSWERED
        assert o.remembered == len(self.memory) <= WINDOW
        assert o._remembered.size == sum(s.size for s in self.memory) <= WINDOW_BYTES
        assert max(len(o._placed), len(o._working), len(o._known)) <= UNANSWERED
        assert not o._at_once

    def teardown(self):
        if not hasattr(self, "ordering"):
            return
        self.end()
        while self.in_work():
            self.finish_one(self.in_work()[-1])
        assert not self.unanswered(), "never answered"
        assert self.ordering.wakes_at() is None
        assert not self.ordering._placed
        assert not self.ordering._known


Orders.TestCase.settings = settings(max_examples=200, stateful_step_count=50, deadline=None)
TestAnyOrder = Orders.TestCase
