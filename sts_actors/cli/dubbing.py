"""One file's way through a service: a task that sends fragments, one that takes the dubs."""

from itertools import count

import attrs
import numpy as np
import trio

from sts_actors.cli.errors import CommandError, ExitCode
from sts_actors.cli.media import AudioFile, Pcm, cut
from sts_actors.cli.output import BYTES_PER_SAMPLE, DubWriter
from sts_actors.cli.progress import Display
from sts_actors.cli.report import FragmentReport, fragment_report
from sts_actors.client import (
    DubbingStream,
    Processed,
    Reconnect,
    ServerErrorEvent,
    ServerWarning,
    StreamInit,
    open_client,
    open_dubbing_stream,
)

SHORTEST_S = 0.5
"""A rest below this stays with the last fragment: half a word gives the recogniser nothing to go by."""

TIMEOUT_MS = 30_000
"""The longest the wire allows: in a file, a late dub is better than none."""

RECONNECT = Reconnect(attempts=4)
"""Some twelve seconds: whoever waits at a terminal wants to know."""

FAST_IN_FLIGHT = 2
"""Keeps recognition and synthesis busy at once; more would only queue, against the timeout."""

LATE_AFTER_S = 8.0
"""In a live run: deployed workers wait no longer for an answer."""

MAX_FRAGMENT_BYTES = 3_000_000
"""As base64 this makes 4.0 MB, the largest message that popular Socket.IO clients take."""

MAX_FRAGMENT_S = 30.0


@attrs.frozen(kw_only=True)
class DubRequest:
    """What to make of the audio; `live` sends each fragment when it would have been spoken."""

    source_language: str
    target_language: str
    voice: str | None = None
    fragment_s: float = 6.0
    live: bool = False
    token: str = attrs.field(default="", repr=False)

    @property
    def late_after_s(self) -> float:
        """What takes longer is late. A fast run keeps a service busy, and waits for its turn: no measure."""
        return LATE_AFTER_S if self.live else TIMEOUT_MS / 1000

    def fragment_frames(self, sample_rate_hz: int, channels: int) -> int:
        """The length of a fragment in samples.

        Raises:
            CommandError: it would not pass the wire in one message.
        """
        frames = round(self.fragment_s * sample_rate_hz)
        # The last fragment may be longer by almost `SHORTEST_S`.
        longest_s = MAX_FRAGMENT_BYTES / (sample_rate_hz * channels * BYTES_PER_SAMPLE) - SHORTEST_S
        if self.fragment_s > longest_s:
            raise CommandError(
                f"fragments of {self.fragment_s:g} s are too large to send at {sample_rate_hz} Hz with "
                f"{channels} channels: use --fragment-seconds {int(longest_s)} or less"
            )
        return frames


@attrs.define(eq=False)
class DubRun:
    """Dubs `audio` into `writer`; `fragments` is the record, in order, of what came of each.

    The dub is as long as the input to the sample, whatever the service does: a fragment that fails
    leaves its length of silence.
    """

    request: DubRequest
    audio: AudioFile
    writer: DubWriter
    display: Display
    fragments: list[FragmentReport] = attrs.field(factory=list)
    _frames: list[int] = attrs.field(factory=list, init=False)
    _early: dict[int, Processed] = attrs.field(factory=dict, init=False)
    _written: int = attrs.field(default=0, init=False)
    _all_sent: bool = attrs.field(default=False, init=False)
    _trouble: str = attrs.field(default="", init=False)
    _started: float = attrs.field(default=0.0, init=False)

    async def through(self, url: str) -> None:
        """Send the whole file to the service at `url` and take all its dubs.

        Raises:
            sts_actors.client.ClientError: there is no connection, it was lost, or the stream was refused.
            CommandError: the service ended the stream early, or the dub cannot be written.
        """
        request, audio = self.request, self.audio
        frames = request.fragment_frames(audio.sample_rate_hz, audio.channels)
        init = StreamInit(
            source_language=request.source_language,
            target_language=request.target_language,
            sample_rate_hz=audio.sample_rate_hz,
            channels=audio.channels,
            chunk_duration_ms=round(request.fragment_s * 1000),
            voice_profile=request.voice,
            max_inflight=None if request.live else FAST_IN_FLIGHT,
            timeout_ms=TIMEOUT_MS,
        )
        auth = {"token": request.token} if request.token else None
        async with open_client(url, auth=auth, reconnect=RECONNECT) as client:
            stream = await open_dubbing_stream(client, init)
            self._started = trio.current_time()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._send_all, stream, frames)
                await self._take_all(stream)

    async def _send_all(self, stream: DubbingStream, frames: int) -> None:
        audio = self.audio
        fragments = cut(audio.blocks, frames, round(SHORTEST_S * audio.sample_rate_hz))
        position = 0
        for number in count():
            pcm = await trio.to_thread.run_sync(next, fragments, None)
            if pcm is None:
                break
            start_s, duration_s = position / audio.sample_rate_hz, len(pcm) / audio.sample_rate_hz
            position += len(pcm)
            due = trio.current_time()
            if self.request.live:
                due = self._started + start_s + duration_s
                await trio.sleep_until(due)
            await stream.wait_for_room()
            now = trio.current_time()
            asked = FragmentReport(
                sequence_number=number,
                start_s=start_s,
                duration_s=duration_s,
                sent_s=now - self._started,
                held_back_s=now - due if self.request.live else 0.0,
            )
            self.fragments.append(asked)
            self._frames.append(len(pcm))
            self.display.sent(asked)
            await stream.send_fragment(
                number, pcm.astype("<i2", copy=False).tobytes(), round(duration_s * 1000)
            )
        self._all_sent = True
        await stream.end()

    async def _take_all(self, stream: DubbingStream) -> None:
        async for event in stream.events:
            match event:
                case Processed():
                    await self._take(event)
                case ServerErrorEvent(fragment_id=None):
                    self._trouble = f": {event.code}: {event.message}"
                case ServerWarning():
                    self.display.note(f"{event.code}: {event.message}")
        if not self._all_sent or self._written < len(self.fragments):
            raise CommandError(
                f"the service ended the stream after {self._written} fragments{self._trouble}; see its log",
                code=ExitCode.SERVICE,
            )

    async def _take(self, answer: Processed) -> None:
        number = answer.sequence_number
        if not self._written <= number < len(self.fragments) or number in self._early:
            return  # answered already, or never asked
        self._early[number] = answer
        self.fragments[number] = fragment_report(
            self.fragments[number],
            answer,
            answered_s=trio.current_time() - self._started,
            late_after_s=self.request.late_after_s,
        )
        # Answers come in order; but a refusal that found no room in the service's line may overtake.
        while (due := self._early.pop(self._written, None)) is not None:
            pcm = fit(due.audio or b"", self._frames[self._written], self.audio.channels)
            await trio.to_thread.run_sync(
                self.writer.add, pcm, due.transcript or "", due.translated_text or ""
            )
            self.display.answered(self.fragments[self._written])
            self._written += 1


def fit(audio: bytes, frames: int, channels: int) -> Pcm:
    """`audio`, int16 little endian, cut or filled with silence to `frames`; shape `(frames, channels)`.

    Our service needs no such help: this is for the dubs of others.
    """
    wanted = frames * channels
    samples = np.frombuffer(audio[: len(audio) // 2 * 2], dtype="<i2")[:wanted]
    filled = np.zeros(wanted, dtype=np.int16)
    filled[: len(samples)] = samples
    return filled.reshape(frames, channels)
