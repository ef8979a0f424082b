"""When to ping a peer, and when to give it up."""

from collections.abc import Callable

import trio

LATE_S = 0.02
"""When our own loop wakes later than this, the lateness is ours and the peer gets its full time again."""


async def heartbeat(
    *, interval: float, patience: float, ping: Callable[[], None], alive_since: Callable[[float], bool]
) -> None:
    """Ping every `interval` seconds and return when the peer has not been heard `patience` after a ping.

    Pings are anchored to an absolute schedule, so that a dead peer is given up exactly `interval + patience`
    after the last beat. `alive_since(moment)` says whether the peer was heard at `moment` or later.
    """
    due = trio.current_time() + interval
    while True:
        await trio.sleep_until(due)
        pinged = trio.current_time()
        ping()
        deadline = (due if pinged - due <= LATE_S else pinged) + patience
        await trio.sleep_until(deadline)
        if not alive_since(pinged):
            lateness = trio.current_time() - deadline
            if lateness <= LATE_S:
                return
            # Our loop stood still: what the peer sent meanwhile has not been read yet.
            await trio.sleep(min(patience, lateness))
            if not alive_since(pinged):
                return
        due = max(due + interval, trio.current_time())
