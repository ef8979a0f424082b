import pytest

from sts_actors.wire.ordering import Kind, Ordering

SOON = 0.1


class Worker:
    """Drives an `Ordering` by hand; a result is named after the arrival that was worked on."""

    def __init__(self, **bounds):
        self.ordering = Ordering(**bounds)
        self.now = 0.0

    def send(self, number, digest=b"a", **more):
        return self.ordering.arrived(number, digest, self.now, **more)

    def sends(self, *numbers):
        return [self.send(number).key for number in numbers]

    def finish(self, *keys, **more):
        for key in keys:
            self.ordering.finished(key, f"result of {key}", **more)
        return self.answers()

    def process(self, number, digest=b"a", **more):
        return self.finish(self.send(number, digest).key, **more)

    def answers(self):
        return [due.number for due in self.ordering.due(self.now)]

    def wait(self, seconds):
        self.now += seconds
        return self.answers()


@pytest.mark.parametrize("first", [0, 1])
def test_a_stream_may_start_at_0_or_1_and_waits_for_nothing(first):
    worker = Worker()
    assert worker.process(first) == [first]
    assert worker.process(first + 1) == [first + 1]


def test_three_one_two_leave_as_one_two_three():
    worker = Worker()
    three, one, two = worker.sends(3, 1, 2)
    assert worker.finish(three) == []
    assert worker.finish(two) == []
    assert worker.finish(one) == [1, 2, 3]


def test_a_higher_start_is_held_half_a_second_for_a_lower_one():
    worker = Worker()
    assert worker.process(7) == []
    assert worker.ordering.wakes_at() == 0.5
    assert worker.wait(0.499) == []
    assert worker.wait(0.001) == [7]
    assert worker.ordering.wakes_at() is None


def test_the_hold_at_the_start_counts_from_the_first_arrival_not_from_its_result():
    worker = Worker()
    key = worker.send(7).key
    worker.wait(0.5)
    assert worker.finish(key) == [7]


def test_a_lower_number_moves_the_base_until_something_is_emitted():
    worker = Worker()
    seven = worker.send(7).key
    worker.wait(1.0)
    five = worker.send(5)
    assert five.kind is Kind.NEW
    assert worker.finish(seven) == []
    assert worker.finish(five.key) == [5]
    assert worker.wait(1.0) == [7]
    assert worker.send(4).kind is Kind.LATE


def test_a_lower_start_is_no_hole_however_late_it_comes_before_the_first_answer():
    worker = Worker()
    seven = worker.send(7).key
    worker.wait(3.0)
    five = worker.send(5)
    assert five.kind is Kind.NEW
    assert worker.finish(seven) == []
    assert worker.finish(five.key) == [5, 7]


def test_results_wait_for_those_before_them():
    worker = Worker()
    keys = worker.sends(0, 1, 2)
    assert worker.finish(keys[2]) == []
    assert worker.finish(keys[0]) == [0]
    assert worker.finish(keys[1]) == [1, 2]


def test_a_hole_is_skipped_two_seconds_after_the_first_fragment_above_it_came():
    worker = Worker()
    worker.process(0)
    worker.wait(10.0)
    three = worker.send(3).key
    worker.wait(1.0)
    assert worker.process(2) == []
    assert worker.ordering.wakes_at() == 12.0
    assert worker.wait(0.999) == []
    worker.now = 12.0
    assert worker.answers() == [2]
    assert worker.finish(three) == [3]


def test_a_number_that_fills_its_hole_in_time_is_answered_in_its_place():
    worker = Worker()
    worker.process(0)
    assert worker.process(2) == []
    worker.wait(1.9)
    assert worker.process(1) == [1, 2]


def test_a_skipped_number_that_comes_after_all_is_processed_and_answered_at_once():
    worker = Worker()
    worker.process(0)
    worker.process(2)
    worker.wait(2.0)
    held = worker.send(3)
    late = worker.send(1)
    assert late.kind is Kind.LATE
    assert late.wants_work
    assert worker.finish(late.key) == [1]
    assert worker.finish(held.key) == [3]


