"""A stream's bookkeeping over its connections, without any: against a model of the server and of the wire."""

from collections import Counter, deque

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from sts_actors.client.course import ANSWER_S, Course, Message, Phase
from sts_actors.client.incoming import Disconnected, Event, Reconnected
from sts_actors.client.resumption import Ledger, Sent

READY = {"stream_id": "s", "resume_token": "t", "resume_window_s": 120}
RESUMED = {"stream_id": "s", "session_id": "x", "max_inflight": 3, "unanswered": []}


def event(name, payload, connection=1):
    return Event(name=name, args=(payload,), connection=connection)


def result(fragment_id, number, connection=1, language=None):
    payload = {"fragment_id": fragment_id, "result_number": number, "target_language": language}
    return event("fragment:processed", payload, connection)


def opened(**ready):
    course = Course(1, resume=True)
    course.hear(event("stream:ready", {**READY, **ready}), 0.0)
    return course


def asking(at=0.0):
    course = opened()
    course.hear(Disconnected(reason="r", connection=1), at)
    course.hear(Reconnected(sid="x", connection=2), at)
    return course


# -- the ledger ---------------------------------------------------------------------------------------------


@given(st.lists(st.sampled_from("abc")), st.lists(st.sampled_from("abcd")), st.lists(st.sampled_from("abcd")))
def test_what_was_sent_is_answered_or_there_or_missing_and_only_one_of_the_three(sent, answered, there):
    ledger = Ledger()
    for name in sent:
        ledger.keep(name, {})
    for number, name in enumerate(answered, start=1):
        assert ledger.take(name, number)
    missing = [each.fragment_id for each in ledger.reconcile([(name, None) for name in there])]
    for name in "abcd":
        open_ones = max(sent.count(name) - answered.count(name), 0)
        assert missing.count(name) == max(open_ones - there.count(name), 0)
    assert [each.delivered for each in ledger.unanswered].count(False) == len(missing)


@given(st.lists(st.integers(1, 20)))
def test_a_result_is_new_exactly_when_its_number_is_above_all_before(numbers):
    ledger, highest = Ledger(), 0
    for number in numbers:
        assert ledger.take("f", number) == (number > highest)
        highest = max(highest, number)
        assert ledger.last_result_number == highest
    due = ledger.acknowledgement()
    assert due == (("f", highest) if numbers else None)
    ledger.acknowledged(highest)
    assert ledger.acknowledgement() is None


def test_of_two_tries_with_one_id_the_first_arrived_and_the_first_is_answered():
    ledger = Ledger()
    first, second = ledger.keep("f", {"try": 1}), ledger.keep("f", {"try": 2})
    assert ledger.reconcile([("f", None)]) == [second]
    assert (first.delivered, second.delivered) == (True, False)
    ledger.take("f", 1)
    assert ledger.unanswered == (second,)


def test_a_result_without_a_number_is_new_and_settles_its_fragment():
    ledger = Ledger()
    sent = ledger.keep("f", {})
    assert ledger.take("f", None)
    assert ledger.take("f", None)
    assert sent.delivered
    assert (ledger.unanswered, ledger.acknowledgement()) == ((), None)


def test_no_audio_is_shown():
    assert "secret" not in repr(Sent("f", {"audio": "secret"}))
    assert "secret" not in repr(Message("n", {"audio": "secret"}, 1, lambda _: None))


# -- the course ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "ready",
    [
        {"resume_token": None},
        {"resume_token": ""},
        {"resume_token": 7},
        {"resume_window_s": None},
        {"resume_window_s": "120"},
        {"resume_window_s": 0},
        {"resume_window_s": float("inf")},
        {"resume_window_s": float("nan")},
    ],
)
def test_without_a_good_token_or_a_window_the_stream_is_lost_with_its_connection(ready):
    course = opened(**ready)
    assert not course.resumable
    course.hear(Disconnected(reason="why", connection=1), 0.0)
    assert (course.phase, course.reason) == (Phase.LOST, "why")


