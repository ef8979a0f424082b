"""Workers that dub in a thread of their own while a test looks at a page."""

import threading
import time

import attrs
import trio

from sts_actors.audio.pcm import encode_s16le
from sts_actors.client import ConnectionLost, Processed, StreamInit, open_client, open_dubbing_stream
from sts_actors.engines.marks import mark

RATE_HZ = 16_000


def marked(stream, fragment, duration_s):
    """Raw PCM that the fake recogniser hears as `stream 3 fragment 17`."""
    return bytes(encode_s16le(mark(stream, fragment, sample_rate_hz=RATE_HZ, duration_s=duration_s)[:, None]))


@attrs.define(eq=False)
class Worker:
    """One worker with one stream: what it sent and what came back, with its own times."""

    ready: object
    number: int
    duration_s: float
    speech: bytes | None = None
    """Raw PCM that is sent in its fragments; None for marks."""
    rate_hz: int = RATE_HZ
    answers: list = attrs.field(factory=list)
    sent_at: dict = attrs.field(factory=dict)
    answered_at: dict = attrs.field(factory=dict)
    """By sequence number and target language; times of `time.monotonic()`."""
    lost: bool = False
    _stream: object = None
    _done: threading.Event = attrs.field(factory=threading.Event)

    async def feed(self, fragments, pace_s):
        """Send `fragments` of them; no quicker than one each `pace_s`."""
        start = len(self.sent_at)
        for sequence_number in range(start, start + fragments):
            await self._stream.wait_for_room()
            self.sent_at[sequence_number] = time.monotonic()
            audio = self.sound(sequence_number)
            await self._stream.send_fragment(sequence_number, audio, round(self.duration_s * 1000))
            await trio.sleep(pace_s)

    def sound(self, sequence_number):
        """What a fragment sounds like."""
        if self.speech is None:
            return marked(self.number, sequence_number, self.duration_s)
        size = round(self.duration_s * self.rate_hz) * 2
        return self.speech[sequence_number * size :][:size]

    async def listen(self):
        """Take all answers until the stream is over."""
        try:
            async for event in self._stream.events:
                if isinstance(event, Processed):
                    self.answers.append(event)
                    self.answered_at[event.sequence_number, event.target_language] = time.monotonic()
        except ConnectionLost:
            self.lost = True
        finally:
            self._done.set()


class Workers:
    """A thread with a Trio of its own; every method is called from the test's."""

    def __init__(self, url):
        self._url = url
        self._up = threading.Event()
        self._thread = threading.Thread(target=trio.run, args=(self._main,))

    def __enter__(self):
        self._thread.start()
        self._up.wait()
        return self

    def __exit__(self, *exc_info):
        trio.from_thread.run_sync(self._nursery.cancel_scope.cancel, trio_token=self._token)
        self._thread.join()

    async def _main(self):
        async with trio.open_nursery() as self._nursery:
            self._token = trio.lowlevel.current_trio_token()
            self._nursery.start_soon(trio.sleep_forever)
            self._up.set()

    def open(self, number=1, duration_s=1.0, token=None, speech=None, **init):
        """Open a stream; it stays open until it is ended or the workers go home."""
        asked = {"source_language": "en", "target_language": "pt", "sample_rate_hz": RATE_HZ, **init}
        asked = StreamInit(**asked)
        return self._ask(self._nursery.start, self._work, token, number, duration_s, speech, asked)

    async def _work(self, token, number, duration_s, speech, asked, *, task_status):
        headers = {"headers": {"Authorization": f"Bearer {token}"}} if token else {}
        async with open_client(self._url, **headers) as client:
            stream = await open_dubbing_stream(client, asked)
            rate_hz = asked.sample_rate_hz
            worker = Worker(stream.ready, number, duration_s, speech, rate_hz, stream=stream)
            task_status.started(worker)
            await worker.listen()

    def feed(self, worker, fragments, pace_s=0.0):
        """Have a worker send fragments, and return at once."""
        trio.from_thread.run_sync(
            self._nursery.start_soon, worker.feed, fragments, pace_s, trio_token=self._token
        )

    def end(self, worker):
        """End a worker's stream and wait until all of it is answered."""
        self._ask(worker._stream.end)
        assert worker._done.wait(30)

    def _ask(self, function, *arguments):
        return trio.from_thread.run(function, *arguments, trio_token=self._token)
