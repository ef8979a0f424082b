"""The worker's side of the dubbing contract: one stream over a connected client, flat dialect.

Nothing here paces: fragments go out as fast as the caller sends them. A caller that means to be polite
awaits `wait_for_room()` before each; `backpressure` says what the server thinks.

A stream lives on one connection, because the server's half of it does. When that is lost the stream is lost,
on a reconnecting client too: its events end with `ConnectionLost`, its sends raise it, and nothing of it goes
out over the next connection. The client can be asked for a new stream then; the worker decides which
fragments to send again.
"""

import base64
import time
from collections import Counter, deque
from collections.abc import Mapping
from typing import Any

import attrs
import trio

from sts_actors.client.answers import (
    Backpressure,
    Complete,
    Processed,
    Ready,
    StreamEvent,
    read_error,
    read_event,
    read_ready,
)
from sts_actors.client.client import Client
from sts_actors.client.errors import BadAnswer, ConnectionLost, NoAnswer, StreamRefused
from sts_actors.client.incoming import Disconnected, Event
from sts_actors.client.link import Link

READY_TIMEOUT_S = 10.0
"""The contract's: `stream:ready` within 10 s of `stream:init`."""
MAX_EARLY = 64
FORMAT = "pcm_s16le"


@attrs.frozen(kw_only=True)
class StreamInit:
    """What to ask for: the contract's fields of `stream:init`; None leaves the choice to the server.

    The audio is raw PCM, 16 bits little endian, `channels` interleaved.
    """

    source_language: str
    target_language: str
    sample_rate_hz: int
    channels: int = 1
    chunk_duration_ms: int = 6000
    voice_profile: str | None = None
    max_inflight: int | None = None
    timeout_ms: int | None = None
    formality: str | None = None
    domain_hints: tuple[str, ...] | None = attrs.field(default=None, repr=False)
    stream_id: str | None = None
    worker_id: str | None = None

    def payload(self) -> dict[str, Any]:
        """As it goes over the wire, flat."""
        asked = attrs.asdict(self, recurse=False)
        return {"format": FORMAT, **{name: value for name, value in asked.items() if value is not None}}


