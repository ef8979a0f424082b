"""The names of traces, and which fragments get one."""

import re
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sts_actors.traces.traceparent import drawn, new_traceparent, read_traceparent


def test_names_are_as_w3c_wants_them_and_never_alike():
    names = [new_traceparent() for _ in range(1000)]
    assert all(re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", name) for name in names)
    ids = [read_traceparent(name) for name in names]
    assert len({trace for trace, _ in ids}) == len({span for _, span in ids}) == 1000
    assert all(trace and span for trace, span in ids)


@settings(deadline=None)
@given(st.text())
def test_anything_else_is_refused(text):
    with pytest.raises(ValueError, match="no traceparent"):
        read_traceparent(text)


@settings(deadline=None)
@given(st.floats(0, 1), st.integers())
def test_as_many_are_drawn_as_were_asked_for(ratio, seed):
    new = drawn(ratio, Random(seed))
    taken = sum(bool(new()) for _ in range(1000))
    assert abs(taken - 1000 * ratio) < 150


def test_all_and_none_are_exact():
    assert all(drawn(1.0)() for _ in range(100))
    assert not any(drawn(0.0)() for _ in range(100))
