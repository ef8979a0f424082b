from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from sts_actors.errors import ErrorCode
from sts_actors.wire.session_states import TRANSITIONS, Event, Refusal, State, draw, next_state

PROTOCOL = Path(__file__).parents[2] / "docs" / "protocol.md"
FROM_THE_WORKER = {Event.INIT, Event.FRAGMENT, Event.PAUSE, Event.RESUME, Event.END}
EVERY_PAIR = [(state, event) for state in State for event in Event]


def after(*events):
    state = State.CONNECTED
    for event in events:
        state = next_state(state, event)
        assert isinstance(state, State), event
    return state


OPEN = (Event.INIT, Event.OPENED)


@pytest.mark.parametrize(("state", "event"), EVERY_PAIR)
def test_every_event_in_every_state_leads_on_or_is_refused_with_a_code(state, event):
    outcome = next_state(state, event)
    assert isinstance(outcome, State) == (event in TRANSITIONS[state])
    assert isinstance(outcome, State) or isinstance(outcome.code, ErrorCode)


@pytest.mark.parametrize(("state", "event"), EVERY_PAIR)
def test_only_what_the_service_does_itself_can_be_refused_as_a_bug(state, event):
    if event in FROM_THE_WORKER:
        assert next_state(state, event) != Refusal(ErrorCode.UNKNOWN_ERROR)


def test_a_stream_opens_pauses_resumes_ends_and_closes():
    assert after(*OPEN) is State.READY
    assert after(*OPEN, Event.FRAGMENT, Event.PAUSE) is State.PAUSED
    assert after(*OPEN, Event.PAUSE, Event.RESUME, Event.FRAGMENT, Event.END) is State.DRAINING
    assert after(*OPEN, Event.END, Event.RESULTS_OVER) is State.COMPLETE
    assert after(*OPEN, Event.END, Event.RESULTS_OVER, Event.DISCONNECT) is State.CLOSED


def test_a_paused_stream_may_end():
    assert after(*OPEN, Event.PAUSE, Event.END) is State.DRAINING


def test_a_worker_may_pause_twice_and_resume_unpaused():
    assert after(*OPEN, Event.PAUSE, Event.PAUSE) is State.PAUSED
    assert after(*OPEN, Event.RESUME) is State.READY


def test_a_refused_init_leaves_room_for_another():
    assert after(Event.INIT, Event.REFUSED, Event.INIT, Event.OPENED) is State.READY


def test_a_fragment_before_the_stream_is_ready_or_after_its_end_finds_no_stream():
    for state in set(State) - {State.READY, State.PAUSED}:
        assert next_state(state, Event.FRAGMENT) == Refusal(ErrorCode.STREAM_NOT_FOUND), state


def test_a_fragment_of_a_paused_stream_is_told_so():
    assert next_state(State.PAUSED, Event.FRAGMENT) == Refusal(ErrorCode.STREAM_PAUSED)


def test_a_second_init_is_an_invalid_configuration():
    for state in set(State) - {State.CONNECTED, State.CLOSED}:
        assert next_state(state, Event.INIT) == Refusal(ErrorCode.INVALID_CONFIG), state


def test_pausing_resuming_or_ending_without_a_stream_finds_no_stream():
    for state in set(State) - {State.READY, State.PAUSED}:
        for event in (Event.PAUSE, Event.RESUME, Event.END):
            assert next_state(state, event) == Refusal(ErrorCode.STREAM_NOT_FOUND), state


def test_results_cannot_be_over_before_the_end():
    assert next_state(State.READY, Event.RESULTS_OVER) == Refusal(ErrorCode.UNKNOWN_ERROR)


def test_a_closed_session_blames_nobody():
    for event in set(Event) - {Event.DISCONNECT}:
        assert next_state(State.CLOSED, event) == Refusal(ErrorCode.STREAM_NOT_FOUND), event


def test_a_disconnect_closes_from_everywhere():
    assert {next_state(state, Event.DISCONNECT) for state in State} == {State.CLOSED}


def test_every_state_can_be_reached():
    reached = {State.CONNECTED}
    for _ in State:
        reached |= {target for state in reached for target in TRANSITIONS[state].values()}
    assert reached == set(State)


def test_the_drawing_has_an_arrow_for_each_transition():
    arrows = set()
    for line in draw().splitlines():
        way, _, events = line.strip().partition(": ")
        if events:
            source, target = way.split(" --> ")
            arrows |= {(source, event, target) for event in events.split(", ")}
    listed = {(state, event, target) for state, row in TRANSITIONS.items() for event, target in row.items()}
    assert arrows == listed - {(State.CLOSED, Event.DISCONNECT, State.CLOSED)}


def test_the_protocol_shows_the_table_as_it_is():
    shown = PROTOCOL.read_text(encoding="utf-8").split("```mermaid\n")[1].split("```")[0]
    assert shown == draw(), "paste what draw() returns"


class Life(RuleBasedStateMachine):
    """Any events in any order, beside a plain memory of what was accepted."""

    def __init__(self):
        super().__init__()
        self.state = State.CONNECTED
        self.accepted = []

    @rule(event=st.sampled_from(Event))
    def happen(self, event):
        self.take(event)

    @rule(event=st.sampled_from([*OPEN, Event.PAUSE, Event.RESUME, Event.FRAGMENT]))
    def proceed(self, event):
        self.take(event)

    def take(self, event):
        before = list(self.accepted)
        outcome = next_state(self.state, event)
        if isinstance(outcome, State):
            self.state = outcome
            self.accepted.append(event)
        if event is Event.FRAGMENT:
            paused = [e for e in before if e in {Event.PAUSE, Event.RESUME}][-1:] == [Event.PAUSE]
            over = {Event.END, Event.FAILED, Event.DISCONNECT} & set(before)
            assert isinstance(outcome, State) == (Event.OPENED in before and not over and not paused)

    @invariant()
    def at_most_one_stream_is_opened_and_ended_once(self):
        for event in (Event.OPENED, Event.END, Event.RESULTS_OVER, Event.FAILED):
            assert self.accepted.count(event) <= 1

    @invariant()
    def complete_follows_an_end_and_nothing_but_a_close_follows_it(self):
        if Event.RESULTS_OVER in self.accepted:
            at = self.accepted.index(Event.RESULTS_OVER)
            assert Event.END in self.accepted[:at]
            assert set(self.accepted[at + 1 :]) <= {Event.DISCONNECT}


Life.TestCase.settings = settings(max_examples=200, stateful_step_count=50, deadline=None)
TestAnyLife = Life.TestCase
