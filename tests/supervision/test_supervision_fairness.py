"""The order in which one queue's requests are taken: pure."""

import math
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from supervision.fairness import PATIENCE_S, FairBacklog, Waiting
from supervision.reply import Request


def backlog_of(*requests):
    """Requests as `stream`, or `(stream, deadline)`, or `(stream, deadline, key)`, in the order of asking."""
    backlog = FairBacklog()
    for number, spec in enumerate(requests):
        add(backlog, number, *(spec if isinstance(spec, tuple) else (spec,)))
    return backlog


def add(backlog, number, stream, deadline=math.inf, key=None):
    request = Request(number, stream=stream, deadline=deadline, batch_key=key)
    waiting = Waiting(request, float(number), number)
    backlog.add(waiting)
    return waiting


def order(backlog, most=1):
    taken = []
    while batch := backlog.take(most):
        taken.append([waiting.request.payload for waiting in batch])
    assert len(backlog) == 0
    return [batch[0] for batch in taken] if most == 1 else taken


def test_streams_take_turns_whoever_asked_more():
    assert order(backlog_of("a", "a", "a", "b", "b")) == [0, 3, 1, 4, 2]


def test_among_streams_that_had_the_same_the_earliest_deadline_is_first():
    assert order(backlog_of(("a", 9.0), ("b", 5.0), ("c", 7.0))) == [1, 2, 0]


def test_without_deadlines_the_first_to_come_is_first():
    assert order(backlog_of("c", "a", "b")) == [0, 1, 2]


def test_within_a_stream_the_order_of_asking_holds_even_against_deadlines():
    assert order(backlog_of(("a", 9.0), ("a", 1.0))) == [0, 1]


def test_a_batch_holds_one_key_and_takes_streams_in_turn():
    backlog = backlog_of(
        ("a", 9.0, "en"), ("b", 5.0, "en"), ("c", 7.0, "pt"), ("d", 8.0, "en"), ("a", 9.0, "en")
    )
    assert order(backlog, 3) == [[1, 3, 0], [2], [4]]


def test_a_stream_whose_key_was_left_out_of_a_batch_is_next():
    backlog = backlog_of(("a", 1.0, "en"), ("a", 1.0, "en"), ("b", 2.0, "pt"), ("c", 3.0, "en"))
    assert order(backlog, 2) == [[0, 3], [2], [1]]


def test_a_stream_that_was_idle_saves_nothing_up():
    backlog = backlog_of(*["a"] * 10)
    for _ in range(5):
        backlog.take(1)
    for number in range(10, 20):
        add(backlog, number, "b")
    assert Counter(waiting.request.stream for _ in range(6) for waiting in backlog.take(1)) == {
        "a": 3,
        "b": 3,
    }


def test_a_stream_that_withdraws_and_asks_again_gains_nothing():
    backlog = backlog_of("a", "b")
    backlog.take(1)  # a has had one
    rest = add(backlog, 2, "a")
    backlog.discard(rest)
    add(backlog, 3, "a", deadline=0.0)
    assert order(backlog) == [1, 3]


def test_the_same_holds_where_its_requests_were_dropped():
    backlog = backlog_of("a", "b")
    backlog.take(1)
    add(backlog, 2, "a", deadline=1.0)
    assert [waiting.request.payload for waiting in backlog.remove_if(lambda it: it.deadline == 1.0)] == [2]
    add(backlog, 3, "a", deadline=0.0)
    assert order(backlog) == [1, 3]


def test_once_nobody_waits_nothing_is_remembered():
    backlog = backlog_of("a", "a", "a")
    assert order(backlog) == [0, 1, 2]
    backlog.start_afresh()
    add(backlog, 3, "b", deadline=9.0)
    add(backlog, 4, "a", deadline=1.0)
    assert order(backlog) == [4, 3]
    assert len(backlog._ahead) <= 2


def test_what_is_remembered_is_bounded_even_if_new_streams_never_stop_coming(monkeypatch):
    monkeypatch.setattr("supervision.fairness.REMEMBERED_STREAMS", 10)
    backlog = backlog_of("first")
    for number in range(100):
        add(backlog, number, f"stream {number}")
        backlog.take(1)
    assert len(backlog._ahead) <= 10


def test_the_unlucky_ones_turn_is_not_lost_when_the_present_moves_on():
    backlog = backlog_of("a", "a", "a", "b", "b", "b")
    assert [waiting.request.payload for _ in range(3) for waiting in backlog.take(1)] == [0, 3, 1]
    add(backlog, 9, "c")
    assert order(backlog) == [4, 9, 2, 5]


def test_the_most_urgent_of_a_queue_is_due_at_its_deadline_or_after_patience():
    assert FairBacklog().due() is None
    assert backlog_of(("a", 20.0), ("b", 10.0)).due() == (10.0, 1)
    assert backlog_of(("a", math.inf), ("b", 1e9)).due() == (PATIENCE_S, 0)


specs = st.tuples(
    st.sampled_from("abcd"), st.sampled_from([1.0, 2.0, 3.0, math.inf]), st.sampled_from(["x", "y"])
)
steps = st.lists(st.one_of(specs, st.integers(1, 4), st.sampled_from(["drop", "withdraw"])), max_size=60)


@given(steps)
def test_nothing_is_lost_or_taken_twice_and_batches_are_of_one_key(steps):
    backlog = FairBacklog()
    there: dict[int, Waiting] = {}
    for number, step in enumerate(steps):
        if isinstance(step, tuple):
            there[number] = add(backlog, number, *step)
        elif step == "drop":
            gone = backlog.remove_if(lambda request: request.deadline == 1.0)
            assert {waiting.number for waiting in gone} == {
                n for n, waiting in there.items() if waiting.request.deadline == 1.0
            }
            there = {n: waiting for n, waiting in there.items() if waiting.request.deadline != 1.0}
        elif step == "withdraw":
            if there:
                backlog.discard(there.pop(max(there)))
        else:
            batch = backlog.take(step)
            assert len(batch) <= step
            assert bool(batch) is bool(there)
            assert len({waiting.request.batch_key for waiting in batch}) <= 1
            for waiting in batch:
                assert there.pop(waiting.number) is waiting
        assert len(backlog) == len(there)
    assert sorted(order(backlog)) == sorted(there)


@given(
    st.lists(st.integers(1, 50), min_size=2, max_size=6),
    st.integers(1, 4),
    st.data(),
)
def test_while_all_streams_have_requests_waiting_none_gets_two_more_than_another(loads, most, data):
    backlog = FairBacklog()
    numbers = iter(range(10**6))
    for stream, load in enumerate(loads):
        for _ in range(load):
            add(backlog, next(numbers), str(stream), data.draw(st.sampled_from([1.0, 5.0, math.inf])))
    left = Counter({str(stream): load for stream, load in enumerate(loads)})
    had = Counter(dict.fromkeys(left, 0))
    while all(left.values()):
        for waiting in backlog.take(most):
            stream = waiting.request.stream
            had[stream] += 1
            left[stream] -= 1
            assert max(had.values()) - min(had.values()) <= 1 or not all(left.values())
