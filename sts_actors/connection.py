"""A worker's connection: wire events in, a stream's life, wire events out."""

import logging
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import attrs
import trio

from sts_actors.access import bearer, is_token
from sts_actors.actors.stage import failed
from sts_actors.actors.stream import Stream, open_stream
from sts_actors.audio.codecs import encode
from sts_actors.dubbing import Dubbing
from sts_actors.errors import ErrorCode, ServiceError, Stage
from sts_actors.gateway import Server
from sts_actors.messages import FragmentFailed, FragmentHeader, Result
from sts_actors.tally import Tally
from sts_actors.wire import answers
from sts_actors.wire.backpressure import Backpressure, describe
from sts_actors.wire.fragments import Arrival, AudioShape, EncodedAudio, parse_arrival, read_audio
from sts_actors.wire.opening import Opening, parse_opening
from supervision import RestartIntensityExceeded

log = logging.getLogger(__name__)

MODELS_WAIT_S = 8.0
"""How long `stream:init` waits for models that still load; workers give up on `stream:ready` after 10."""

REFUSALS_HELD = 64
"""Refusals are answered in their place among the results; beyond this many at once, right away."""


def attach(server: Server, dubbing: Dubbing) -> None:
    """Register the contract's events on `server`."""
    sessions: dict[str, Session] = {}

    async def connect(sid: str, environ: Mapping[str, Any], auth: Any = None) -> None:
        _authorise(dubbing.settings.auth_token, environ, auth)
        headers = {
            "X-Stream-ID": environ.get("HTTP_X_STREAM_ID"),
            "X-Worker-ID": environ.get("HTTP_X_WORKER_ID"),
        }
        sessions[sid] = Session(server, sid, dubbing, headers)

    async def disconnect(sid: str, _reason: Any = None) -> None:
        sessions.pop(sid, None)

    async def init(sid: str, data: Any = None) -> None:
        await sessions[sid].init(data)

    async def fragment(sid: str, data: Any = None) -> None:
        await sessions[sid].fragment(data)

    async def acknowledged(_sid: str, _data: Any = None) -> None:
        """Workers may send it; nothing depends on it."""

    async def pause(sid: str, _data: Any = None) -> None:
        sessions[sid].paused = True

    async def resume(sid: str, _data: Any = None) -> None:
        sessions[sid].paused = False

    async def end(sid: str, _data: Any = None) -> None:
        sessions[sid].end()

    for event, handler in {
        "connect": connect,
        "disconnect": disconnect,
        "stream:init": init,
        "fragment:data": fragment,
        "fragment:ack": acknowledged,
        "stream:pause": pause,
        "stream:resume": resume,
        "stream:end": end,
    }.items():
        server.on(event, handler)


def _authorise(token: str, environ: Mapping[str, Any], auth: Any) -> None:
    if not token:
        return
    given = auth.get("token") if isinstance(auth, Mapping) else None
    if not isinstance(given, str):
        given = bearer(str(environ.get("HTTP_AUTHORIZATION", "")))
    if not is_token(given, token):
        raise ConnectionRefusedError("AUTH_FAILED")


@attrs.frozen(kw_only=True)
class _Reply:
    """How a fragment wants its answer."""

    shape: AudioShape
    pts_ns: Any = None


