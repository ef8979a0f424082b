"""A worker that comes back, written from the protocol's text and not from our client."""

import base64

import attrs
import trio

INIT = {
    "source_language": "en",
    "target_language": "pt",
    "sample_rate_hz": 16_000,
    "format": "pcm_s16le",
    "resume": True,
    "timeout_ms": 30_000,
}


@attrs.define(eq=False)
class ResumingWorker:
    """Sends `pieces`, at most `room` unanswered; `connect` gives it a new connection whenever it is cut."""

    connect: object
    pieces: list
    room: int = 3
    away_s: float = 0.1
    socket: object = None
    token: str = ""
    last: int = 0
    next_piece: int = 0
    ended: bool = False
    unanswered: dict = attrs.field(factory=dict)
    results: list = attrs.field(factory=list)
    complete: dict | None = None
    errors: list = attrs.field(factory=list)
    returns: int = 0
    lost: int = 0
    slowest_return_s: float = 0.0

    async def run(self):
        self.socket = await self.connect()
        self.socket.send("stream:init", INIT)
        while self.complete is None:
            item = await self.socket.next()
            if item is None:
                await self.come_back()
            else:
                self.take(*item)
        self.socket.end(self.socket.wire.reason.CLIENT_DISCONNECT)

    async def come_back(self):
        while True:
            await trio.sleep(self.away_s)
            self.socket = await self.connect()
            self.returns += 1
            began = trio.current_time()
            if not self.token:
                # Cut before it could get one: nothing was sent, so nothing is lost by a new stream.
                self.socket.send("stream:init", INIT)
                return
            back = {"resume_token": self.token, "last_result_number": self.last}
            self.socket.send("stream:resume_session", back)
            resumed = await self.socket.next_named("stream:resumed")
            if resumed is not None:
                break
        self.slowest_return_s = max(self.slowest_return_s, trio.current_time() - began)
        self.lost += resumed["lost_results"]
        there = {one["fragment_id"] for one in resumed["unanswered"]}
        for name, payload in self.unanswered.items():
            if name not in there:
                self.socket.send("fragment:data", payload)
        if self.ended and not resumed["complete"]:
            self.socket.send("stream:end", None)
        self.send_more()

    def take(self, event, payload):
        if event == "stream:ready":
            self.token = payload["resume_token"]
            self.send_more()
        elif event == "fragment:processed":
            assert payload["result_number"] == self.last + 1, (payload["result_number"], self.last)
            self.last += 1
            self.results.append(payload)
            del self.unanswered[payload["fragment_id"]]
            self.socket.send("fragment:ack", {"result_number": self.last})
            self.send_more()
        elif event == "error":
            self.errors.append(payload)
        elif event == "stream:complete":
            self.complete = payload

    def send_more(self):
        while len(self.unanswered) < self.room and self.next_piece < len(self.pieces):
            number = self.next_piece
            self.next_piece += 1
            payload = {
                "fragment_id": f"f{number}",
                "sequence_number": number,
                "audio": base64.b64encode(self.pieces[number]).decode(),
            }
            self.unanswered[payload["fragment_id"]] = payload
            self.socket.send("fragment:data", payload)
        if not (self.ended or self.unanswered) and self.next_piece == len(self.pieces):
            self.ended = True
            self.socket.send("stream:end", None)
