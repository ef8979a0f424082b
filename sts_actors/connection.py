"""A worker's connection: wire events in, to the session that they are for."""

from collections.abc import Mapping
from typing import Any

import attrs
import trio

from sts_actors.access import bearer, is_token
from sts_actors.dubbing import Dubbing
from sts_actors.errors import ErrorCode, ServiceError
from sts_actors.gateway import Server
from sts_actors.outlet import Direct
from sts_actors.resumption import Resumable, Resumptions
from sts_actors.session import Session
from sts_actors.wire.opening import Opening
from sts_actors.wire.resuming import parse_return, read_acknowledged
from sts_actors.wire.session_states import Event


@attrs.define(eq=False)
class Connection:
    """A socket, the session that it speaks for, and the stream it may come back to."""

    sid: str
    session: Session
    resumable: Resumable | None = None


class Connections:
    """Every worker that is connected; each method takes what one of them sends."""

    def __init__(self, server: Server, dubbing: Dubbing, resumptions: Resumptions) -> None:
        self._server = server
        self._dubbing = dubbing
        self._resumptions = resumptions
        self._connections: dict[str, Connection] = {}

    async def connect(self, sid: str, environ: Mapping[str, Any], auth: Any = None) -> None:
        """A worker comes; it may be turned away."""
        if not _may_come(self._dubbing.settings.auth_token, environ, auth):
            self._dubbing.metrics.rejected(ErrorCode.AUTH_FAILED)
            self._dubbing.witness.turned_away(ServiceError(ErrorCode.AUTH_FAILED, "not the service's token"))
            raise ConnectionRefusedError(ErrorCode.AUTH_FAILED.value)
        headers = {
            "X-Stream-ID": environ.get("HTTP_X_STREAM_ID"),
            "X-Worker-ID": environ.get("HTTP_X_WORKER_ID"),
        }
        session = Session(Direct(self._server, sid), self._dubbing, headers)
        self._connections[sid] = Connection(sid, session)

    async def disconnect(self, sid: str, reason: Any = None) -> None:
        """It has gone; its tasks were cancelled, unless they are a stream's that waits for it."""
        gone = self._connections.pop(sid, None)
        if gone is not None and gone.resumable is not None:
            goodbye = reason == self._server.reason.CLIENT_DISCONNECT
            self._resumptions.left(gone.resumable, sid, goodbye=goodbye)

    async def init(self, sid: str, data: Any = None) -> None:
        """`stream:init`."""
        connection = self._connections[sid]
        session = connection.session
        opening = await session.init(data)
        if opening is None:
            return
        if opening.resume:
            connection.resumable = self._resumptions.start(session, opening, sid)
        else:
            connection.resumable = None
            session.outlet = Direct(self._server, sid)
            self._server.start_soon(sid, self._run, session, opening, sid)

    async def resume_session(self, sid: str, data: Any = None) -> None:
        """`stream:resume_session`."""
        connection = self._connections[sid]
        try:
            connection.session.check(Event.INIT)
            back = parse_return(data)
            stream = self._resumptions.find(back.token)
        except ServiceError as error:
            await connection.session.refuse(error)
            return
        former = stream.outlet.claimant
        if former is not None and former in self._connections:
            # What it still says is for nobody.
            before = self._connections[former]
            before.session = Session(Direct(self._server, former), self._dubbing, {})
            before.resumable = None
        connection.session, connection.resumable = stream.session, stream
        await self._resumptions.resume(stream, sid, back)

    async def fragment(self, sid: str, data: Any = None) -> None:
        """`fragment:data`."""
        await self._connections[sid].session.fragment(data)

    async def acknowledged(self, sid: str, data: Any = None) -> None:
        """`fragment:ack`: workers may send it, and nothing but the room for results depends on it."""
        resumable = self._connections[sid].resumable
        if resumable is not None:
            resumable.outlet.acknowledged(read_acknowledged(data))

    async def pause(self, sid: str, _data: Any = None) -> None:
        """`stream:pause`."""
        await self._connections[sid].session.pause()

    async def resume(self, sid: str, _data: Any = None) -> None:
        """`stream:resume`."""
        await self._connections[sid].session.resume()

    async def end(self, sid: str, _data: Any = None) -> None:
        """`stream:end`."""
        await self._connections[sid].session.end()

    async def _run(self, session: Session, opening: Opening, sid: str) -> None:
        """A stream that lives in its connection's nursery, and is cancelled with it."""
        drain = self._dubbing.drain
        drain.hold(session)
        try:
            if await session.run(opening):
                with trio.move_on_after(self._dubbing.settings.auto_disconnect_delay_s):
                    await drain.wait_begun()
                if drain.on:
                    await self._server.wait_sent(sid)
                else:
                    # Clients dial again when a server goes, and not when it dismisses them.
                    await self._server.disconnect(sid)
        finally:
            drain.release(session)


def attach(server: Server, dubbing: Dubbing, nursery: trio.Nursery) -> None:
    """Register the contract's events on `server`; streams that outlive their connections run in `nursery`."""
    settings = dubbing.settings
    resumptions = Resumptions(
        server,
        nursery,
        window_s=settings.resume_window_s,
        buffer_bytes=settings.resume_buffer_bytes,
        delay_s=settings.auto_disconnect_delay_s,
        drain=dubbing.drain,
    )
    its = Connections(server, dubbing, resumptions)
    for event, handler in {
        "connect": its.connect,
        "disconnect": its.disconnect,
        "stream:init": its.init,
        "stream:resume_session": its.resume_session,
        "fragment:data": its.fragment,
        "fragment:ack": its.acknowledged,
        "stream:pause": its.pause,
        "stream:resume": its.resume,
        "stream:end": its.end,
    }.items():
        server.on(event, handler)


def _may_come(token: str, environ: Mapping[str, Any], auth: Any) -> bool:
    if not token:
        return True
    given = auth.get("token") if isinstance(auth, Mapping) else None
    if not isinstance(given, str):
        given = bearer(str(environ.get("HTTP_AUTHORIZATION", "")))
    return is_token(given, token)