def test_who_did_not_ask_takes_no_token():
    course = Course(1, resume=False)
    course.hear(event("stream:ready", READY), 0.0)
    assert not course.resumable


def test_only_the_first_ready_counts():
    course = opened()
    course.hear(event("stream:ready", {**READY, "resume_token": "another"}), 0.0)
    course.hear(Disconnected(reason="r", connection=1), 0.0)
    course.hear(Reconnected(sid="x", connection=2), 0.0)
    assert course.next_message().payload == {"resume_token": "t", "last_result_number": 0}
    course.hear(event("stream:ready", READY, 2), 0.0)
    assert course.phase is Phase.ASKING


def test_in_a_stream_that_cannot_be_resumed_every_result_is_read_whatever_its_number():
    course = opened(resume_token=None)
    assert [course.hear(result("f", number), 0.0) for number in (2, 1, 1)] == [True] * 3


def test_a_stream_is_lost_when_its_connection_is_before_it_is_ready():
    course = Course(1, resume=True)
    course.hear(Disconnected(reason="why", connection=1), 0.0)
    assert course.phase is Phase.LOST


@pytest.mark.parametrize(
    "payload",
    [
        None,
        {**RESUMED, "unanswered": None},
        {**RESUMED, "unanswered": ["f"]},
        {**RESUMED, "unanswered": [{"fragment_id": 1}]},
        {**RESUMED, "max_inflight": 0},
        {**RESUMED, "complete": "yes"},
        {**RESUMED, "lost_results": -1},
        {**RESUMED, "session_id": None},
    ],
)
def test_a_resumption_that_breaks_the_contract_loses_the_stream_and_is_not_read(payload):
    course = asking()
    assert not course.hear(event("stream:resumed", payload, 2), 0.0)
    assert course.phase is Phase.LOST
    assert course.reason.startswith("stream:resumed: ")


def test_a_resumption_that_nobody_asked_for_is_not_read():
    course = opened()
    assert not course.hear(event("stream:resumed", RESUMED), 0.0)
    assert course.phase is Phase.UP
    course = asking()
    assert course.hear(event("stream:resumed", RESUMED, 3), 0.0)  # of a connection that is not its own
    assert course.phase is Phase.ASKING


def test_the_window_runs_from_the_last_time_that_the_stream_was_up():
    course = asking(at=10.0)
    assert course.deadline == 130.0
    course.hear(Disconnected(reason="r", connection=2), 60.0)
    assert (course.phase, course.deadline) == (Phase.DOWN, 130.0)
    course.hear(Reconnected(sid="x", connection=3), 61.0)
    course.hear(event("stream:resumed", RESUMED, 3), 62.0)
    assert course.deadline == float("inf")
    course.hear(Disconnected(reason="r", connection=3), 70.0)
    assert course.deadline == 190.0


def test_a_question_asked_late_in_the_window_may_be_answered_a_little_after_it():
    course = asking(at=0.0)
    question = course.next_message()
    course.said(question, 119.0)
    assert course.deadline == 119.0 + ANSWER_S
    assert course.next_message() is None


def test_what_was_said_over_a_connection_that_has_gone_is_said_again_over_the_next():
    course = asking()
    question = course.next_message()
    course.hear(Disconnected(reason="r", connection=2), 1.0)
    course.said(question, 1.0)
    course.hear(Reconnected(sid="x", connection=3), 2.0)
    course.said(question, 2.0)
    again = course.next_message()
    assert (again.name, again.connection) == ("stream:resume_session", 3)


def test_a_stream_that_is_complete_is_not_resumed():
    course = opened()
    course.hear(result("f", 1), 0.0)
    course.hear(event("stream:complete", {}), 0.0)
    assert course.next_message() is None
    course.hear(Disconnected(reason="r", connection=1), 0.0)
    course.hear(Reconnected(sid="x", connection=2), 0.0)
    course.lose("too late")
    assert course.phase is Phase.COMPLETE


def test_nothing_is_sent_again_to_a_server_that_has_completed_the_stream():
    course = asking()
    course.ledger.keep("f", {})
    course.ending = True
    course.hear(event("stream:resumed", {**RESUMED, "complete": True}, 2), 0.0)
    assert (course.phase, course.next_message()) == (Phase.UP, None)


