"""The worker's side of the dubbing contract: one stream over a connected client, flat dialect.

Nothing here paces: fragments go out as fast as the caller sends them. A caller that means to be polite
awaits `wait_for_room()` before each; `backpressure` says what the server thinks.

On a client that reconnects, and with a server that keeps streams for those who come back, a stream survives
its connection: see `Lifeline`. Otherwise it is lost with it: its events end with `ConnectionLost`, its sends
raise it, and nothing of it goes out over the next connection. The client can be asked for a new stream then;
the worker decides which fragments to send again.
"""

import base64
import time
from collections import deque
from collections.abc import Mapping
from typing import Any

import attrs
import trio

from sts_actors.client.answers import (
    Backpressure,
    Complete,
    Processed,
    Ready,
    ServerWarning,
    StreamEvent,
    read_error,
    read_event,
    read_ready,
)
from sts_actors.client.client import Client
from sts_actors.client.errors import BadAnswer, ConnectionLost, NoAnswer, StreamRefused
from sts_actors.client.incoming import Disconnected, Event
from sts_actors.client.lifeline import Lifeline
from sts_actors.client.link import Link
from sts_actors.client.outstanding import Outstanding
from sts_actors.client.resumed import ResultsLost, Resumed
from sts_actors.client.stream_init import FORMAT, StreamInit

READY_TIMEOUT_S = 10.0
"""The contract's: `stream:ready` within 10 s of `stream:init`."""
MAX_EARLY = 64
DRAINING = "SERVER_DRAINING"
"""The code of a server that is about to go: it opens no stream any more, another one may."""