class Session:
    """One worker's socket and its stream, from `stream:init` to `stream:complete`."""

    def __init__(self, server: Server, sid: str, dubbing: Dubbing, headers: Mapping[str, str | None]) -> None:
        self.paused = False
        self._server = server
        self._sid = sid
        self._dubbing = dubbing
        self._headers = headers
        self._opening: Opening | None = None
        self._stream: Stream | None = None
        self._backpressure = Backpressure(dubbing.thresholds)
        self._replies: dict[int, _Reply] = {}
        self._drain = trio.CancelScope()

    async def init(self, data: Any) -> None:
        """Open the stream; its task lives in the connection's nursery and is cancelled with it."""
        try:
            if self._opening is not None:
                raise ServiceError(ErrorCode.INVALID_CONFIG, "this connection has a stream already")  # noqa: TRY301 - one place answers every refusal
            opening = parse_opening(
                data, headers=self._headers, defaults=self._dubbing.defaults, new_id=lambda: uuid4().hex
            )
            self._dubbing.check_room()
            self._opening = opening
            self._server.start_soon(self._sid, self._run, opening)
        except ServiceError as error:
            await self._refuse_stream(error)

    async def _refuse_stream(self, error: ServiceError) -> None:
        self._dubbing.metrics.rejected(error.code)
        await self._emit("error", answers.error(error))

    async def _run(self, opening: Opening) -> None:
        dubbing = self._dubbing
        with trio.move_on_after(MODELS_WAIT_S):
            await dubbing.models.wait_ready()
        try:
            collaborators = dubbing.collaborators(opening.config)
        except ServiceError as error:
            self._opening = None
            await self._refuse_stream(error)
            return
        tally = Tally()
        try:
            async with open_stream(
                opening.config,
                collaborators,
                entrance_capacity=dubbing.thresholds.critical + REFUSALS_HELD,
                answer_margin_s=dubbing.settings.answer_margin_ms / 1000,
                on_restart=lambda actor, _: dubbing.metrics.restarted(actor),
            ) as stream:
                with dubbing.listed(self._sid, stream):
                    self._stream = stream
                    await self._emit(
                        "stream:ready",
                        answers.ready(opening, session_id=self._sid, engines=dubbing.models.engine_names()),
                    )
                    await self._answer_all(stream, tally)
        except RestartIntensityExceeded:
            log.exception("stream %s failed", opening.config.stream_id)
            fault = ServiceError(ErrorCode.UNKNOWN_ERROR, "the stream failed; open it again")
            await self._emit("error", answers.error(fault, stream_id=opening.config.stream_id))
        finally:
            self._stream = None
        # Only now: the end of the results alone does not mean that the stream has ended well.
        await self._emit("stream:complete", answers.complete(tally.summary(opening.config.stream_id)))
        await trio.sleep(dubbing.settings.auto_disconnect_delay_s)
        await self._server.disconnect(self._sid)

    async def _answer_all(self, stream: Stream, tally: Tally) -> None:
        with self._drain:
            async for result in stream:
                await self._answer(stream, result, tally)
        if self._drain.cancelled_caught:
            left = ServiceError(
                ErrorCode.TIMEOUT, f"{stream.in_flight} fragments were still in flight at the drain deadline"
            )
            await self._emit("error", answers.error(left, stream_id=stream.config.stream_id))

    async def _answer(self, stream: Stream, result: Result, tally: Tally) -> None:
        reply = self._replies.pop(result.header.index)
        audio = b""
        if not isinstance(result, FragmentFailed):
            answer = result.translation.transcript.answer
            audio = await trio.to_thread.run_sync(encode, result.pcm, answer, abandon_on_cancel=True)
        elapsed_s = trio.current_time() - result.header.received
        tally.add(result, elapsed_s * 1000)
        self._dubbing.metrics.answered(result, elapsed_s)
        payload = answers.processed(
            result, audio=audio, shape=reply.shape, processing_ms=elapsed_s * 1000, pts_ns=reply.pts_ns
        )
        await self._emit("fragment:processed", payload)
        await self._tell_level(stream)

    async def fragment(self, data: Any) -> None:
        """Admit or refuse a fragment; either way it is answered. Nothing here waits before it is admitted."""
        stream = self._stream
        if stream is None or self._opening is None:
            await self._refuse_unknown(data)
            return
        try:
            arrival = parse_arrival(data, stream.config)
        except ServiceError as error:
            await self._refuse_stream(error)
            return
        header = stream.header(
            fragment_id=arrival.fragment_id,
            sequence_number=arrival.sequence_number,
            duration_ms=arrival.duration_ms,
        )
        try:
            self._check_admission(stream)
            audio = read_audio(arrival, stream.config)
            self._replies[header.index] = _reply(arrival)
            self._submit(stream, header, audio)
        except ServiceError as error:
            await self._refuse_fragment(stream, header, arrival, error)
            return
        await self._emit("fragment:ack", answers.acknowledged(header.fragment_id, stream.queue_depth))
        await self._tell_level(stream)

    def _check_admission(self, stream: Stream) -> None:
        if self.paused:
            raise ServiceError(ErrorCode.STREAM_PAUSED, "the stream is paused; send stream:resume first")
        critical = self._dubbing.thresholds.critical
        if not self._dubbing.thresholds.admits(stream.in_flight):
            raise ServiceError(ErrorCode.BACKPRESSURE_EXCEEDED, f"{critical} fragments are in flight already")

    @staticmethod
    def _submit(stream: Stream, header: FragmentHeader, audio: EncodedAudio) -> None:
        try:
            stream.submit(header, audio.data, audio.label)
        except trio.WouldBlock:
            raise ServiceError(ErrorCode.BACKPRESSURE_EXCEEDED, "too many fragments wait") from None
        except (trio.ClosedResourceError, trio.BrokenResourceError):
            raise ServiceError(ErrorCode.STREAM_NOT_FOUND, "the stream has ended") from None

    async def _refuse_unknown(self, data: Any) -> None:
        fault = ServiceError(ErrorCode.STREAM_NOT_FOUND, "send stream:init first and wait for stream:ready")
        self._dubbing.metrics.rejected(fault.code)
        named = data.get("fragment_id") if isinstance(data, Mapping) else None
        fragment_id = named if isinstance(named, str) else None
        await self._emit("error", answers.error(fault, fragment_id=fragment_id))

    async def _refuse_fragment(
        self, stream: Stream, header: FragmentHeader, arrival: Arrival, error: ServiceError
    ) -> None:
        self._dubbing.metrics.rejected(error.code)
        refusal = failed(_Refused(header=header), Stage.ASR, error)
        self._replies[header.index] = _reply(arrival)
        try:
            stream.submit_failed(refusal)
        except (trio.WouldBlock, trio.ClosedResourceError, trio.BrokenResourceError):
            # No place in the line: better out of order than never.
            reply = self._replies.pop(header.index)
            payload = answers.processed(refusal, audio=b"", shape=reply.shape, processing_ms=0.0)
            await self._emit("fragment:processed", payload)
        fault = answers.error(error, stream_id=header.stream_id, fragment_id=header.fragment_id)
        await self._emit("error", fault)

    async def _tell_level(self, stream: Stream) -> None:
        level = self._backpressure.update(stream.in_flight)
        if level is not None:
            event = describe(
                level,
                stream_id=stream.config.stream_id,
                in_flight=stream.in_flight,
                max_inflight=stream.config.max_inflight,
                queue_depth=stream.queue_depth,
            )
            await self._emit("backpressure", event)

    def end(self) -> None:
        """Take no more; what is in flight is answered until the drain deadline."""
        if self._stream is not None:
            self._stream.end()
            self._drain.deadline = trio.current_time() + self._dubbing.settings.drain_timeout_s

    async def _emit(self, event: str, payload: dict[str, Any]) -> None:
        await self._server.emit(event, payload, to=self._sid)


@attrs.frozen(kw_only=True)
class _Refused:
    header: FragmentHeader


def _reply(arrival: Arrival) -> _Reply:
    metadata = arrival.payload.get("metadata")
    pts_ns = metadata.get("pts_ns") if isinstance(metadata, Mapping) else None
    return _Reply(shape=arrival.shape, pts_ns=pts_ns)