def test_a_hole_is_skipped_in_its_time_even_where_its_turn_has_not_come():
    worker = Worker()
    slow, above = worker.sends(0, 2)
    worker.finish(above)
    worker.wait(2.0)
    assert worker.send(1).kind is Kind.LATE
    assert worker.finish(slow) == [0, 2]


def test_a_second_fragment_above_a_hole_does_not_prolong_it():
    worker = Worker()
    worker.sends(0, 2)
    worker.wait(1.5)
    worker.send(3)
    worker.wait(0.5)
    assert worker.send(1).kind is Kind.LATE


def test_a_hole_does_not_wake_anyone_while_the_fragment_above_it_is_worked_on():
    worker = Worker()
    worker.process(0)
    worker.send(2)
    assert worker.ordering.wakes_at() is None


def test_a_repeat_in_flight_is_answered_with_the_first_one_right_after_it():
    worker = Worker()
    first = worker.send(0)
    again = worker.send(0)
    assert again.kind is Kind.REPEAT
    assert not again.wants_work
    worker.ordering.finished(first.key, "dub")
    assert [(due.key, due.result) for due in worker.ordering.due(0.0)] == [
        (first.key, "dub"),
        (again.key, "dub"),
    ]


def test_a_repeat_of_a_held_result_waits_in_its_place_too():
    worker = Worker()
    zero, one = worker.sends(0, 1)
    worker.finish(one)
    assert worker.send(1).kind is Kind.REPEAT
    assert worker.answers() == []
    assert worker.finish(zero) == [0, 1, 1]


def test_a_repeat_of_an_emitted_fragment_is_answered_at_once_with_the_same_result():
    worker = Worker()
    first = worker.send(0)
    worker.finish(first.key)
    again = worker.send(0)
    assert again.kind is Kind.REPEAT
    (due,) = worker.ordering.due(worker.now)
    assert (due.key, due.result) == (again.key, f"result of {first.key}")


def test_a_repeat_wants_no_result():
    worker = Worker()
    worker.send(0)
    with pytest.raises(KeyError):
        worker.finish(worker.send(0).key)


def test_a_second_result_for_one_fragment_is_an_error():
    worker = Worker()
    (key,) = worker.sends(0)
    worker.finish(key)
    with pytest.raises(KeyError):
        worker.finish(key)


@pytest.mark.parametrize("moment", ["in flight", "held", "emitted"])
def test_the_same_number_with_other_bytes_is_a_retry_answered_at_once(moment):
    worker = Worker()
    zero, one = worker.sends(0, 1)
    if moment != "in flight":
        worker.finish(one)
    if moment == "emitted":
        worker.finish(zero)
    retry = worker.send(1, b"b")
    assert retry.kind is Kind.RETRY
    assert retry.wants_work
    assert worker.finish(retry.key) == [1]
    assert worker.send(1, b"b").kind is Kind.REPEAT


def test_both_versions_of_a_number_are_remembered():
    worker = Worker()
    worker.process(0)
    worker.process(0, b"b")
    assert worker.send(0, b"a").kind is Kind.REPEAT
    assert worker.send(0, b"b").kind is Kind.REPEAT


def test_a_late_number_that_is_worked_on_is_known_when_it_comes_with_other_bytes():
    worker = Worker()
    worker.sends(0, 2)
    worker.wait(2.0)
    assert worker.send(1).kind is Kind.LATE
    assert worker.send(1, b"b").kind is Kind.RETRY


def test_a_refused_fragment_is_answered_in_its_place():
    worker = Worker()
    zero, refused, two = worker.sends(0, 1, 2)
    assert worker.finish(refused, lasting=False) == []
    assert worker.finish(two) == []
    assert worker.finish(zero) == [0, 1, 2]


