"""What a worker is told of the pressure that its stream is under."""

from typing import NoReturn

import trio

from sts_actors.actors.stream import Stream
from sts_actors.answering import Answering
from sts_actors.dubbing import Dubbing
from sts_actors.wire.backpressure import Backpressure, describe


class Levels:
    """One session's; speaks through the outlet of its `answering`."""

    def __init__(self, answering: Answering, dubbing: Dubbing) -> None:
        self._answering = answering
        self._pressure = dubbing.pressure
        self._backpressure = Backpressure(dubbing.thresholds)
        self._telling = trio.Lock()

    async def tell(self, stream: Stream, *, always: bool = False) -> None:
        """Tell the level where it has changed, or `always`."""
        # Between two that tell at once, what was told last would not be what is true.
        async with self._telling:
            levels = self._backpressure.update(stream.in_flight, pressed=self._pressure.on)
            if levels:
                self._answering.witness.pressed(levels[-1].name.lower())
            for level in levels or ((self._backpressure.level,) if always else ()):
                event = describe(
                    level,
                    stream_id=stream.config.stream_id,
                    in_flight=stream.in_flight,
                    max_inflight=stream.config.max_inflight,
                    queue_depth=stream.queue_depth,
                )
                await self._answering.outlet.say("backpressure", event)

    async def follow_memory(self, stream: Stream) -> NoReturn:
        """Tell when memory runs short and when there is enough again, whatever the stream does meanwhile."""
        while True:
            seen = self._pressure.state
            await self.tell(stream)
            await self._pressure.wait_change(seen)
