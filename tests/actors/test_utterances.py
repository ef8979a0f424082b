"""What is spoken in one go."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sts_actors.actors.utterances import TOGETHER_S, together
from sts_actors.messages import Utterance


def said(*spans):
    return [
        Utterance(source=f"s{number}", text=f"t{number}", start_s=start, end_s=end)
        for number, (start, end) in enumerate(spans)
    ]


def test_a_short_one_is_spoken_together_with_its_neighbour():
    (both,) = together(said((0.0, 0.5), (0.75, 2.5)))
    assert both == Utterance(source="s0 s1", text="t0 t1", start_s=0.0, end_s=2.5)
    assert len(together(said((0.0, 2.0), (2.25, 2.75)))) == 1


@pytest.mark.parametrize(
    "spans",
    [
        ((0.0, 1.25), (1.25, 2.5)),
        ((0.0, 0.5), (1.25, 2.5)),
        ((0.0, 0.5), (0.5, 3.5)),
    ],
    ids=["none is short", "a pause between", "too long together"],
)
def test_others_are_spoken_by_themselves(spans):
    assert together(said(*spans)) == tuple(said(*spans))


def test_a_longer_neighbour_that_ends_last_ends_both():
    assert together(said((0.0, 1.5), (0.5, 1.0)))[0].end_s == 1.5


@given(st.lists(st.tuples(st.floats(0, 2), st.floats(0, 1.5)), max_size=12))
def test_every_utterance_is_kept_in_order_and_none_grows_too_long(drawn):
    spans, now = [], -1.0
    for length, pause in drawn:
        spans.append((now, now + length))
        now += length + pause
    found = together(said(*spans))
    assert " ".join(each.source for each in found).split() == [f"s{n}" for n in range(len(spans))]
    assert " ".join(each.text for each in found).split() == [f"t{n}" for n in range(len(spans))]
    assert all(each.end_s - each.start_s <= max(TOGETHER_S, 2) + 1e-9 for each in found)
    assert [each.start_s for each in found] == sorted(each.start_s for each in found)