def test_the_end_is_sent_again_behind_the_fragments():
    course = opened()
    sent = [course.ledger.keep(name, {"fragment_id": name}) for name in "abc"]
    course.ending = True
    course.hear(Disconnected(reason="r", connection=1), 0.0)
    course.hear(Reconnected(sid="x", connection=2), 0.0)
    course.hear(event("stream:resumed", {**RESUMED, "unanswered": [{"fragment_id": "b"}]}, 2), 0.0)
    assert [each.delivered for each in sent] == [False, True, False]
    course.withdraw(sent[2])
    said = []
    while (message := course.next_message()) is not None:
        assert course.phase is Phase.CATCHING_UP
        said.append((message.name, message.payload.get("fragment_id")))
        course.said(message, 0.0)
    assert said == [("fragment:data", "a"), ("stream:end", None)]
    assert course.phase is Phase.UP
    assert sent[0].delivered


def catching_up(*owed):
    course = opened()
    sent = [course.ledger.keep(name, {"fragment_id": name, "audio": "a"}) for name in owed]
    course.hear(Disconnected(reason="r", connection=1), 0.0)
    course.hear(Reconnected(sid="x", connection=2), 0.0)
    course.hear(event("stream:resumed", RESUMED, 2), 0.0)
    assert course.phase is Phase.CATCHING_UP
    return course, sent


def test_a_stream_that_owes_nothing_more_is_up():
    course, (sent,) = catching_up("a")
    course.withdraw(sent)
    assert (course.phase, course.next_message()) == (Phase.UP, None)


def test_what_is_withdrawn_while_it_goes_out_takes_nothing_else_with_it():
    course, (first, _) = catching_up("a", "b")
    message = course.next_message()
    course.withdraw(first)
    course.said(message, 0.0)
    assert course.next_message().payload["fragment_id"] == "b"


def lose(course):
    course.lose("why")


def complete(course):
    course.hear(event("stream:complete", {}, 2), 0.0)


@pytest.mark.parametrize("ending", [lose, complete])
def test_what_goes_out_while_a_stream_ends_does_not_bring_it_back(ending):
    course, _ = catching_up("a")
    message = course.next_message()
    ending(course)
    course.said(message, 0.0)
    assert course.over


def test_a_stream_that_is_lost_while_it_catches_up_keeps_none_of_it():
    course, _ = catching_up("a")
    course.lose("why")
    assert not course._owed


def test_a_stream_that_is_lost_lets_its_secret_and_its_audio_go():
    course = asking()
    course.ledger.keep("f", {"audio": "a"})
    course.lose("why")
    course.lose("another reason")
    assert (course.reason, course.next_message(), course.ledger.unanswered) == ("why", None, ())
    assert course._ticket.token == ""
    course.hear(Disconnected(reason="r", connection=2), 0.0)
    assert course.phase is Phase.LOST


@attrs.define
class Server:
    """What the server knows of the stream."""

    got: list[str] = attrs.field(factory=list)
    results: list[tuple[str, str | None]] = attrs.field(factory=list)
    told: int = 0
    acknowledged: int = 0
    ended: bool = False
    attached: int = 1


