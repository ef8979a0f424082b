"""A toy dubbing service on our own gateway whose streams can be resumed; it dubs by reversing."""

import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import attrs
import trio
from client_wires import Wire, Wires, serve_over_wires

from sts_actors.gateway import Server

SECRET = "secret-token"


@attrs.define(eq=False)
class Line:
    """The server's half of one stream.

    Attributes:
        sid: over which connection; None while there is none.
        got: numbers of all fragments that arrived, in order.
        results: all of them, numbered from 1.
        languages: of the dubs, or one without a name.
        places: of which fragment, from 1, and in which language each result is.
        told: how many of the results went to the present connection, or the last.
    """

    token: str
    sid: str | None
    resumable: bool
    got: list[int] = attrs.field(factory=list)
    ids: list[tuple[str, int]] = attrs.field(factory=list)
    results: list[dict] = attrs.field(factory=list)
    told: int = 0
    languages: tuple[str, ...] = ("",)
    places: list[tuple[int, str]] = attrs.field(factory=list)
    acknowledged: int = 0
    ends: int = 0
    completed: bool = False
    complete_told: bool = False
    lost: int = 0
    lost_at: float | None = None
    changed: trio.Event = attrs.field(factory=trio.Event)

    def made(self, language: str) -> int:
        return sum(its == language for _, its in self.places)

    def wake(self) -> None:
        self.changed.set()
        self.changed = trio.Event()


@attrs.define(eq=False)
class Dubber:
    """The service, and what a test wants of it.

    Attributes:
        took_s: how long each fragment is in work, by its number; one after the other.
        moments: what to do to the present wire when something happens for the nth time.
        grants: whether it gives tokens.
        forgets: how many results are given up at the next resumption.
        answers_resumption: whether it does.
    """

    server: Server
    nursery: trio.Nursery
    wires: Wires
    took_s: Callable[[int], float] = lambda _: 0.1
    moments: dict[tuple[str, int], Callable[[Wire], None]] = attrs.field(factory=dict)
    grants: bool = True
    window_s: float = 120.0
    max_inflight: int = 3
    forgets: int = 0
    answers_resumption: bool = True
    lines: list[Line] = attrs.field(factory=list)
    inits: list[dict] = attrs.field(factory=list)
    asked: list[dict] = attrs.field(factory=list)
    acks: list[dict] = attrs.field(factory=list)
    goodbyes: int = 0
    _seen: dict[str, int] = attrs.field(factory=dict)

    @property
    def line(self) -> Line:
        return self.lines[-1]

    def happens(self, moment: str) -> None:
        self._seen[moment] = self._seen.get(moment, 0) + 1
        act = self.moments.get((moment, self._seen[moment]))
        if act is not None:
            act(self.wires.last)

    def of(self, sid: str) -> Line | None:
        return next((line for line in self.lines if line.sid == sid), None)

    def left(self, sid: str, reason: str) -> None:
        line = self.of(sid)
        if line is not None:
            line.sid, line.lost_at = None, trio.current_time()
            if reason == self.server.reason.CLIENT_DISCONNECT:
                self.goodbyes += 1

    async def init(self, sid: str, data: dict) -> None:
        self.inits.append(data)
        resumable = self.grants and data.get("resume") is True
        languages = tuple(data.get("target_languages") or [""])
        line = Line(token=f"{SECRET}-{len(self.lines)}", sid=sid, resumable=resumable, languages=languages)
        self.lines.append(line)
        self.happens("init")
        ready: dict[str, Any] = {
            "stream_id": "s",
            "session_id": sid,
            "max_inflight": self.max_inflight,
            "capabilities": ["asr"],
        }
        if languages != ("",):
            ready["target_languages"] = list(languages)
        if resumable:
            ready |= {"resume_token": line.token, "resume_window_s": self.window_s}
        await self.server.emit("stream:ready", ready, to=sid)
        self.nursery.start_soon(self.tell, line)
        self.happens("ready")

    def fragment(self, sid: str, data: dict) -> None:
        line = self.of(sid)
        if line is None:
            return
        line.got.append(data["sequence_number"])
        line.ids.append((data["fragment_id"], data["sequence_number"]))
        for language in line.languages:
            self.nursery.start_soon(self.dub, line, len(line.got), data, language)
        self.happens("fragment")

    async def dub(self, line: Line, place: int, data: dict, language: str) -> None:
        number = data["sequence_number"]
        # Each language takes its own time, and keeps its own order.
        await trio.sleep(self.took_s(number) * (1 + line.languages.index(language)))
        while line.made(language) + 1 < place:
            await line.changed.wait()
        line.places.append((place, language))
        line.results.append(
            {
                "fragment_id": data["fragment_id"],
                "stream_id": "s",
                "sequence_number": number,
                "status": "success",
                "dubbed_audio": base64.b64encode(base64.b64decode(data["audio"])[::-1]).decode(),
                "processing_time_ms": 1,
            }
            | ({"result_number": len(line.results) + 1} if line.resumable else {})
            | ({"target_language": language} if language else {})
        )
        line.wake()

    def end(self, sid: str) -> None:
        line = self.of(sid)
        if line is not None:
            line.ends += 1
            self.happens("end")
            line.wake()

    def acknowledged(self, sid: str, data: dict) -> None:
        line = self.of(sid)
        if line is not None:
            self.acks.append(data)
            line.acknowledged = max(line.acknowledged, data["result_number"])
            self.happens("ack")

    async def tell(self, line: Line) -> None:
        """Say what is new, over whichever connection there is."""
        while True:
            sid = line.sid
            if line.ends and len(line.results) == len(line.got) * len(line.languages):
                line.completed = True
            if sid is not None and line.told < len(line.results):
                line.told += 1
                result = line.results[line.told - 1]
                self.happens("result")
                await self.server.emit("fragment:processed", result, to=sid)
                self.happens("told")
            elif sid is not None and line.completed and not line.complete_told:
                line.complete_told = True
                self.happens("complete")
                await self.server.emit("stream:complete", complete(len(line.results)), to=sid)
                self.happens("completed")
            else:
                await line.changed.wait()

    async def resume(self, sid: str, data: dict) -> None:
        self.asked.append(data)
        self.happens("resume")
        if not self.answers_resumption:
            return
        line = next((line for line in self.lines if line.token == data["resume_token"]), None)
        late = line is not None and line.lost_at and trio.current_time() - line.lost_at > self.window_s
        if line is None or late:
            refusal = {"code": "STREAM_NOT_FOUND", "message": "no such stream", "retryable": False}
            await self.server.emit("error", refusal, to=sid)
            return
        if line.sid is not None:
            self.nursery.start_soon(self.server.disconnect, line.sid)
        line.sid = None
        last = data["last_result_number"]
        lost, self.forgets = self.forgets, 0
        told_of = [line.ids[place - 1] + (language,) for place, language in line.places[last + lost :]]
        unmade = line.ids[min(map(line.made, line.languages)) :]
        told = {
            "stream_id": "s",
            "session_id": sid,
            "max_inflight": self.max_inflight,
            "last_result_number": len(line.results),
            "unanswered": [
                {"fragment_id": name, "sequence_number": number}
                | ({"target_language": language[0]} if language and language[0] else {})
                for name, number, *language in [*told_of, *unmade]
            ],
            "lost_results": lost,
            "complete": line.completed,
        }
        await self.server.emit("stream:resumed", told, to=sid)
        line.sid, line.told, line.complete_told, line.lost_at = sid, last + lost, False, None
        pressure = {"severity": "low", "action": "none", "current_inflight": 0}
        rest = {"max_inflight": self.max_inflight, "recommended_delay_ms": 0}
        await self.server.emit("backpressure", pressure | rest, to=sid)
        self.happens("resumed")
        line.wake()


