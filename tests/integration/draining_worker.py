"""A worker that keeps fragments in flight for as long as it is let, and notes all that it is told."""

import attrs

from sts_actors.errors import ErrorCode

DRAINING = ErrorCode.SERVER_DRAINING.value


@attrs.define(eq=False)
class DrainingWorker:
    """Sends `audio` again and again, `room` fragments unanswered; stops when one is refused."""

    socket: object
    init: dict
    audio: str
    room: int = 3
    sent: int = 0
    acked: list = attrs.field(factory=list)
    results: list = attrs.field(factory=list)
    after_complete: list = attrs.field(factory=list)
    errors: list = attrs.field(factory=list)
    warnings: list = attrs.field(factory=list)
    complete: dict | None = None
    refused: bool = False

    async def run(self):
        self.socket.send("stream:init", self.init)
        while (item := await self.socket.next()) is not None:
            self.take(*item)

    def take(self, event, payload):
        match event:
            case "stream:ready":
                self.send_more()
            case "fragment:ack":
                self.acked.append(payload["fragment_id"])
            case "fragment:processed":
                (self.results if self.complete is None else self.after_complete).append(payload)
                self.refused |= payload["status"] == "failed"
                self.send_more()
            case "stream:complete":
                assert self.complete is None
                self.complete = payload
            case "error":
                self.errors.append(payload)
            case "warning":
                self.warnings.append(payload["code"])

    def send_more(self):
        while not self.refused and self.sent - len(self.results) - len(self.after_complete) < self.room:
            name = f"f{self.sent}"
            payload = {"fragment_id": name, "sequence_number": self.sent, "audio": self.audio}
            self.sent += 1
            self.socket.send("fragment:data", payload)

    def check(self):
        """All that was acknowledged is answered once, in order; all else says why; the sum is right."""
        done = [result["fragment_id"] for result in self.results if result["status"] == "success"]
        assert done == self.acked
        assert [int(name[1:]) for name in done] == sorted(int(name[1:]) for name in done)
        rest = [r for r in (*self.results, *self.after_complete) if r["fragment_id"] not in done]
        assert {r["error"]["code"] for r in rest} <= {DRAINING}
        assert len(done) + len(rest) == self.sent
        assert {error["code"] for error in self.errors} <= {DRAINING}
        if self.complete is None:
            # It came too late to have a stream.
            assert [error["code"] for error in self.errors] == [DRAINING]
            assert self.sent == 0
            return
        assert self.warnings == [DRAINING]
        assert self.complete["success_count"] == len(done)
        assert self.complete["total_fragments"] == len(self.results)