class Cuts(RuleBasedStateMachine):
    """One stream, one server, a wire each way on which things are under way, and cuts at any time."""

    languages: tuple[str | None, ...] = (None,)

    def __init__(self):
        super().__init__()
        self.course = opened(target_languages=list(filter(None, self.languages)))
        self.server = Server()
        self.up = deque()
        self.down = deque()
        self.connection = 1
        self.standing = True
        self.sent = []
        self.read = []

    @rule()
    @precondition(lambda self: self.course.phase is Phase.UP and not self.course.ending)
    def send(self):
        name = f"f{len(self.sent)}"
        self.sent.append(name)
        self.course.ledger.keep(name, {"fragment_id": name}).delivered = True
        self.up.append(("fragment:data", {"fragment_id": name}))

    @rule()
    @precondition(lambda self: self.course.phase is Phase.UP and len(self.sent) > 2)
    def end(self):
        self.course.ending = True
        self.up.append(("stream:end", {}))

    @rule()
    def say(self):
        message = self.course.next_message()
        if message is not None and self.standing:
            self.up.append((message.name, message.payload))
            self.course.said(message, 0.0)

    @rule()
    @precondition(lambda self: self.up)
    def arrive(self):
        name, payload = self.up.popleft()
        server = self.server
        match name:
            case "fragment:data":
                server.got.append(payload["fragment_id"])
            case "stream:end":
                server.ended = True
            case "fragment:ack":
                server.acknowledged = payload["result_number"]
            case "stream:resume_session":
                assert payload["resume_token"] == "t"
                last = payload["last_result_number"]
                assert server.acknowledged <= last
                made = [{"fragment_id": name, "target_language": tag} for name, tag in server.results[last:]]
                unmade = {name: None for tag in self.languages for name in self.to_make(tag)}
                unanswered = [*made, *({"fragment_id": name} for name in unmade)]
                told = {**RESUMED, "unanswered": unanswered, "complete": False}
                self.down.append(event("stream:resumed", told, self.connection))
                server.told, server.attached = last, self.connection
        self.tell()

    def to_make(self, tag):
        """What the server has and has not dubbed into a language."""
        return self.server.got[sum(its == tag for _, its in self.server.results) :]

    @rule(data=st.data())
    @precondition(lambda self: any(map(self.to_make, self.languages)))
    def dub(self, data):
        self.make(data.draw(st.sampled_from([tag for tag in self.languages if self.to_make(tag)])))

    def make(self, tag):
        self.server.results.append((self.to_make(tag)[0], tag))
        self.tell()

    def tell(self):
        server = self.server
        while self.standing and server.attached == self.connection and server.told < len(server.results):
            server.told += 1
            name, tag = server.results[server.told - 1]
            self.down.append(result(name, server.told, self.connection, tag))

    @rule()
    @precondition(lambda self: self.down)
    def come_in(self):
        arrived = self.down.popleft()
        if self.course.hear(arrived, 0.0) and arrived.name == "fragment:processed":
            (payload,) = arrived.args
            self.read.append((payload["fragment_id"], payload["target_language"]))

    @rule()
    @precondition(lambda self: self.standing)
    def cut(self):
        self.standing = False
        self.up.clear()
        self.down.clear()
        self.course.hear(Disconnected(reason="r", connection=self.connection), 0.0)

    @rule()
    @precondition(lambda self: not self.standing)
    def come_back(self):
        self.standing = True
        self.connection += 1
        self.course.hear(Reconnected(sid="x", connection=self.connection), 0.0)

    @invariant()
    def nothing_is_doubled_and_all_is_in_the_servers_order(self):
        assert len(set(self.server.got)) == len(self.server.got)
        assert self.read == self.server.results[: len(self.read)]

    def teardown(self):
        if not self.standing:
            self.come_back()
        while self.up or self.down or self.course.next_message() or self.course.phase is not Phase.UP:
            self.say()
            while self.up:
                self.arrive()
            while self.down:
                self.come_in()
        for tag in self.languages:
            while self.to_make(tag):
                self.make(tag)
        while self.down:
            self.come_in()
        assert Counter(self.read) == Counter((name, tag) for name in self.sent for tag in self.languages)
        assert self.server.ended == self.course.ending
        assert self.course.ledger.unanswered == ()


class CutsInSeveralLanguages(Cuts):
    """The same, with three results for each fragment, the languages at different speeds."""

    languages = ("pt", "es", "de")


Cuts.TestCase.settings = settings(max_examples=200, stateful_step_count=60, deadline=None)
test_whatever_is_cut_and_when_each_fragment_arrives_once_and_each_result_is_read_once = Cuts.TestCase
CutsInSeveralLanguages.TestCase.settings = settings(max_examples=200, stateful_step_count=60, deadline=None)
test_the_same_holds_of_each_language_of_several = CutsInSeveralLanguages.TestCase
