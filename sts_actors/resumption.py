"""Streams whose workers may come back: they outlive their connections for a while."""

import logging
from hashlib import blake2b
from secrets import token_urlsafe

import attrs
import trio

from sts_actors.draining import Drain
from sts_actors.errors import ErrorCode, ServiceError
from sts_actors.gateway import Server
from sts_actors.outlet import Kept
from sts_actors.session import Session
from sts_actors.wire import answers
from sts_actors.wire.opening import Opening
from sts_actors.wire.resuming import Return
from sts_actors.wire.retained import Retained
from sts_actors.wire.session_states import State

log = logging.getLogger(__name__)

LINGERING = 64
"""Streams that are over and whose last results may still be asked for; one more, and the oldest is let go."""


@attrs.define(eq=False)
class Resumable:
    """A stream that survives its connection.

    Attributes:
        life: ends with a goodbye, or when nobody has come back in time.
    """

    session: Session
    opening: Opening
    outlet: Kept
    life: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    over: bool = False


class Resumptions:
    """The streams that can be resumed, by what their workers know.

    Args:
        nursery: where they run: that of the service, not that of a connection.
        window_s: how long a stream waits for its worker.
        buffer_bytes: results kept for one stream.
        delay_s: from `stream:complete` to closing the connection.
        drain: the service's end; it waits for whoever may not have all results yet.
    """

    def __init__(
        self,
        server: Server,
        nursery: trio.Nursery,
        *,
        window_s: float,
        buffer_bytes: int,
        delay_s: float,
        drain: Drain,
    ) -> None:
        self._server = server
        self._nursery = nursery
        self._window_s = window_s
        self._buffer_bytes = buffer_bytes
        self._delay_s = delay_s
        self._drain = drain
        # By digest: a token that is only compared in memory by its hash tells nothing by the time it takes.
        self._streams: dict[bytes, Resumable] = {}

    def start(self, session: Session, opening: Opening, sid: str) -> Resumable:
        """Run a stream that its worker may come back to; its session is given an outlet of ours."""
        outlet = Kept(self._server, sid, Retained(size_max=self._buffer_bytes))
        session.outlet = outlet
        stream = Resumable(session=session, opening=opening, outlet=outlet)
        self._nursery.start_soon(self._run, stream)
        return stream

    def left(self, stream: Resumable, sid: str, *, goodbye: bool) -> None:
        """A connection is gone; `goodbye`: its worker has said that it will not be back."""
        if stream.outlet.detach(sid):
            if goodbye or stream.session.state is State.OPENING:
                # Nor can one come back that has not got its token yet.
                stream.life.cancel()
            else:
                stream.life.deadline = trio.current_time() + self._window_s

    def find(self, token: str) -> Resumable:
        """The stream of a token.

        Raises:
            ServiceError: `STREAM_NOT_FOUND`.
        """
        stream = self._streams.get(_digest(token))
        if stream is None or stream.life.cancel_called:
            raise ServiceError(ErrorCode.STREAM_NOT_FOUND, "there is no such stream to resume, or no longer")
        return stream

    async def resume(self, stream: Resumable, sid: str, back: Return) -> None:
        """Go on over the connection `sid`, from where its worker says that it was."""
        session, outlet = stream.session, stream.outlet
        former = outlet.claim(sid)
        stream.life.deadline = float("inf")
        if former is not None:
            # It may take nothing any more, not even its dismissal: not waited for.
            self._nursery.start_soon(self._dismiss, former)
        kept = outlet.retained
        received = back.last_result_number
        if received is None:
            number = back.last_sequence_number
            received = 0 if number is None else kept.number_of_answer(number)
        received = min(received, kept.last)
        several = len(stream.opening.config.targets) > 1
        to_come = [
            (
                telling.payload["fragment_id"],
                telling.payload["sequence_number"],
                telling.payload.get("target_language", "") if several else "",
            )
            for telling in kept
            if telling.number > received and telling.event == "fragment:processed"
        ]
        payload = answers.resumed(
            stream.opening,
            session_id=session.session_id,
            last_result_number=kept.last,
            unanswered=[*to_come, *session.unanswered],
            lost_results=kept.lost_after(received),
            complete=stream.over,
        )
        await self._server.emit("stream:resumed", payload, to=sid)
        if session.notice is not None:
            await self._server.emit("warning", session.notice, to=sid)
        if outlet.attach(sid, received):
            await session.tell_level()

    async def _run(self, stream: Resumable) -> None:
        token = token_urlsafe(32)
        key = _digest(token)
        self._streams[key] = stream
        self._drain.hold(stream)
        resume = answers.Resumable(token=token, window_s=self._window_s)
        try:
            with stream.life:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(stream.outlet.pump)
                    if await stream.session.run(stream.opening, resume):
                        stream.over = True
                        self._make_room()
                        await self._linger(stream)
                    nursery.cancel_scope.cancel()
        except Exception:
            # What would end its connection's tasks elsewhere must not end the service here.
            log.exception("stream %s failed", stream.opening.config.stream_id)
        finally:
            self._streams.pop(key, None)
            self._drain.release(stream)

    async def _dismiss(self, sid: str) -> None:
        try:
            await self._server.disconnect(sid)
        except Exception:
            log.exception("a connection that was taken over could not be dismissed")

    async def _linger(self, stream: Resumable) -> None:
        """Close the connection a while after the sum; wait for its worker if it may not have got it."""
        outlet = stream.outlet
        while True:
            sid = await outlet.wait_attached()
            with trio.move_on_after(self._delay_s):
                async with self._drain.cutting_short():
                    await outlet.wait_parted(sid)
            if self._drain.on:
                await outlet.wait_delivered(sid)
                await self._server.wait_sent(sid)
            if outlet.sid == sid:
                if outlet.delivered:
                    self._drain.release(stream)
                if not self._drain.on:
                    # Clients dial again when a server goes, and not when it dismisses them.
                    await self._server.disconnect(sid)
                await outlet.wait_parted(sid)

    def _make_room(self) -> None:
        over = [stream for stream in self._streams.values() if stream.over]
        for stream in over[:-LINGERING]:
            stream.life.cancel()


def _digest(token: str) -> bytes:
    return blake2b(token.encode(errors="replace"), digest_size=32).digest()
