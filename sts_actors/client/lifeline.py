"""A stream's way from one connection to the next.

The lifeline sees every event as it comes in, before it lies in the inbox to be read: so a stream is resumed
at once, however far behind its reader is. A task of the client's says what there is to say: nobody who sends
or reads ever holds half a resumption in hand, and each may be cancelled at any time.
"""

from collections.abc import Callable, Mapping
from typing import Any

import trio

from sts_actors.client.client import Client
from sts_actors.client.course import Course, Message, Phase
from sts_actors.client.errors import ConnectionLost, MessageTooLarge
from sts_actors.client.incoming import Disconnected, Event, Reconnected
from sts_actors.client.link import Link

_OPEN_TO_SENDERS = {Phase.UP, Phase.COMPLETE}


class Lifeline:
    """Follows one stream; listens to its client's events from before `stream:init` is sent.

    Attributes:
        changed: set, and replaced, whenever something has changed.
    """

    def __init__(self, client: Client, link: Link, *, resume: bool) -> None:
        self.changed = trio.Event()
        self._client = client
        self._link = link
        self._course = Course(link.number, resume=resume)
        self._read = 0
        self._readers: set[trio.CancelScope] = set()

    @property
    def resumable(self) -> bool:
        """Whether the stream survives its connection; known once `stream:ready` has come."""
        return self._course.resumable

    @property
    def over(self) -> bool:
        """Whether the stream is complete or lost, as far as has come in."""
        return self._course.over

    @property
    def up(self) -> bool:
        """Whether the stream can be spoken to."""
        return self._course.phase is Phase.UP

    def wake(self) -> None:
        """Tell who waits for `changed`."""
        self.changed.set()
        self.changed = trio.Event()

    # -- what comes in --------------------------------------------------------------------------------------

    def hear(self, event: Event) -> bool:
        """Take notice of an event that has come; whether it is to be read as well."""
        news = self._course.hear(event, trio.current_time())
        link = self._client.standing_link()
        if link is not None and link.number == self._course.connection:
            self._link = link
        self._look()
        return news

    def close(self, reason: str | None) -> None:
        """There will be no further connection; `reason` None: it ended in order."""
        self._lose(reason or "the connection was closed before stream:complete")

    def give_up(self) -> None:
        """Another stream has taken this one's place."""
        self._drop("another stream was opened on this client")

    def _drop(self, reason: str) -> None:
        """The stream is lost though its connection stands: its reader need not wait for the end of that."""
        self._course.lived = 0
        self._lose(reason)

    def _lose(self, reason: str) -> None:
        self._course.lose(reason)
        self._look()

    def _look(self) -> None:
        if self._course.phase is Phase.LOST:
            for reader in self._readers:
                reader.cancel()
        self.wake()

    async def next_event(self) -> Event:
        """The stream's next event, over whichever connection it came.

        Raises:
            ConnectionLost: the stream is lost, and all that came of it was read.
        """
        while True:
            # What follows the end of its last connection is for who opens a stream there.
            if self._course.phase is Phase.LOST and self._read >= self._course.lived:
                raise ConnectionLost(self._course.reason)
            with trio.CancelScope() as reading:
                self._readers.add(reading)
                try:
                    event = await anext(self._client.events)
                except StopAsyncIteration:
                    raise ConnectionLost("the connection was closed before stream:complete") from None
                finally:
                    self._readers.discard(reading)
            if reading.cancelled_caught:
                continue
            if isinstance(event, Disconnected):
                self._read = event.connection
            elif not isinstance(event, Reconnected):
                return event

    # -- what goes out --------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Say what there is to say, until the stream is over."""
        while not self.over:
            message = self._course.next_message()
            with trio.move_on_at(self._course.deadline):
                if message is None:
                    await self.changed.wait()
                else:
                    await self._say(message)
            if trio.current_time() >= self._course.deadline:
                self._lose(f"the stream was not resumed in time: {self._course.reason}")

    async def _say(self, message: Message) -> None:
        try:
            await self._link.emit(message.name, message.payload)
        except ConnectionLost:
            return  # heard of already
        except MessageTooLarge as too_large:
            self._drop(str(too_large))
            return
        self._course.said(message, trio.current_time())
        self.wake()

    async def send_fragment(self, fragment_id: str, payload: Mapping[str, Any]) -> None:
        """Send a fragment; returns when it has gone out, over whichever connection.

        Cancelled, it may or may not have gone out, and is not sent again.

        Raises:
            ConnectionLost: the stream is lost.
            MessageTooLarge, TypeError: as `Client.emit`.
        """
        link = await self._wait_up()
        if not self.resumable:
            await link.emit("fragment:data", payload)
            return
        sent = self._course.ledger.keep(fragment_id, payload)
        try:
            try:
                await link.emit("fragment:data", payload)
                sent.delivered = True
            except ConnectionLost:
                await self._wait_until(lambda: sent.delivered)
        finally:
            if not sent.delivered:
                self._course.withdraw(sent)

    async def end(self) -> None:
        """Say that no fragment follows; returns when that has gone out, over whichever connection.

        Raises:
            ConnectionLost: the stream is lost.
        """
        link = await self._wait_up()
        before, self._course.ending = self._course.ending, True
        said = False
        try:
            try:
                await link.emit("stream:end", self._course.end_message())
            except ConnectionLost:
                if not self.resumable:
                    raise
                await self._wait_up()
            said = True
        finally:
            self._course.ending = before or said

    async def _wait_up(self) -> Link:
        await trio.lowlevel.checkpoint()
        await self._wait_until(lambda: self._course.phase in _OPEN_TO_SENDERS)
        return self._link

    async def _wait_until(self, settled: Callable[[], bool]) -> None:
        while not settled():
            if self.over:
                raise ConnectionLost(self._course.reason or "the stream is complete")
            await self.changed.wait()
