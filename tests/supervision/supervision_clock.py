"""How these tests run Trio: on a clock that jumps, and under schedules that Hypothesis draws and replays."""

import trio
import trio.testing
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

# Trio registers its scheduler's randomness with Hypothesis: drawing this seeds the order of ready tasks.
schedules = st.random_module()

# A first example imports and warms up; a time limit on an example would make the machine's load a failure.
few = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
many = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def run(async_fn, *args):
    """Run one scenario; time passes only while every task waits."""
    return trio.run(async_fn, *args, clock=trio.testing.MockClock(autojump_threshold=0))
