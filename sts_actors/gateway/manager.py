"""Rooms and callbacks: python-socketio's manager, with the two methods that spawned tasks or trusted ids."""

import logging
from collections.abc import Callable
from typing import Any

import trio
from socketio.async_manager import AsyncManager

from sts_actors.gateway.connection import Connection
from sts_actors.gateway.engine.handlers import called
from sts_actors.gateway.engine.packets import Encoded
from sts_actors.gateway.packet import EVENT

log = logging.getLogger(__name__)


class Manager(AsyncManager):
    """The clients of one process, by namespace and room."""

    async def emit(
        self,
        event: str,
        data: Any,
        namespace: str,
        room: Any = None,
        skip_sid: str | list[str] | None = None,
        callback: Callable[..., Any] | None = None,
        to: Any = None,
        **_kwargs: Any,
    ) -> None:
        """Send an event to a room; whoever has room gets it at once, the slow ones are waited for."""
        await trio.lowlevel.checkpoint()
        skipped = skip_sid if isinstance(skip_sid, list) else [skip_sid]
        arguments = list(data) if isinstance(data, tuple) else [] if data is None else [data]
        slow: list[tuple[Connection, list[Encoded]]] = []
        group: list[Encoded] | None = None
        for sid, _ in self.get_participants(namespace, to or room):
            connection = self.server.connection(sid)
            if connection is None or sid in skipped:
                continue
            if group is None or callback is not None:
                number = None if callback is None else self._generate_ack_id(sid, callback)
                group = self.server.packet_class(
                    EVENT, namespace=namespace, data=[event, *arguments], id=number
                ).group()
            if not connection.offer(group):
                slow.append((connection, group))
        if len(slow) == 1:
            await slow[0][0].send(slow[0][1])
        elif slow:
            async with trio.open_nursery() as nursery:
                for connection, waiting in slow:
                    nursery.start_soon(connection.send, waiting)

    async def trigger_callback(self, sid: str, id: int | None, data: list[Any]) -> None:  # noqa: A002 - upstream's name
        """Call what waits for acknowledgement `id`; unknown ones are ignored, and 0 is upstream's counter."""
        callback = self.callbacks.get(sid, {}).pop(id, None) if id else None
        if callback is None:
            log.debug("%s acknowledged what nobody waits for", sid)
            return
        try:
            await called(callback, *data)
        except Exception:
            log.exception("the callback of an acknowledgement failed")