class DubbingStream:
    """An open stream: see `open_dubbing_stream`. It is its own iterator, `events`.

    Attributes:
        ready: the server's answer to `stream:init`.
        backpressure: the last one that came, None before the first.
    """

    def __init__(
        self, client: Client, link: Link, init: StreamInit, ready: Ready, early: deque[Event]
    ) -> None:
        self.ready = ready
        self.backpressure: Backpressure | None = None
        self._client = client
        self._link = link
        self._init = init
        self._early = early
        self._sent: Counter[str] = Counter()
        self._paused = False
        self._finished = False
        self._lost: str | None = None
        self._changed = trio.Event()

    @property
    def in_flight(self) -> int:
        """Fragments sent and not yet answered by a `Processed` that was read from `events`."""
        return self._sent.total()

    @property
    def events(self) -> "DubbingStream":
        """What the server says, in its order, ending after `Complete`; one task should read it.

        Raises, out of the iteration:
            BadAnswer: a payload that breaks the contract; the iteration may be resumed behind it.
            ConnectionLost: the connection ended before `Complete`, in whatever manner.
        """
        return self

    def __aiter__(self) -> "DubbingStream":
        return self

    async def __anext__(self) -> StreamEvent:
        while not self._finished:
            raw = await self._next_raw()
            try:
                event = read_event(raw.name, raw.args)
            except BadAnswer:
                self._account(raw)
                raise
            if event is not None:
                self._note(event)
                return event
        raise StopAsyncIteration

    async def send_fragment(
        self,
        sequence_number: int,
        audio: bytes,
        duration_ms: int,
        *,
        fragment_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> str:
        """Send one fragment and return its id.

        Args:
            sequence_number: from 0 or 1, without holes; the same again is a retry.
            audio: raw PCM as the stream's `StreamInit` describes it.
            duration_ms: what the audio lasts.
            fragment_id: made from the number when None.
            metadata: the server gives its `pts_ns` back.

        Raises:
            ConnectionLost, MessageTooLarge: as `Client.emit`.
        """
        name = fragment_id or f"fragment-{sequence_number:06d}"
        payload: dict[str, Any] = {
            "fragment_id": name,
            "stream_id": self.ready.stream_id,
            "sequence_number": sequence_number,
            "timestamp": time.time_ns() // 1_000_000,
            "audio": base64.b64encode(audio).decode("ascii"),
            "sample_rate": self._init.sample_rate_hz,
            "channels": self._init.channels,
            "format": FORMAT,
            "duration_ms": duration_ms,
        }
        if metadata is not None:
            payload["metadata"] = dict(metadata)
        self._sent[name] += 1
        arrived = False
        try:
            await self._link.emit("fragment:data", payload)
            arrived = True
        finally:
            if not arrived:
                self._settle(name)
        return name

    async def end(self) -> None:
        """Say that no fragment follows; `Complete` comes once all are answered.

        Raises:
            ConnectionLost: as `Client.emit`.
        """
        await self._link.emit("stream:end", {"stream_id": self.ready.stream_id})

    async def wait_for_room(self) -> None:
        """Wait until the server would take a fragment: fewer than `max_inflight` unanswered, and no pause.

        Answers count when they are read, so another task must be reading `events` meanwhile.

        Raises:
            ConnectionLost: the stream has ended, nothing more can be answered.
        """
        await trio.lowlevel.checkpoint()
        while self._paused or self.in_flight >= self.ready.max_inflight:
            if self._finished:
                break
            async with trio.open_nursery() as nursery:
                # Whichever comes first: news from `events`, or the end of the connection.
                nursery.start_soon(self._cancel_when_gone, nursery.cancel_scope)
                await self._changed.wait()
                nursery.cancel_scope.cancel()
            if self._link.closed:
                break
        if self._finished or self._link.closed:
            raise ConnectionLost("the stream has ended: no room for another fragment")

    async def _cancel_when_gone(self, scope: trio.CancelScope) -> None:
        await self._link.wait_closed()
        scope.cancel()

    async def _next_raw(self) -> Event:
        if self._early:
            await trio.lowlevel.checkpoint()
            return self._early.popleft()
        if self._lost is None:
            try:
                event = await anext(self._client.events)
            except StopAsyncIteration:
                reason = "the connection was closed before stream:complete"
            except ConnectionLost as lost:
                reason = lost.reason
            else:
                if not isinstance(event, Disconnected):
                    return event
                reason = event.reason
            # What follows is of the next connection, and for who opens a stream there.
            self._lost = reason
        raise ConnectionLost(self._lost)

    def _note(self, event: StreamEvent) -> None:
        if isinstance(event, Processed):
            self._settle(event.fragment_id)
        elif isinstance(event, Backpressure):
            self.backpressure = event
            if event.action != "slow_down":  # it neither begins nor ends a pause
                self._paused = event.action == "pause"
            self._wake()
        elif isinstance(event, Complete):
            self._finished = True
            self._wake()

    def _account(self, raw: Event) -> None:
        """Count an answer that cannot be read, where it says at least to what."""
        payload = raw.args[0] if raw.args else None
        if raw.name == "fragment:processed" and isinstance(payload, dict):
            name = payload.get("fragment_id")
            if isinstance(name, str):
                self._settle(name)

    def _settle(self, fragment_id: str) -> None:
        if self._sent[fragment_id] > 1:
            self._sent[fragment_id] -= 1
        else:
            del self._sent[fragment_id]
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = trio.Event()


async def open_dubbing_stream(client: Client, init: StreamInit) -> DubbingStream:
    """Ask for a stream and wait until the server is ready for it.

    From here on the stream reads `client.events`; nobody else should. What is still unread of earlier
    connections is passed over: it was for streams that are gone.

    Raises:
        StreamRefused: the server answered with an `error`.
        NoAnswer: no `stream:ready` within 10 s.
        BadAnswer: the answer breaks the contract.
        ConnectionLost: the connection ended first, or there is none: see `Client.link`.
    """
    early: deque[Event] = deque()
    link = await client.link()
    with trio.move_on_after(READY_TIMEOUT_S):
        await link.emit("stream:init", init.payload())
        async for event in client.events:
            if isinstance(event, Disconnected) and event.connection == link.number:
                raise ConnectionLost(event.reason)
            if event.connection != link.number:
                continue  # left unread since before
            if event.name == "stream:ready":
                return DubbingStream(client, link, init, read_ready(event.args), early)
            if event.name == "error":
                refusal = read_error(event.args)
                raise StreamRefused(refusal.code, refusal.message)
            if len(early) == MAX_EARLY:
                raise BadAnswer(f"the server sent {MAX_EARLY} events and no stream:ready")
            early.append(event)
        raise ConnectionLost("the server closed the connection before stream:ready")
    raise NoAnswer(f"the server sent no stream:ready within {READY_TIMEOUT_S:g} s")