class DubbingStream:
    """An open stream: see `open_dubbing_stream`. It is its own iterator, `events`.

    Attributes:
        ready: the server's answer to `stream:init`, and what `stream:resumed` has changed in it since.
        backpressure: the last one that came, None before the first.
        draining: the server is about to go and has ended the stream: what it has acknowledged is answered,
            then comes `Complete`, and what follows is for another stream.
    """

    def __init__(
        self, client: Client, line: Lifeline, init: StreamInit, ready: Ready, early: deque[Event]
    ) -> None:
        self.ready = ready
        self.backpressure: Backpressure | None = None
        self.draining = False
        self._client = client
        self._line = line
        self._init = init
        self._early = early
        self._also: deque[StreamEvent] = deque()
        self._sent = Outstanding(ready.target_languages)
        self._paused = False
        self._finished = False

    @property
    def resumable(self) -> bool:
        """Whether the stream survives its connection."""
        return self._line.resumable

    @property
    def in_flight(self) -> int:
        """Fragments sent and not yet answered, in all languages, by what was read from `events`."""
        return len(self._sent)

    @property
    def events(self) -> "DubbingStream":
        """What the server says, in its order, ending after `Complete`; one task should read it.

        A stream that was resumed says so with `Resumed`, and goes on: each result comes once.

        Raises, out of the iteration:
            BadAnswer: a payload that breaks the contract; the iteration may be resumed behind it.
            ConnectionLost: the stream was lost before `Complete`: its connection ended, in whatever manner,
                and it could not be resumed.
        """
        return self

    def __aiter__(self) -> "DubbingStream":
        return self

    async def __anext__(self) -> StreamEvent:
        while not self._finished:
            if self._also:
                await trio.lowlevel.checkpoint()
                return self._also.popleft()
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
        """Send one fragment and return its id; in an outage this waits until it is over.

        Args:
            sequence_number: from 0 or 1, without holes; the same again is a retry.
            audio: raw PCM as the stream's `StreamInit` describes it.
            duration_ms: what the audio lasts.
            fragment_id: made from the number when None.
            metadata: the server gives its `pts_ns` back.

        Raises:
            ConnectionLost: the stream is lost.
            MessageTooLarge: as `Client.emit`.
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
        self._sent.add(name)
        arrived = False
        try:
            await self._line.send_fragment(name, payload)
            arrived = True
        finally:
            if not arrived:
                self._sent.withdraw(name)
                self._line.wake()
        return name

    async def end(self) -> None:
        """Say that no fragment follows; `Complete` comes once all are answered.

        Raises:
            ConnectionLost: the stream is lost.
        """
        await self._line.end()

    async def wait_for_room(self) -> None:
        """Wait until the server would take a fragment: fewer than `max_inflight` unanswered, and no pause.

        Where the server is `draining`, that is never again.

        Answers count when they are read, so another task must be reading `events` meanwhile. In an outage
        there is no room.

        Raises:
            ConnectionLost: the stream has ended, nothing more can be answered.
        """
        await trio.lowlevel.checkpoint()
        while not self._line.over and not self._has_room():
            await self._line.changed.wait()
        if self._line.over:
            raise ConnectionLost("the stream has ended: no room for another fragment")

    def _has_room(self) -> bool:
        return (
            self._line.up and not (self._paused or self.draining) and self.in_flight < self.ready.max_inflight
        )

    async def _next_raw(self) -> Event:
        if self._early:
            await trio.lowlevel.checkpoint()
            return self._early.popleft()
        return await self._line.next_event()

    def _note(self, event: StreamEvent) -> None:
        if isinstance(event, Processed):
            self._settle(event.fragment_id, event.target_language)
        elif isinstance(event, Backpressure):
            self.backpressure = event
            if event.action != "slow_down":  # it neither begins nor ends a pause
                self._paused = event.action == "pause"
            self._line.wake()
        elif isinstance(event, Complete):
            self._finished = True
        elif isinstance(event, ServerWarning):
            self.draining |= event.code == DRAINING
        elif isinstance(event, Resumed):
            self.ready = attrs.evolve(
                self.ready, session_id=event.session_id, max_inflight=event.max_inflight
            )
            if event.lost_results:
                self._also.append(ResultsLost(count=event.lost_results))
            self._line.wake()

    def _account(self, raw: Event) -> None:
        """Count an answer that cannot be read, where it says at least to what."""
        payload = raw.args[0] if raw.args else None
        if raw.name == "fragment:processed" and isinstance(payload, dict):
            name, language = payload.get("fragment_id"), payload.get("target_language")
            if isinstance(name, str):
                self._settle(name, language if isinstance(language, str) else None)

    def _settle(self, fragment_id: str, language: str | None) -> None:
        self._sent.settle(fragment_id, language)
        self._line.wake()


async def open_dubbing_stream(client: Client, init: StreamInit) -> DubbingStream:
    """Ask for a stream and wait until the server is ready for it.

    From here on the stream reads `client.events`; nobody else should. What is still unread of earlier
    connections is passed over: it was for streams that are gone. A client has one stream at a time: a former
    one that has not ended is lost by this.

    A server that is about to go refuses. A client that reconnects then leaves it, dials again and asks anew,
    after the delays and as often as its `Reconnect` says: there may be another at the same address, or soon.

    Raises:
        StreamRefused: the server answered with an `error`.
        NoAnswer: no `stream:ready` within 10 s.
        BadAnswer: the answer breaks the contract.
        ConnectionLost: the connection ended first, or there is none: see `Client.link`.
    """
    delays = client.delays()
    while True:
        link = await client.link()
        try:
            return await _open(client, link, init)
        except StreamRefused as refused:
            delay_s = next(delays, None) if refused.code == DRAINING else None
            if delay_s is None:
                raise
            link.abandon(refused.reason)
        await trio.sleep(delay_s)


async def _open(client: Client, link: Link, init: StreamInit) -> DubbingStream:
    line = Lifeline(client, link, resume=init.resume and client.reconnects)
    client.events.listen(line)
    opened = False
    try:
        with trio.move_on_after(READY_TIMEOUT_S):
            await link.emit("stream:init", init.payload(resume=client.reconnects))
            ready, early = await _wait_ready(client, link)
            opened = True
    finally:
        if not opened:
            client.events.listen(None)
    if not opened:
        raise NoAnswer(f"the server sent no stream:ready within {READY_TIMEOUT_S:g} s")
    if line.resumable:
        client.start_soon(line.run)
    return DubbingStream(client, line, init, ready, early)


async def _wait_ready(client: Client, link: Link) -> tuple[Ready, deque[Event]]:
    """The server's consent, and what it said before."""
    early: deque[Event] = deque()
    async for event in client.events:
        if isinstance(event, Disconnected) and event.connection == link.number:
            raise ConnectionLost(event.reason)
        if event.connection != link.number:
            continue  # left unread since before
        if event.name == "stream:ready":
            return read_ready(event.args), early
        if event.name == "error":
            refusal = read_error(event.args)
            raise StreamRefused(refusal.code, refusal.message)
        if len(early) == MAX_EARLY:
            raise BadAnswer(f"the server sent {MAX_EARLY} events and no stream:ready")
        early.append(event)
    raise ConnectionLost("the server closed the connection before stream:ready")
