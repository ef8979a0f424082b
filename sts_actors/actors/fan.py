"""One recognition for several languages: each transcript goes to every one of them."""

from collections.abc import Sequence

import trio

from sts_actors.messages import FragmentFailed, Transcript

Heard = Transcript | FragmentFailed


async def fan(
    inbox: trio.MemoryReceiveChannel[Heard], outboxes: Sequence[trio.MemorySendChannel[Heard]]
) -> None:
    """Send what comes to all of `outboxes`; one that is slow holds the others up, until its deadlines."""
    async for heard in inbox:
        for outbox in outboxes:
            await outbox.send(heard)
