"""One connection, as who talks over it sees it."""

from typing import Any

from sts_actors.client.connection import Connection
from sts_actors.client.errors import ConnectionLost
from sts_actors.client.incoming import Event
from sts_actors.client.packets import ack_frames, event_frames


class Link:
    """Talks over one connection and over no later one: see `Client.link`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._namespace = connection.target.namespace

    @property
    def number(self) -> int:
        """Which of the client's connections this is, from 1; `Event.connection` names it so."""
        return self._connection.number

    @property
    def sid(self) -> str:
        """The server's name for this client in its namespace."""
        return self._connection.sid

    @property
    def closed(self) -> bool:
        """Whether this connection has ended, in whatever manner."""
        return self._connection.over.is_set()

    async def wait_closed(self) -> None:
        """Wait until this connection has ended."""
        await self._connection.over.wait()

    def abandon(self, reason: str) -> None:
        """End this connection for `reason`; a client that reconnects dials again."""
        self._connection.abandon(reason)

    async def emit(self, name: str, *args: Any) -> None:
        """Send an event, as `Client.emit`.

        Raises:
            ConnectionLost: this connection has ended.
            MessageTooLarge, TypeError, ValueError: as `Client.emit`.
        """
        await self._connection.emit(event_frames(name, args, namespace=self._namespace))

    async def call(self, name: str, *args: Any, timeout_s: float = 60.0) -> Any:
        """Send an event and return the server's answer, as `Client.call`.

        Raises:
            ConnectionLost: this connection has ended.
            NoAnswer, MessageTooLarge, TypeError, ValueError: as `Client.call`.
        """
        return await self.call_in_what_is_left(name, args, timeout_s=timeout_s, waited_s=0.0)

    async def call_in_what_is_left(
        self, name: str, args: tuple[Any, ...], *, timeout_s: float, waited_s: float
    ) -> Any:
        """As `call`, of whose `timeout_s` the caller has spent `waited_s` already."""
        answer = await self._connection.call(name, args, timeout_s=timeout_s, waited_s=waited_s)
        if len(answer) > 1:
            return answer
        return answer[0] if answer else None

    async def acknowledge(self, event: Event, *args: Any) -> None:
        """Answer an event that the server sent as a call.

        Raises:
            ValueError: the event asks for no answer.
            ConnectionLost: this connection has ended, or is not the one that asked.
            MessageTooLarge, TypeError: as `emit`.
        """
        if event.ack_id is None:
            raise ValueError(f"{event.name} asks for no answer")
        if event.connection != self.number:
            # Ids start again with each connection: the same one may ask for something else by now.
            raise ConnectionLost(f"the connection that asked {event.name} has gone, and the question with it")
        await self._connection.emit(ack_frames(args, namespace=self._namespace, ack_id=event.ack_id))