def complete(count: int) -> dict:
    counts = {"success_count": count, "partial_count": 0, "failed_count": 0}
    times = {"avg_processing_time_ms": 1.0, "p95_processing_time_ms": 1.0}
    return {"stream_id": "s", "total_fragments": count, "total_duration_ms": count, **counts, **times}


@asynccontextmanager
async def dubber_in_memory(monkeypatch) -> AsyncIterator[Dubber]:
    """The service, for clients opened inside the block; a mock clock may drive it."""
    server = Server()
    async with (
        trio.open_nursery() as nursery,
        serve_over_wires(server, monkeypatch) as wires,
    ):
        dubber = Dubber(server=server, nursery=nursery, wires=wires)

        @server.on("connect")
        async def connect(sid, environ, auth=None):
            pass

        @server.on("disconnect")
        async def disconnect(sid, reason):
            dubber.left(sid, reason)

        @server.on("stream:init")
        async def init(sid, data):
            await dubber.init(sid, data)

        @server.on("fragment:data")
        async def fragment(sid, data):
            dubber.fragment(sid, data)

        @server.on("stream:end")
        async def end(sid, *_):
            dubber.end(sid)

        @server.on("fragment:ack")
        async def ack(sid, data):
            dubber.acknowledged(sid, data)

        @server.on("stream:resume_session")
        async def resume(sid, data):
            await dubber.resume(sid, data)

        yield dubber
        nursery.cancel_scope.cancel()