@pytest.mark.parametrize("moment", ["held", "emitted"])
def test_the_same_bytes_after_a_failure_worth_retrying_are_processed_anew(moment):
    worker = Worker()
    zero, one = worker.sends(0, 1)
    worker.finish(one, lasting=False)
    if moment == "emitted":
        worker.finish(zero)
    again = worker.send(1)
    assert again.wants_work
    assert worker.finish(again.key) == [1]
    assert worker.send(1).kind is Kind.REPEAT


def test_what_came_again_before_a_failure_worth_retrying_fails_with_it():
    worker = Worker()
    first = worker.send(0)
    worker.send(0)
    assert worker.finish(first.key, lasting=False) == [0, 0]


def test_no_hole_is_waited_for_after_the_end():
    worker = Worker()
    worker.process(0)
    worker.process(2)
    six = worker.send(6).key
    worker.process(4)
    assert worker.ordering.wakes_at() == 2.0
    worker.ordering.ended()
    assert worker.answers() == [2, 4]
    assert worker.finish(six) == [6]


def test_no_lower_start_is_waited_for_after_the_end():
    worker = Worker()
    worker.process(7)
    worker.ordering.ended()
    assert worker.answers() == [7]


def test_those_in_flight_at_the_end_still_leave_in_order():
    worker = Worker()
    zero, one = worker.sends(0, 1)
    worker.ordering.ended()
    assert worker.finish(one) == []
    assert worker.finish(zero) == [0, 1]


def test_a_number_below_those_in_flight_is_late_after_the_end():
    worker = Worker()
    worker.send(7)
    worker.ordering.ended()
    assert worker.send(5).kind is Kind.LATE


def test_a_number_above_all_others_keeps_its_place_after_the_end():
    worker = Worker()
    (zero,) = worker.sends(0)
    worker.ordering.ended()
    one = worker.send(1)
    assert one.kind is Kind.NEW
    assert worker.finish(one.key) == []
    assert worker.finish(zero) == [0, 1]


def test_a_result_is_held_for_lower_ones_until_its_own_latest_moment():
    worker = Worker()
    worker.process(0)
    two = worker.send(2, latest=SOON).key
    slow = worker.send(1).key
    assert worker.finish(two) == []
    assert worker.ordering.wakes_at() == SOON
    assert worker.wait(SOON) == [2]
    assert worker.finish(slow) == [1]


def test_what_is_finished_below_a_result_in_haste_leaves_before_it():
    worker = Worker()
    _, two = worker.sends(1, 2)
    worker.finish(two)
    worker.finish(worker.send(4, latest=SOON).key)
    assert worker.wait(SOON) == [2, 4]
    assert worker.send(3).kind is Kind.LATE


def test_the_oldest_results_are_forgotten_when_there_are_too_many():
    worker = Worker(window=2)
    for number in range(3):
        worker.process(number)
    assert worker.ordering.remembered == 2
    assert worker.send(0).kind is Kind.LATE
    assert worker.send(1).kind is Kind.REPEAT


def test_the_oldest_results_are_forgotten_when_they_are_too_large():
    worker = Worker(window_bytes=10)
    for number in range(3):
        worker.process(number, size=5)
    assert worker.send(0).kind is Kind.LATE
    assert worker.send(1).kind is Kind.REPEAT


def test_a_result_larger_than_the_memory_is_not_kept_and_displaces_nothing():
    worker = Worker(window_bytes=10)
    worker.process(0, size=10)
    worker.process(1, size=11)
    assert worker.send(1).kind is Kind.LATE
    assert worker.send(0).kind is Kind.REPEAT


def test_beyond_so_many_unanswered_an_arrival_leaves_no_trace():
    worker = Worker(unanswered=2)
    zero, _ = worker.sends(0, 0)
    crowded = worker.send(1)
    assert (crowded.kind, crowded.key, crowded.wants_work) == (Kind.CROWDED, None, False)
    assert worker.finish(zero) == [0, 0]
    assert worker.send(1).kind is Kind.NEW


def test_a_leap_in_the_numbers_costs_no_more_than_a_step():
    worker = Worker()
    worker.process(0)
    worker.process(2**53 - 1)
    assert worker.wait(2.0) == [2**53 - 1]
